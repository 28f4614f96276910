"""The decision as one HTML page that opens anywhere: verdict, table, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters.page_style import STYLE, markdown, picture
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.metrics import defined, told
from mlflow_fraud.core.measuring.slices import Share, Slice
from mlflow_fraud.core.release.guardrails import Guardrail
from mlflow_fraud.paths import MODELS

QUALITY = {
    "f1": ".4f",
    "precision": ".4f",
    "recall": ".4f",
    "average_precision": ".4f",
    "roc_auc": ".4f",
    "calibration_error": ".5f",
}
TEAM = {
    "bursts_caught": ".1%",
    "money_saved": ".1%",
    "frauds_before_alert": ".1f",
    "alerts_per_day": ".1f",
    "recall_at_budget": ".1%",
    "expected_cost": ".2f",
}
"""What the models mean for those who look into alerts; `docs/metrics.md` defines each."""

WEIGHED = {
    "effective_rows": ",.0f",
    "capped_rows": ",.0f",
    "f1_cap_bias": "+.4f",
    "precision_cap_bias": "+.4f",
    "recall_cap_bias": "+.4f",
    "average_precision_cap_bias": "+.4f",
}
"""What stands beside `QUALITY` where only some payments were looked into."""

HEADINGS = {
    "frauds_before_alert": "frauds before the alert",
    "alerts_per_day": "alerts a day",
    "recall_at_budget": "recall in the budget",
    "expected_cost": "cost a day",
}

Intervals = Mapping[str, Mapping[str, Sequence[float] | None]]
NO_INTERVALS: Intervals = {}

PAGE = (
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Verdict: {headline}</title>
<style>"""
    + STYLE
    + """
  body {{ max-width: 60rem }}
  th, td {{ padding: .35rem .9rem }}
  img {{ width: 48%; min-width: 20rem }}
</style>
<h1>{headline}</h1>
<p>{asked}</p>
<ul>{reasons}</ul>
<h2>On the same test rows</h2>
{contest}
<p>{cutoffs}</p>
<ul>{guardrails}</ul>
<h2>All candidates</h2>
{candidates}
<h2>What they mean for the team</h2>
{team}
<p>{budget}</p>
{slices}
{figures}
</html>
"""
)


def render_report(decision: Mapping[str, Any], models: Path = MODELS) -> str:
    """Return the page for the content of `verdict.json`; the pictures are inside it."""
    promote = decision["verdict"]["promote"]
    contestants = {
        f"{role} {decision[role]['version']}": decision[role]["metrics"]
        for role in ("challenger", "champion")
        if decision[role]
    }
    return PAGE.format(
        headline=headline(decision),
        colour="#2f9e5b" if promote else "#d1495b",
        asked=escape(asked(decision)),
        guardrails="".join(f"<li>{escape(line)}</li>" for line in guardrail_lines(decision)),
        reasons="".join(f"<li>{escape(reason)}</li>" for reason in decision["reasons"]),
        contest=_table(contestants),
        cutoffs=escape(cutoffs_line(decision)),
        candidates=_table(decision["candidates"], intervals=decision["intervals"]),
        team=_table({**contestants, **decision["candidates"]}, TEAM),
        budget=escape(budget_line(decision.get("budget", ""))),
        slices=slices_in_html(decision.get("slices", {})),
        figures="\n".join(_figure(path) for path in sorted(models.glob("*/*.png"))),
    )


def headline(decision: Mapping[str, Any]) -> str:
    """Return the verdict in one line."""
    version = decision["challenger"]["version"]
    return f"{version}: promote" if decision["verdict"]["promote"] else f"{version}: do not promote"


def asked(decision: Mapping[str, Any]) -> str:
    """Return which question was asked, by whose rule, and how often before."""
    look = decision["verdict"]["look"]
    again = f" Look {look} since something last won by proof: it has to be surer." if look > 1 else ""
    question = str(decision["question"])
    return f"{question[:1].upper()}{question[1:]}. Judged by {decision['rule']}.{again}"


def cutoffs_line(decision: Mapping[str, Any]) -> str:
    """Return from what each contestant flags.

    >>> cutoffs_line({"challenger": {"threshold": 0.4}, "champion": {"threshold": 0.01, "expected_loss": 5.0}})
    'Flags: the challenger from threshold 0.4000, the champion from an expected loss of 5.00, threshold 0.0100 for a \
typical fraud.'
    """
    sides = {role: decision[role] for role in ("challenger", "champion") if decision[role]}
    said = [f"the {role} from {Cutoff(side['threshold'], side.get('expected_loss'))}" for role, side in sides.items()]
    return f"Flags: {', '.join(said)}."


def guardrail_lines(decision: Mapping[str, Any]) -> list[str]:
    """Return what was found of each guardrail."""
    return [str(Guardrail(**each)) for each in decision["verdict"]["guardrails"]]


def budget_line(budget: str) -> str:
    """Return what stands under a table for the team: how many alerts its budget is, and what a dash says."""
    said = f"Recall in the budget is at {budget}. " if budget else ""
    return f"{said}A dash: not defined on these rows (docs/metrics.md)."


def markdown_table(
    rows: Mapping[str, Mapping[str, float | None]],
    first: str = "candidate",
    *,
    columns: Mapping[str, str] = QUALITY,
    intervals: Intervals = NO_INTERVALS,
) -> str:
    """Return metrics as a Markdown table, one row a name; `columns` gives each metric its form.

    >>> print(markdown_table({"xgboost": {"f1": 0.9}}).splitlines()[0])
    | candidate | f1 | precision | recall | average precision | roc auc | calibration error |
    >>> table = markdown_table({"a": {"f1": 0.9}}, columns={"f1": ".4f"}, intervals={"a": {"f1": (0.8, 0.95)}})
    >>> print(table.splitlines()[2])
    | a | 0.9000 (0.800 to 0.950) |
    """
    columns = _with_weights(rows, columns)
    head = [first, *(_words(column) for column in columns)]
    return markdown(
        head, [[name, *_cells(metrics, columns, intervals.get(name, {}))] for name, metrics in rows.items()]
    )


def _table(
    rows: Mapping[str, Mapping[str, float | None]],
    columns: Mapping[str, str] = QUALITY,
    intervals: Intervals = NO_INTERVALS,
) -> str:
    columns = _with_weights(rows, columns)
    head = "".join(f"<th>{_words(column)}</th>" for column in columns)
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{cell}</td>" for cell in _cells(metrics, columns, intervals.get(name, {})))
        + "</tr>"
        for name, metrics in rows.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _with_weights(rows: Mapping[str, Mapping[str, float | None]], columns: Mapping[str, str]) -> Mapping[str, str]:
    """Return the columns, and beside F1 what weights and their cap do, where metrics are of weighted rows."""
    weighed = any("effective_rows" in metrics for metrics in rows.values())
    return {**columns, **WEIGHED} if weighed and "f1" in columns else columns


def _cells(
    metrics: Mapping[str, float | None], columns: Mapping[str, str], intervals: Mapping[str, Sequence[float] | None]
) -> list[str]:
    return [_cell(metrics.get(column), form, intervals.get(column)) for column, form in columns.items()]


def _cell(value: float | None, form: str, bounds: Sequence[float] | None) -> str:
    number = told(value, form)
    return f"{number} ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds and defined(value) is not None else number


def slices_in_html(slices: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return what each contestant found and flagged in parts of the test, each with how sure that is."""
    sides = {role: [Slice.model_validate(each) for each in found] for role, found in slices.items()}
    if not sides:
        return ""
    heads = [
        "",
        "",
        "rows",
        "frauds",
        *(f"{role}'s {what}" for role in sides for what in ("alerts", "recall", "precision")),
    ]
    lines = []
    for of_each in zip(*sides.values(), strict=True):
        shares = [
            cell for each in of_each for cell in (f"{each.alerts:,}", _share(each.recall), _share(each.precision))
        ]
        first = of_each[0]
        lines.append([first.of, first.value, f"{first.rows:,}", f"{first.frauds:,}", *shares])
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f"<h2>In parts of the test, with 95 % intervals</h2><table><tr>{head}</tr>{body}</table>"


def slices_table(slices: Sequence[Slice]) -> str:
    """Return what was found and flagged in parts of a test as a Markdown table, each with how sure that is."""
    lines = ["| part of the test | rows | frauds | alerts | recall | precision |", f"| --- |{' ---: |' * 5}"]
    lines += [
        f"| {each.of}: {each.value} | {each.rows:,} | {each.frauds:,} | {each.alerts:,} "
        f"| {_share(each.recall)} | {_share(each.precision)} |"
        for each in slices
    ]
    return "\n".join(lines) + "\n"


def _share(share: Share | None) -> str:
    return f"{share.share:.2f} ({share.lower:.2f} to {share.upper:.2f})" if share else told(None)


def _words(column: str) -> str:
    return HEADINGS.get(column, column.replace("_", " "))


def _figure(path: Path) -> str:
    return picture(path.read_bytes(), f"{path.parent.name} {path.stem}")

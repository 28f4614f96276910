"""The decision as one HTML page that opens anywhere: verdict, table, pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

COLUMNS = ("f1", "precision", "recall", "average_precision", "roc_auc", "calibration_error")

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Verdict: {headline}</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; color: #1b2330; max-width: 60rem }}
  body {{ margin: 2.5rem auto; padding: 0 1rem }}
  h1 {{ font-size: 1.5rem; border-left: .4rem solid {colour}; padding-left: .8rem }}
  table {{ border-collapse: collapse; margin: 1rem 0 2rem }}
  th, td {{ padding: .35rem .9rem; text-align: right; border-bottom: 1px solid #e6e9ee }}
  td {{ font-variant-numeric: tabular-nums }}
  th:first-child, td:first-child {{ text-align: left }}
  img {{ width: 48%; min-width: 20rem }}
</style>
<h1>{headline}</h1>
<ul>{reasons}</ul>
<h2>On the same test rows</h2>
{contest}
<h2>All candidates</h2>
{candidates}
{figures}
</html>
"""


def render_report(decision: Mapping[str, Any], models: Path = Path("data/models")) -> str:
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
        reasons="".join(f"<li>{escape(reason)}</li>" for reason in decision["reasons"]),
        contest=_table(contestants),
        candidates=_table(decision["candidates"]),
        figures="\n".join(_figure(path) for path in sorted(models.glob("*/*.png"))),
    )


def headline(decision: Mapping[str, Any]) -> str:
    """Return the verdict in one line."""
    version = decision["challenger"]["version"]
    return f"{version}: promote" if decision["verdict"]["promote"] else f"{version}: do not promote"


def markdown_table(rows: Mapping[str, Mapping[str, float | None]], first: str = "candidate") -> str:
    """Return metrics as a Markdown table, one row a name.

    >>> print(markdown_table({"xgboost": {"f1": 0.9}}).splitlines()[0])
    | candidate | f1 | precision | recall | average precision | roc auc | calibration error |
    """
    head = [first, *(column.replace("_", " ") for column in COLUMNS)]
    lines = [head, ["---", *("---:" for _ in COLUMNS)]]
    lines += [[name, *(_number(metrics.get(column)) for column in COLUMNS)] for name, metrics in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _table(rows: Mapping[str, Mapping[str, float | None]]) -> str:
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in COLUMNS)
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_number(metrics.get(c))}</td>' for c in COLUMNS)}</tr>"
        for name, metrics in rows.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _figure(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(path.parent.name)} {escape(path.stem)}" src="data:image/png;base64,{content}">'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

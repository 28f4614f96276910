"""The shipped model beside that of a pull request's base: each one's own figures, and the difference on shared rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.adapters import git_branch
from mlflow_fraud.adapters.dvc_lock import locked_test
from mlflow_fraud.adapters.dvc_past import bring_from
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.page_style import markdown
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.measuring.difference import Difference, differences
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.metrics import defined, told
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.operations.reporting.summary import COMPARED
from mlflow_fraud.paths import LOCK, SHIPPED, model_folder, part_file
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.lineage import HONEST
from mlflow_fraud.stages.shipped import Shipped, read_shipped

METRICS = model_folder(SHIPPED) / "metrics.json"
MODEL = model_folder(SHIPPED) / "model"
_OF_BASE = "_of_base"


class Paired(NamedTuple):
    """Both models on the rows that both were tested on: how much better the one here is in each metric."""

    rows: int
    rule: BootstrapRule
    gains: Mapping[str, Difference | None]


def against_base(base: str) -> str:
    """Return the shipped model's test metrics beside those that the commit `base` has, where it has any, in Markdown.

    A difference is of rows that both had in their test, with its interval; what cannot be compared is said so.
    """
    old = git_branch.content_at(base, METRICS.as_posix())
    if old is None:
        return "The base branch has no trained model, so there is nothing to compare with.\n"
    before, now = json.loads(old), read_json(METRICS)
    if before == now:
        return f"The model is that of `{base[:12]}`: nothing that it depends on has changed.\n"
    lock = git_branch.content_at(base, LOCK.as_posix())
    same = lock is not None and locked_test(lock) == locked_test(LOCK.read_text(encoding="utf-8"))
    shipped = read_shipped()
    try:
        paired: Paired | None = pair(base, shipped)
        said = _of_shared_rows(paired, same=same) if paired else ""
    except DataError as error:
        paired, said = None, _of_figures(str(error), same=same)
    heads = ["metric", "base", "here", *(["difference"] if paired or same else [])]
    rows = []
    for metric in COMPARED:
        cells = [_with_interval(each, metric) for each in (before, now)]
        if paired:
            cells.append(_gain(paired, metric))
        elif same:
            cells.append(_difference(before["test"].get(metric), now["test"].get(metric)))
        rows.append([metric.replace("_", " "), *cells])
    return f"{said}\n\n{markdown(heads, rows)}"


def pair(base: str, shipped: Shipped) -> Paired:
    """Return how the shipped model of here does against that of the commit `base` on the rows that both were tested on.

    Both sides' scores are those by which their practice was judged, so none had learned its row. Raises `DataError`
    where the base's are not to be had, or no row is in both tests.
    """
    params, test = load_params(), pl.read_parquet(part_file("test"))
    ours, theirs = _side(shipped.test, test), _side(_scores_at(base), test)
    rows = test.join(ours, on="event_id", maintain_order="left").join(
        theirs, on="event_id", maintain_order="left", suffix=_OF_BASE
    )
    if not len(rows):
        raise DataError("no row is in both tests")
    period = read_period(rows, decimals=shipped.trained.schema.contract.currency_decimals)
    here, there = ((rows[f"probability{of}"].to_numpy(), rows[f"threshold{of}"].to_numpy()) for of in ("", _OF_BASE))
    rule = params.compare.bootstrap
    return Paired(len(rows), rule, differences(COMPARED, period, here, there, params.costs, rule))


def _scores_at(base: str) -> pl.DataFrame:
    """Return the scores by which the commit's shipped model was judged."""
    with TemporaryDirectory() as folder:
        bring_from(base, MODEL, Path(folder) / MODEL.name)
        try:
            return pl.read_parquet(Path(folder) / MODEL.name / HONEST)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{MODEL / HONEST} of {base[:12]} cannot be read: {error}") from None


def _side(scores: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """Return each row's probability and threshold, its id as the test has it."""
    kinds = {"event_id": test.schema["event_id"], "probability": pl.Float64, "threshold": pl.Float64}
    try:
        return scores.select(*kinds).cast(kinds)  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the base's scores are of another form: {str(error).splitlines()[0]}") from None


def _of_shared_rows(paired: Paired, *, same: bool) -> str:
    """Return what a difference of shared rows is of."""
    rows = counted(paired.rows, "row")
    said = (
        f"On the same {rows} of the test."
        if same
        else "**The test periods differ**: base and here are each on its own rows, the difference is on the "
        f"{rows} that are in both tests."
    )
    drawn = (
        f" In brackets: {paired.rule.confidence:.0%} intervals, of a difference with both in the same draws of cards."
    )
    unknown = " A dash: too few cards with a fraud to tell." if None in paired.gains.values() else ""
    return said + drawn + unknown


def _of_figures(why: str, *, same: bool) -> str:
    """Return what a difference of figures alone is of, and why there is no interval."""
    if same:
        return f"On the same test rows. The difference has no interval: {why}."
    return (
        f"**The test periods differ**, so no difference is formed: {why}. What is held against each other on the same "
        "rows is in the verdict."
    )


def _with_interval(metrics: Mapping[str, Any], metric: str) -> str:
    bounds = metrics.get("intervals", {}).get(metric)
    value = metrics["test"].get(metric)
    return told(value) + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds and defined(value) is not None else "")


def _gain(paired: Paired, metric: str) -> str:
    found = paired.gains[metric]
    if found is None:
        return told(None)
    bounds = found.interval(paired.rule.tail)
    return f"{bounds.estimate:+.4f} ({bounds.lower:+.4f} to {bounds.upper:+.4f})"


def _difference(before: float | None, now: float | None) -> str:
    before, now = defined(before), defined(now)
    return told(None) if before is None or now is None else f"{now - before:+.4f}"

"""Whether the candidate knows what it cannot know: shuffled labels, a random split, a history without its future."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.adapters.files import write_json, write_text
from mlflow_fraud.adapters.report import markdown_table
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.leakage import (
    BURST,
    Foresight,
    LabelCheck,
    SplitCheck,
    foreseeing,
    from_base_rate,
    random_parts,
    shifted_borders,
    shuffled,
    together,
)
from mlflow_fraud.core.measuring.metrics import Metrics, told
from mlflow_fraud.operations.evaluation.history import (
    Cut,
    History,
    build_history,
    of_dataset,
    one_test,
    read_transactions,
)
from mlflow_fraud.operations.evaluation.judging import check_candidate, judge, require_cuts
from mlflow_fraud.paths import LEAKAGE
from mlflow_fraud.settings import Params, load_params
from mlflow_fraud.stages.progress import watched
from mlflow_fraud.stages.run import say

Builder = Callable[[pl.DataFrame, FeatureSchema], pl.DataFrame]

SHUFFLES = 5
"""How often the labels are shuffled: what a model of noise reaches is luck, the median of several is not."""


def leakage(candidate: str, dataset: str = "", borders: int = 6, build: Builder = build_features) -> str:
    """Return the page of the three checks, which is also written; raise `DataError` where one finds a leak."""
    check_candidate(candidate)
    params = of_dataset(load_params(), dataset)
    transactions = read_transactions(params, active=load_params().dataset)
    cut = one_test(transactions, params.active.split)
    require_cuts(transactions, [cut])
    history = build_history(transactions, params, cut)

    def built(rows: pl.DataFrame) -> pl.DataFrame:
        say(f"features of what was known at {rows['event_time'][-1]}: {len(rows):,} transactions")
        return build(rows, history.schema)

    instants = shifted_borders(transactions, borders)
    found = foreseeing(transactions, built, instants, params.active.split.label_delay)
    split = _split_check(history, cut, candidate, params)
    labels = _label_check(history, cut, candidate, params, split.by_time)
    page = _page(params.dataset, candidate, labels, split, found, borders)
    file = LEAKAGE / f"{params.dataset}-{candidate}"
    write_text(file.with_suffix(".md"), page)
    write_json(file.with_suffix(".json"), _document(labels, split, found))
    leaks = [] if labels.holds else [f"shuffled labels still give average precision {labels.typical:.4f}"]
    leaks += [f"{each.feature} knows the future" for each in found]
    if leaks:
        say(page)
        raise DataError(
            f"a leak: {'; '.join(leaks)}; {file.with_suffix('.md')} has the evidence, repair it and retrain"
        )
    return page


def _split_check(history: History, cut: Cut, candidate: str, params: Params) -> SplitCheck:
    card = history.schema.contract.payer
    dealt = Cut("at random", random_parts(cut.parts, params.train.seed), cut.labels)
    by_time, at_random = (_judged(history, each, candidate, params) for each in (cut, dealt))
    return SplitCheck(
        by_time=by_time,
        at_random=at_random,
        together_by_time=together(history.transactions, cut.parts, card) if card else None,
        together_at_random=together(history.transactions, dealt.parts, card) if card else None,
    )


def _label_check(history: History, cut: Cut, candidate: str, params: Params, honest: Metrics) -> LabelCheck:
    rate = {part: _fraud_rate(history.examples(cut.parts == part)) for part in ("train", "test")}
    fair = params.model_copy(update={"train": from_base_rate(params.train, candidate, rate["train"])})
    found = [
        _judged(_with_shuffled_labels(history, cut, params.train.seed + place), cut, candidate, fair)
        for place in range(SHUFFLES)
    ]
    return LabelCheck(
        honest=honest["average_precision"] or 0.0,
        shuffled=tuple(metrics["average_precision"] or 0.0 for metrics in found),
        base_rate=rate["test"],
    )


def _fraud_rate(rows: Examples) -> float:
    return float(np.average(rows.y, weights=rows.weights))


def _with_shuffled_labels(history: History, cut: Cut, seed: int) -> History:
    """Return the history in which nothing can be learned: the labels of train and of validation are shuffled."""
    y = history.y.copy()
    for part in ("train", "validation"):
        rows = _rows(cut, part)
        y[rows] = shuffled(y[rows], seed)
    return replace(history, y=y)


def _rows(cut: Cut, part: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero((cut.parts == part).fill_null(False).to_numpy())


def _judged(history: History, cut: Cut, candidate: str, params: Params) -> Metrics:
    with watched(candidate) as progress:
        judged = judge(history, cut, candidate, params.train, params.judging, progress, refit=params.active.refit)
    metrics = judged.assessment.test
    say(f"{candidate}, test {cut.name}: average precision {told(metrics['average_precision'])}")
    return metrics


def _page(
    dataset: str, candidate: str, labels: LabelCheck, split: SplitCheck, found: Sequence[Foresight], borders: int
) -> str:
    kept = ", ".join(f"{value:.4f}" for value in labels.shuffled)
    gap = (split.at_random["average_precision"] or 0.0) - (split.by_time["average_precision"] or 0.0)
    table = markdown_table({"by time": split.by_time, "at random": split.at_random}, first="split")
    features = [f"- {each}" for each in found] or ["- no feature changes when the future is taken away"]
    return "\n".join(
        [
            f"## Leak checks on {dataset}: {candidate}",
            "",
            f"### Shuffled labels: {'as it should be' if labels.holds else '**a leak**'}",
            "",
            f"Average precision on test is {labels.honest:.4f}; after learning from shuffled labels it is "
            f"{labels.typical:.4f} (median of {kept}). The base rate is {labels.base_rate:.4f}; "
            f"over {labels.limit:.4f} would be a leak.",
            "",
            "### The same rows split by time and at random",
            "",
            table,
            f"The random split's average precision is {gap:+.4f} from the honest one. {_bursts(split)} about a time "
            "that it has learned from. Only the split by time tells what a model is worth tomorrow.",
            "",
            f"### Features at {borders} borders: {'**a leak**' if found else 'as it should be'}",
            "",
            *features,
            "",
        ]
    )


def _bursts(split: SplitCheck) -> str:
    if split.together_at_random is None or split.together_by_time is None:
        return "The model is asked"
    return (
        f"Of its test frauds {split.together_at_random:.0%} have a fraud of the same card within {BURST.days} days "
        f"among the rows learned from (split by time: {split.together_by_time:.0%}): the model is asked about bursts "
        "of which it has seen the other half, and"
    )


def _document(labels: LabelCheck, split: SplitCheck, found: Sequence[Foresight]) -> dict[str, object]:
    return {
        "labels": {**asdict(labels), "typical": labels.typical, "limit": labels.limit, "holds": labels.holds},
        "split": asdict(split),
        "features": [{**asdict(each), "border": each.border.isoformat()} for each in found],
    }

"""Years of simulated businesses as monitoring sees them: from payments through features and a fitted model to days."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.businesses import HISTORY_DAYS, LABEL_DAYS, START, open_business
from benchmarks.policies import Practice
from mlflow_fraud.adapters.files import write_bytes
from mlflow_fraud.core.features.definitions import Row
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.watching.binned import count
from mlflow_fraud.core.watching.expected import Expected, expect
from mlflow_fraud.core.watching.performance import bounds_of
from mlflow_fraud.core.watching.reference import Reference, columns_of, score_bins
from mlflow_fraud.settings import Params

DAYS = 364
"""Of a watched year: 52 weeks, 13 blocks."""

BLOCK = 28
CHAIN_DAYS = 28
DRAWS = BootstrapRule(samples=400)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Year:
    """One business under a scenario, from the day on which the scenario began; what was live stayed the same.

    `at`, `fraud`, `flagged`, `card` and `new` are of the payments that are fraud or were flagged, in time order; `at`
    is in days. `expected` has the sums of each day, `counts` of each column and day the rows of the reference's bins,
    `month` the month of each day.
    """

    seed: int
    scenario: str
    reference: Reference
    at: Floats
    fraud: npt.NDArray[np.bool_]
    flagged: npt.NDArray[np.bool_]
    card: Whole
    new: npt.NDArray[np.bool_]
    expected: Floats
    counts: dict[str, Whole]
    month: Whole

    def period(self, rows: npt.NDArray[np.bool_]) -> Period:
        """Return some of the payments, as they are measured; the amounts are not looked at."""
        cards = np.unique(self.card[rows], return_inverse=True)[1].astype(np.int64)
        times = np.datetime64(START, "us") + (self.at[rows] * 86_400e6).astype("timedelta64[us]")
        return Period(self.fraud[rows].astype(np.int8), cards, times, np.ones(int(rows.sum()), np.int64))


def year_of(params: Params, folder: Path, payments: int, task: tuple[int, str]) -> Year:
    """Return a year, from its file where it is made already."""
    seed, scenario = task
    made_of = hashlib.sha256(params.model_dump_json().encode()).hexdigest()[:8]
    file = folder / f"{scenario}-{seed}-{payments}-{made_of}.npz"
    if not file.is_file():
        _write(file, _watch(params, seed, scenario, payments))
    return _read(file)


def redrawn(year: Year, draw: np.random.Generator) -> Year:
    """Return a year of the same business whose blocks of days are drawn anew, each from those next to it.

    So the season stays; the first block, in which a scenario may pass, stays where it is.
    """
    blocks = np.arange(DAYS // BLOCK)
    first = 1 if year.scenario == "seasonal" else 0
    chosen = np.clip(blocks + draw.integers(-2, 3, len(blocks)), first, len(blocks) - 1)
    chosen[:first] = blocks[:first]
    rows = [np.flatnonzero((year.at >= old * BLOCK) & (year.at < (old + 1) * BLOCK)) for old in chosen]
    order = np.concatenate(rows)
    moved = np.concatenate(
        [np.full(len(each), (new - old) * BLOCK) for new, old, each in zip(blocks, chosen, rows, strict=True)]
    )
    days = np.concatenate([np.arange(old * BLOCK, (old + 1) * BLOCK) for old in chosen])
    return Year(
        year.seed,
        year.scenario,
        year.reference,
        year.at[order] + moved,
        year.fraud[order],
        year.flagged[order],
        year.card[order],
        year.new[order],
        year.expected[days],
        {name: each[days] for name, each in year.counts.items()},
        year.month[days],
    )


def _watch(params: Params, seed: int, scenario: str, payments: int) -> Year:
    """Return a business whose model was shipped on the day before the year, as a retraining makes it."""
    business = open_business(params, seed, scenario, DAYS, payments)
    practice = Practice(business, params, CHAIN_DAYS)
    model = practice.shipped(float(HISTORY_DAYS))
    learned, tested = business.at < model.learned_until, np.isfinite(model.honest)
    names = [feature.name for feature in business.schema.features if isinstance(feature, Row)]
    places = [business.schema.names.index(name) for name in names]
    months = business.table["event_time"].dt.month().cast(int).to_numpy()
    test, honest, cuts = business.period(tested), model.honest[tested], model.thresholds[tested]
    promised = bounds_of(test, honest, cuts, practice.costs, BootstrapRule(), ("f1", "recall"))
    metrics = evaluate(test, honest, cuts, practice.costs)
    bursts = int(metrics["bursts"] or 0)
    reference = Reference(
        rows=int(learned.sum()),
        since=START,
        until=START + timedelta(days=HISTORY_DAYS),
        columns=columns_of(
            {name: business.x[learned, place] for name, place in zip(names, places, strict=True)}, months[learned]
        ),
        score=score_bins(honest),
        expected=expect(honest, cuts, test.cards),
        bursts=(round(bursts * (metrics["bursts_caught"] or 0.0)), bursts),
        promised=promised,
    )
    rows = business.between(HISTORY_DAYS, HISTORY_DAYS + DAYS)
    at, scores, x = business.at[rows] - HISTORY_DAYS, model.score(business, rows), business.x[rows]
    cards, fraud = business.period(rows).cards, business.labels[rows] == 1
    flagged = scores >= model.settled.cutoff.threshold
    kept, day = fraud | flagged, at.astype(np.int64)
    columns: dict[str, tuple[npt.NDArray[np.floating[Any]], tuple[float, ...]]] = {
        name: (x[:, place], reference.columns[name].bins.edges) for name, place in zip(names, places, strict=True)
    }
    columns["score"] = (scores, reference.score.edges)
    of_day = [day == number for number in range(DAYS)]
    month = np.array([int(months[rows][each][0]) if each.any() else 0 for each in of_day])
    return Year(
        seed,
        scenario,
        reference,
        at[kept],
        fraud[kept],
        flagged[kept],
        cards[kept],
        business.new[rows][kept],
        np.array([_sums(scores[each], model.settled.cutoff.threshold, cards[each]) for each in of_day]),
        {name: np.array([count(values[each], edges) for each in of_day]) for name, (values, edges) in columns.items()},
        month,
    )


def _sums(scores: Floats, threshold: float, cards: Whole) -> Expected:
    return expect(scores, threshold, np.unique(cards, return_inverse=True)[1])


def _write(file: Path, year: Year) -> None:
    content = BytesIO()
    arrays = {name: getattr(year, name) for name in ("at", "fraud", "flagged", "card", "new", "expected", "month")}
    counts = {f"counts_{name}": each for name, each in year.counts.items()}
    told = np.array([year.reference.model_dump_json()])
    which = np.array([str(year.seed), year.scenario])
    np.savez_compressed(content, allow_pickle=False, told=told, which=which, **arrays, **counts)
    write_bytes(file, content.getvalue())


def _read(file: Path) -> Year:
    with np.load(file) as found:
        seed, scenario = found["which"]
        named = {name: found[name] for name in ("at", "fraud", "flagged", "card", "new", "expected", "month")}
        counts = {name.removeprefix("counts_"): found[name] for name in found.files if name.startswith("counts_")}
        reference = Reference.model_validate_json(str(found["told"][0]))
        return Year(int(seed), str(scenario), reference, counts=counts, **named)


def tasks(years: int, scenarios: Sequence[str], first_seed: int) -> list[tuple[int, str]]:
    """Return what there is to make, so that an interrupted run has some of each scenario."""
    return [(seed, scenario) for seed in range(first_seed, first_seed + years) for scenario in scenarios]


__all__ = ["BLOCK", "DAYS", "DRAWS", "LABEL_DAYS", "Year", "redrawn", "tasks", "year_of"]

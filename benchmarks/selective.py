"""What only alerts being looked into does to figures and models, and what weights mend: `make bench-selective`.

Writes `docs/selective.md` below its heading; `--small` goes through all of it in some seconds and writes nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost

from benchmarks.selective_page import WAYS, Found, Story, text_of
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.labels import LABEL_CHANCE, LabelRule, weighed
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import choose_threshold
from mlflow_fraud.core.measuring.weights import read_weights
from mlflow_fraud.settings import Params, load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.preprocess import fit_schema

PAGE = Path("docs/selective.md")
HEADING = "## Figures\n"
START, WINDOW_DAYS = date(2020, 1, 1), 28
MEMORY = 3
"""A model learns from so many windows: the newest settles the threshold, those before it are fitted on."""

EVERYTHING, SILENCE, BARE, WEIGHTED = WAYS
CAPS = (5.0, 10.0, 15.0)
NO_CAP = 1e9
BOOSTER = {
    "objective": "binary:logistic",
    "eta": 0.15,
    "max_depth": 5,
    "min_child_weight": 0.1,
    "subsample": 0.9,
    "colsample_bytree": 0.3,
    "reg_lambda": 3.0,
    "nthread": 1,
    "seed": 7,
}

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """How much is done: businesses, their size, windows to learn in, how often reviews are drawn, rounds of trees."""

    seeds: int
    payments: int
    windows: int
    draws: int
    trees: int
    review_share: float = 0.05
    fraud_rate: float = 0.01


FIRST_SEED = 300
FULL, SMALL = Plan(8, 120_000, 10, 30, 40), Plan(2, 24_000, 6, 4, 10)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page."""
    began, small = time.perf_counter(), "--small" in arguments
    plan, params = SMALL if small else FULL, load_params()
    stories = list[Story]()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for story in pool.map(partial(tell_story, params, plan), range(FIRST_SEED, FIRST_SEED + plan.seeds)):
            stories.append(story)
            said = f"{len(stories)} of {plan.seeds} businesses"
            print(f"{time.perf_counter() - began:4.0f} s  {said}", file=sys.stderr, flush=True)
    told = f"{plan.seeds} businesses of {plan.payments:,} payments in {plan.windows} windows of {WINDOW_DAYS} days"
    text = text_of(stories, told, plan.review_share, plan.draws, MEMORY)
    print(text)
    if not small:
        write_text(PAGE, PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + f"{HEADING}\n{text}\n")


@dataclass(frozen=True)
class Business:
    """Payments with what they were, and the window of each."""

    x: npt.NDArray[np.float32]
    window: npt.NDArray[np.int64]
    truth: Period
    trees: int


@dataclass(frozen=True)
class Known:
    """What is known of a window: its rows that count, as labels and weights have them."""

    rows: Rows
    period: Period


@dataclass(frozen=True)
class Model:
    """What was learned, and from which score on it flags."""

    booster: xgboost.Booster
    threshold: float

    def score(self, x: npt.NDArray[np.float32]) -> Values:
        """Return what the model gives the rows."""
        return self.booster.inplace_predict(x).astype(np.float64)


def open_business(params: Params, plan: Plan, seed: int) -> Business:
    """Return a stable business, every payment with its features and its truth."""
    made = SimulationPlan(
        seed=seed,
        start=START,
        days=plan.windows * WINDOW_DAYS,
        transactions=plan.payments,
        cards=max(60, plan.payments // 400),
        fraud_rate=plan.fraud_rate,
    )
    contract = load_contract(params.active.contract)
    with tempfile.TemporaryDirectory() as folder:
        simulate(made).write_csv(Path(folder) / "bench.csv")
        table = read_batches([Path(folder) / "bench.csv"], contract)
    schema = fit_schema(params.active_features, contract, table)
    days = (table["event_time"].dt.date() - START).dt.total_days().to_numpy()
    truth = Period(
        table["label"].to_numpy(),
        table["card"].rank("dense").cast(pl.Int64).to_numpy() - 1,
        table["event_time"].to_numpy(),
        table["amount"].cast(pl.Int64).to_numpy(),
        contract.currency_decimals,
    )
    x = model_matrix(build_features(table, schema), schema)
    return Business(x, np.minimum(days // WINDOW_DAYS, plan.windows - 1), truth, plan.trees)


def tell_story(params: Params, plan: Plan, seed: int) -> Story:
    """Return what is told of one business in each way, and what becomes of models that learn from what is told."""
    business, costs = open_business(params, plan, seed), params.costs.model_copy(update={"alerts_per_day": None})
    begin = [_everything_of(business, np.flatnonzero(business.window == each)) for each in range(MEMORY)]
    first, draw = learn(business, begin, params), np.random.default_rng(seed)
    rows = np.flatnonzero(business.window >= MEMORY)
    scores = first.score(business.x)
    flagged = scores[rows] >= first.threshold

    def told(known: Known) -> Metrics:
        return evaluate(known.period, scores[known.rows], first.threshold, costs)

    truth, silent = (told(each) for each in (_everything_of(business, rows), _silent(business, rows, flagged)))
    found = [Found(EVERYTHING, truth, truth), Found(SILENCE, silent, truth)]
    for _ in range(plan.draws):
        chances, looked = _looked_into(flagged, plan.review_share, draw)
        found.append(Found(BARE, told(_bare(business, rows, looked)), truth))
        for name, cap in ((WEIGHTED, NO_CAP), *((f"cap {each:g}", each) for each in CAPS)):
            found.append(Found(name, told(_weighted(business, rows, looked, chances, cap)), truth))
    return Story(seed, found, {way: list(_rounds(business, params, plan, way, begin)) for way in WAYS})


def _rounds(business: Business, params: Params, plan: Plan, way: str, begin: list[Known]) -> Iterator[Metrics]:
    """Give what the model that is live in each window is really worth there; after it the next one is learned.

    Each way has its own alerts, and so its own labels. What was known of the first windows is forgotten in time.
    """
    known, draw = begin, np.random.default_rng(1)
    for window in range(MEMORY, plan.windows):
        model = learn(business, known[-MEMORY:], params)
        rows = np.flatnonzero(business.window == window)
        scores = model.score(business.x[rows])
        yield evaluate(_some(business.truth, rows), scores, model.threshold, params.costs)
        flagged = scores >= model.threshold
        chances, looked = _looked_into(flagged, plan.review_share, draw)
        told: dict[str, Callable[[], Known]] = {
            EVERYTHING: partial(_everything_of, business, rows),
            SILENCE: partial(_silent, business, rows, flagged),
            BARE: partial(_bare, business, rows, looked),
            WEIGHTED: partial(_weighted, business, rows, looked, chances, NO_CAP),
        }
        known = [*known, told[way]()]


def learn(business: Business, known: Sequence[Known], params: Params) -> Model:
    """Return what is learned from all windows but the newest, with the threshold that has the best F1 on that."""
    *before, newest = known
    rows = np.concatenate([each.rows for each in before])
    labels = np.concatenate([each.period.labels for each in before])
    weights = np.concatenate([each.period.counted(np.ones(len(each.rows))) for each in before])
    data = xgboost.QuantileDMatrix(business.x[rows], labels, weight=weights, nthread=1)
    booster = xgboost.train({**BOOSTER, "base_score": 0.1}, data, business.trees)
    scores = Model(booster, 0.0).score(business.x[newest.rows])
    if not newest.period.fraud.any():
        return Model(booster, 1.0)
    return Model(booster, choose_threshold(newest.period, scores, params.threshold, params.costs))


def _everything_of(business: Business, rows: Rows) -> Known:
    return Known(rows, _some(business.truth, rows))


def _silent(business: Business, rows: Rows, flagged: Flags) -> Known:
    """Return all rows, those that were not flagged as genuine."""
    told = _some(business.truth, rows)
    return Known(rows, replace(told, labels=np.where(flagged, told.labels, 0).astype(np.int8)))


def _bare(business: Business, rows: Rows, looked: Flags) -> Known:
    return Known(rows[looked], _some(business.truth, rows[looked]))


def _looked_into(flagged: Flags, share: float, draw: np.random.Generator) -> tuple[Values, Flags]:
    """Return the chance of each row, and which rows were looked into: every alert, and by lot some of the others."""
    chances = np.where(flagged, 1.0, share)
    return chances, draw.random(len(flagged)) < chances


def _weighted(business: Business, rows: Rows, looked: Flags, chances: Values, cap: float) -> Known:
    rule = LabelRule(labels="selective", review_share=float(chances.min()), weight_cap=cap)
    told = _some(business.truth, rows[looked])
    table = weighed(pl.DataFrame({"label": told.labels, LABEL_CHANCE: chances[looked]}), rule)
    return Known(rows[looked], replace(told, weights=read_weights(table)))


def _some(period: Period, rows: Rows) -> Period:
    return Period(
        period.labels[rows],
        np.unique(period.cards[rows], return_inverse=True)[1].astype(np.int64),
        period.times[rows],
        period.amounts[rows],
        period.decimals,
    )


if __name__ == "__main__":
    main(sys.argv[1:])

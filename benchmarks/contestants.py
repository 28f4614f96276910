"""Models and cards for the bench of the verdict: few fits, scored on businesses that none has learned from."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.training import JudgeRules, Scored, Settled, settle
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.settings import Params, load_contract
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.preprocess import fit_schema

LEARNED = date(2019, 1, 1)
JUDGED = date(2021, 1, 1)
WARM_DAYS = 90
"""Before the judged days: no window of a feature is longer."""

SHARE_OF_CARDS = 0.8
"""What each fit has learned from, another draw for each: as refits on other rows differ."""

RECIPES = {
    "good": {"max_depth": 6, "rounds": 120},
    "poor": {"max_depth": 2, "rounds": 25},
}
"""Both with `eta` 0.1; the poor one is what a change would improve on, or spoil."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """How much is fitted and simulated."""

    fits: int
    businesses: int
    judged_days: int = 90
    learned_days: int = 365
    payments_a_year: int = 75_000


@dataclass(frozen=True)
class Pool:
    """Rows of many cards, those of a card together, and what each fit of each recipe gives them; all flag from .5 on.

    `starts` has the first row of each card, and the number of rows at the end.
    """

    period: Period
    starts: npt.NDArray[np.int64]
    scores: dict[str, Scores]

    @property
    def frauds_of_card(self) -> npt.NDArray[np.int64]:
        """How many frauds each card has."""
        counted: npt.NDArray[np.int64] = np.add.reduceat(self.period.fraud.astype(np.int64), self.starts[:-1])
        return counted


@dataclass(frozen=True)
class Fit:
    """A booster, and how its scores become probabilities and flags."""

    booster: xgboost.Booster
    settled: Settled


def make_fits(params: Params, size: Size) -> tuple[FeatureSchema, dict[str, list[Fit]]]:
    """Return `size.fits` fits of each recipe, and the features that they read."""
    contract = load_contract(params.active.contract)
    history = _payments(contract, size, seed=1, start=LEARNED, days=size.learned_days + WARM_DAYS)
    schema = fit_schema(params.active_features, contract, history)
    x, border = model_matrix(build_features(history, schema), schema), LEARNED + timedelta(days=size.learned_days)
    learn = (history["event_time"].dt.date() < border).to_numpy()
    period = _period(history.filter(~pl.Series(learn)), contract)
    cards = history["card"].rank("dense").to_numpy().astype(np.int64)
    fits = {
        recipe: [
            _fit(x, history["label"].to_numpy(), cards, learn, period, params.judging, told, seed)
            for seed in range(size.fits)
        ]
        for recipe, told in RECIPES.items()
    }
    return schema, fits


def score_businesses(schema: FeatureSchema, fits: dict[str, list[Fit]], size: Size, *, first_seed: int) -> Pool:
    """Return the judged days of so many businesses, each with customers of its own."""
    tables, scored = list[pl.DataFrame](), dict[str, list[Scores]]({recipe: [] for recipe in fits})
    for number in range(size.businesses):
        days = WARM_DAYS + size.judged_days
        table = _payments(
            schema.contract, size, seed=first_seed + number, start=JUDGED - timedelta(days=WARM_DAYS), days=days
        )
        judged = table["event_time"].dt.date() >= JUDGED
        x = xgboost.DMatrix(model_matrix(build_features(table, schema), schema)[judged.to_numpy()])
        kept = table.filter(judged).select(
            "label", "event_time", "amount", (pl.col("card").cast(pl.String) + f"/{number}").alias("card")
        )
        tables.append(kept)
        for recipe, made in fits.items():
            scored[recipe].append(np.array([_from_a_half(each, each.booster.predict(x)) for each in made]))
    table = pl.concat(tables).with_columns(pl.col("card").rank("dense").cast(pl.Int64) - 1)
    order = np.lexsort((table["event_time"].to_numpy(), table["card"].to_numpy()))
    period = _period(table[order], schema.contract)
    starts = np.append(np.flatnonzero(np.diff(period.cards, prepend=-1)), len(period.cards))
    scores = {recipe: np.concatenate(parts, axis=1)[:, order] for recipe, parts in scored.items()}
    return Pool(period, starts, scores)


def rows_of(pool: Pool, cards: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows of some cards, card after card."""
    begin, length = pool.starts[cards], np.diff(pool.starts)[cards]
    offsets = np.repeat(begin - np.append(0, np.cumsum(length)[:-1]), length)
    rows: npt.NDArray[np.int64] = offsets + np.arange(length.sum())
    return rows


def some_rows(period: Period, rows: npt.NDArray[np.int64]) -> Period:
    """Return some rows of a period, their cards numbered from 0."""
    cards = np.unique(period.cards[rows], return_inverse=True)[1].astype(np.int64)
    return Period(period.labels[rows], cards, period.times[rows], period.amounts[rows], period.decimals)


def fits_by_card(draw: np.random.Generator, pool: Pool, recipe: str, rows: npt.NDArray[np.int64]) -> Scores:
    """Return a contestant's scores of some rows: each card has those of a fit of its own, drawn anew for each contest.

    Two such contestants are as good as each other exactly, and disagree as two fits do.
    """
    scores = pool.scores[recipe]
    of_card = draw.integers(0, len(scores), len(pool.starts) - 1)
    return scores[of_card[pool.period.cards[rows]], rows]


def _fit(
    x: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int8],
    cards: npt.NDArray[np.int64],
    learn: npt.NDArray[np.bool_],
    validation: Period,
    rules: JudgeRules,
    told: dict[str, int],
    seed: int,
) -> Fit:
    draw = np.random.default_rng(seed)
    some = learn & (draw.random(cards.max() + 1) < SHARE_OF_CARDS)[cards]
    rest = {"objective": "binary:logistic", "eta": 0.1, "subsample": 0.9, "colsample_bytree": 0.3, "base_score": 0.5}
    booster = xgboost.train(
        {**rest, "max_depth": told["max_depth"], "min_child_weight": 0.1, "seed": seed},
        xgboost.DMatrix(x[some], labels[some]),
        num_boost_round=told["rounds"],
    )
    scores = booster.predict(xgboost.DMatrix(x[~learn])).astype(np.float64)
    return Fit(booster, settle(Scored(validation, scores), rules))


def _from_a_half(fit: Fit, raw: Scores) -> Scores:
    """Return its probabilities moved along the log odds, so that what it flags is at or over .5."""
    scores, threshold = fit.settled.calibration(raw.astype(np.float64)), fit.settled.cutoff.threshold
    odds = np.log(scores / (1 - scores)) - np.float32(np.log(threshold / (1 - threshold)))
    moved = 1 / (1 + np.exp(-odds))
    return np.where(
        scores >= threshold, np.maximum(moved, 0.5), np.minimum(moved, np.nextafter(np.float32(0.5), np.float32(0)))
    ).astype(np.float32)


def _payments(contract: Contract, size: Size, *, seed: int, start: date, days: int) -> pl.DataFrame:
    plan = SimulationPlan(seed=seed, start=start, days=days, transactions=size.payments_a_year * days / 365)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.csv"
        simulate(plan).write_csv(file)
        return read_batches([file], contract)


def _period(table: pl.DataFrame, contract: Contract) -> Period:
    cards = table["card"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return Period(
        table["label"].to_numpy(),
        cards,
        table["event_time"].to_numpy(),
        table["amount"].cast(pl.Int64).to_numpy(),
        contract.currency_decimals,
    )

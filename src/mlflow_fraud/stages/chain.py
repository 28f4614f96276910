"""The chain: the test period in blocks, each scored by the recipe fitted on all that was mature when it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.model_export import booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.chain import Block, ShipRule, blocks, mature_at
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import REFITS
from mlflow_fraud.core.learning.learnable import require_learnable
from mlflow_fraud.core.learning.split import Borders, SplitRule
from mlflow_fraud.core.learning.training import JudgeRules, Scored, Settled, settle
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.measuring.weights import read_weights
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.core.release.twin import Twin, compare_twins

MOMENT = timedelta(microseconds=1)


class Recipe(NamedTuple):
    """How each link is made: the candidate, its parameters, the rounds that validation found best, and the rules."""

    candidate: str
    train: TrainParams
    best: int | None
    rules: JudgeRules


@dataclass(frozen=True)
class Link:
    """A model of the chain: its file, of a booster its own one too, what was settled, until when it has learned."""

    file_name: str
    model: bytes
    booster: bytes
    settled: Settled
    learned_until: datetime

    @property
    def scorer(self) -> Scorer:
        """The model without its calibration."""
        return load_scorer(self.file_name, self.model)


class Rows(NamedTuple):
    """What is learned from and judged on, in time order: the parts' tables, as `preprocess` left them."""

    table: pl.DataFrame
    schema: FeatureSchema
    rule: SplitRule
    cut: Borders

    def mature(self, as_of: datetime) -> pl.DataFrame:
        """Return the rows that were old enough at `as_of`, with what was known of them then."""
        return mature_at(self.table, self.rule.horizon, as_of)

    def thresholds(self, settled: Settled, rows: pl.DataFrame) -> pl.Series:
        """Return from which probability on each of the rows is flagged."""
        return settled.cutoff.of_column(rows["amount_minor"], decimals=self.schema.contract.currency_decimals)

    def examples(self, rows: pl.DataFrame) -> Examples:
        """Return rows as the models take them."""
        weights = read_weights(rows)
        return Examples(
            x=model_matrix(rows, self.schema),
            y=rows["label"].to_numpy(),
            names=tuple(self.schema.names),
            weights=None if weights is None else weights.values,
        )


class Chain:
    """The links of a practice, and the honest scores that it has given so far."""

    def __init__(self, rows: Rows, recipe: Recipe, honest: pl.DataFrame, progress: Progress) -> None:
        """Begin with the `honest` scores of validation: `event_id`, `event_time` and the model's own `score`."""
        self._rows = rows
        self._recipe = recipe
        self._progress = progress
        self.honest = honest
        self.test: list[pl.DataFrame] = []

    def add(self, block: Block, first: Link | None = None) -> Link:
        """Score a block with a link that had learned what was mature when it began: `first`, or one that is fitted."""
        link = first or self.fit(self._rows.mature(block.begins))
        mine = self._rows.mature(self._rows.cut.known_until).filter(
            pl.col("event_time").is_between(block.begins, block.ends, closed="left")
        )
        own = link.scorer.score(model_matrix(mine, self._rows.schema))
        keys = mine.select("event_id", "event_time")
        self.honest = pl.concat([self.honest, keys.with_columns(score=own)])
        cuts = self._rows.thresholds(link.settled, mine)
        self.test.append(keys.with_columns(probability=link.settled.calibration(own), threshold=cuts))
        return link

    def fit(self, learned: pl.DataFrame) -> Link:
        """Return the recipe fitted on rows that were mature, and settled on those of them with an honest score."""
        examples = self._rows.examples(learned)
        require_learnable({"train": examples.y})
        until: datetime = learned["event_time"].max()  # type: ignore[assignment]
        recipe = self._recipe
        self._progress(f"{recipe.candidate}: learning all until {until:%Y-%m-%d}")
        fitted = REFITS[recipe.candidate](recipe.best, examples, recipe.train, self._progress)
        return Link(*model_bytes(fitted.estimator), booster_bytes(fitted.estimator), self.settle(learned), until)

    def settle(self, learned: pl.DataFrame) -> Settled:
        """Return calibration and threshold from those of the rows that have an honest score, as they were known."""
        rows = learned.join(self.honest.select("event_id", "score"), on="event_id", how="inner")
        rows = rows.sort("event_time", "event_id")
        period = read_period(rows, decimals=self._rows.schema.contract.currency_decimals)
        return settle(Scored(period, rows["score"].to_numpy()), self._recipe.rules)


def blocks_of(rows: Rows, rule: ShipRule) -> tuple[Block, ...]:
    """Return the blocks of the mature test rows; raise `DataError` where the last is shorter than the twin days."""
    test = rows.mature(rows.cut.known_until).filter(pl.col("event_time") >= rows.cut.test_from)
    newest: datetime = test["event_time"].max()  # type: ignore[assignment]
    found = blocks(rows.cut.test_from, newest + MOMENT, rule.judge_blocks)
    if found[-1].begins > newest - timedelta(days=rule.twin_days):
        raise DataError(
            f"the last of {rule.judge_blocks} test blocks begins {found[-1].begins:%Y-%m-%d}, within the newest "
            f"{rule.twin_days} days that what ships is held against; make test_days longer, `ship.judge_blocks` or "
            "`ship.twin_days` smaller, or set `refit: validation` for the data set in params.yaml"
        )
    return found


def twin_of(rows: Rows, judged: Link, shipped: Link, since: datetime) -> Twin:
    """Return how alike two links answer to the mature rows from `since` on, which neither has learned."""
    newest = rows.mature(rows.cut.known_until).filter(pl.col("event_time") >= since)
    x = model_matrix(newest, rows.schema)
    first, second = (link.settled.calibration(link.scorer.score(x)) for link in (judged, shipped))
    ours, theirs = (rows.thresholds(link.settled, newest).to_numpy() for link in (judged, shipped))
    return compare_twins(first, second, (ours, theirs))

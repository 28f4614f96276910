"""Four ways to keep a model fresh, on one business: kept, judged and shipped, refreshed by hand, through the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from benchmarks.businesses import LABEL_DAYS, Business, Flags, Floats
from mlflow_fraud.core.learning.training import Scored, Settled, settle
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.release.decision import Verdict, decide
from mlflow_fraud.core.release.guardrails import Gains
from mlflow_fraud.core.release.ledger import Kind
from mlflow_fraud.core.release.twin import compare_twins
from mlflow_fraud.settings import Params

EVERY_DAYS = 14
"""Between two decisions."""

TEST_DAYS = 84
VALIDATION_DAYS = 90
"""Before the test: with these begin the honest scores that calibration and threshold are settled on."""


@dataclass(frozen=True)
class Model:
    """What one way has live: what it has learned, how it is settled, and the honest scores that it was judged by.

    `honest` and `thresholds` are of all rows; NaN where no score was honest.
    """

    learned_until: float
    settled: Settled
    honest: Floats
    thresholds: Floats

    def score(self, business: Business, rows: Flags) -> Floats:
        """Return the probabilities that its file gives."""
        return self.settled.calibration(business.score(self.learned_until, rows))

    def enters(self, business: Business, rows: Flags) -> tuple[Floats, Floats]:
        """Return what it is judged by: its chain's probabilities and thresholds, its file's where there is no chain."""
        honest, thresholds = self.honest[rows], self.thresholds[rows]
        chained = np.isfinite(honest)
        file = self.score(business, rows)
        return np.where(chained, honest, file), np.where(chained, thresholds, self.settled.cutoff.threshold)

    def speaks(self, business: Business, rows: Flags) -> tuple[Floats, Floats]:
        """Return what it defends itself by: on rows that it has learned its chain's, on later ones its file's."""
        learned = business.at[rows] < self.learned_until
        probabilities = np.where(learned, self.honest[rows], self.score(business, rows))
        return probabilities, np.where(learned, self.thresholds[rows], self.settled.cutoff.threshold)


@dataclass(frozen=True)
class Practice:
    """A recipe on a business: its chain of fits, by when each had learned.

    A chain has a link every `block_days`, each fitted on all that was mature when its block began.
    """

    business: Business
    params: Params
    block_days: int
    _settled: dict[tuple[float, float, float], Settled] = field(default_factory=dict)

    @cached_property
    def costs(self) -> CostRule:
        """The costs, with a budget that is the same for all."""
        return self.params.costs.model_copy(update={"alerts_per_day": self.params.costs.alerts_per_day or 5})

    def raw(self, begin: float, end: float, phase: float) -> Floats:
        """Return the scores of some days, each by the link of its block; a block begins at `phase`, and before it."""
        first = phase - self.block_days * np.ceil((phase - begin) / self.block_days)
        found = []
        for block in np.arange(first, end, self.block_days):
            rows = self.business.between(max(begin, block), min(end, block + self.block_days))
            found.append(self.business.score(float(block - LABEL_DAYS), rows))
        return np.concatenate(found)

    def settle(self, upto: float, mature: float, since: float | None = None) -> Settled:
        """Return calibration and threshold from the honest scores before `upto`, from the validation days on.

        Or else from `since` on. The test ends at `mature`, and so does a block.
        """
        begin = mature - TEST_DAYS - VALIDATION_DAYS if since is None else since
        key = (begin, upto, mature % self.block_days)
        if key not in self._settled:
            rows = self.business.between(begin, upto)
            scored = Scored(self.business.period(rows), self.raw(begin, upto, mature))
            self._settled[key] = settle(scored, self.params.judging)
        return self._settled[key]

    def chain(self, mature: float) -> tuple[Floats, Floats]:
        """Return the honest probabilities and thresholds of the test days before `mature`; NaN elsewhere."""
        probabilities, thresholds = (np.full(len(self.business.at), np.nan) for _ in range(2))
        for begin in np.arange(mature - TEST_DAYS, mature, self.block_days):
            rows = self.business.between(begin, begin + self.block_days)
            settled = self.settle(begin - LABEL_DAYS, mature)
            probabilities[rows] = settled.calibration(self.raw(begin, begin + self.block_days, mature))
            thresholds[rows] = settled.cutoff.threshold
        return probabilities, thresholds

    def shipped(self, now: float) -> Model:
        """Return what a retraining makes at `now`: judged by its chain, and shipped with all but the twin days."""
        mature = now - LABEL_DAYS
        learned = mature - self.params.ship.twin_days
        return Model(learned, self.settle(learned, mature), *self.chain(mature))

    def by_hand(self, now: float) -> Model:
        """Return a model of everything that is mature at `now`, unjudged."""
        mature = now - LABEL_DAYS
        nothing = np.full(len(self.business.at), np.nan)
        return Model(mature, self.settle(mature, mature), nothing, nothing)

    def as_judged(self, now: float) -> Model:
        """Return a model that has learned all before the test days, settled before them too."""
        mature = now - LABEL_DAYS
        nothing = np.full(len(self.business.at), np.nan)
        return Model(mature - TEST_DAYS, self.settle(mature - TEST_DAYS, mature), nothing, nothing)

    def gains(
        self, ours: Model, theirs: Model, now: float
    ) -> tuple[Gains, dict[str, float | None], dict[str, float | None]]:
        """Return how much better ours is on the test days, and the metrics of both."""
        rows = self.business.between(now - LABEL_DAYS - TEST_DAYS, now - LABEL_DAYS)
        sides = [ours.enters(self.business, rows), theirs.speaks(self.business, rows)]
        both = np.isfinite(sides[0][0]) & np.isfinite(sides[1][0])
        rows[np.flatnonzero(rows)[~both]] = False
        period, rule = self.business.period(rows), self.params.compare
        pair = [(probabilities[both], thresholds[both]) for probabilities, thresholds in sides]
        found = differences([rule.metric, *rule.max_loss], period, pair[0], pair[1], self.costs, rule.bootstrap)
        metrics = [evaluate(period, *side, self.costs) for side in pair]
        return found, metrics[0], metrics[1]

    def judge(self, ours: Model, champion: Model, anchor: Model, now: float, kind: Kind) -> Verdict:
        """Return the verdict, with nothing against the challenger's floors."""
        gains, mine, theirs = self.gains(ours, champion, now)
        others = gains if anchor is champion else self.gains(ours, anchor, now)[0]
        rule = self.params.compare.model_copy(update={"floors": {}, "ceilings": {}})
        frauds = mine["frauds"]
        return decide(mine, theirs, gains, validated=True, rule=rule, kind=kind, anchor=others, anchor_frauds=frauds)

    def twin(self, ours: Model, now: float) -> tuple[str, ...]:
        """Return what the twin check has against what would ship."""
        mature = now - LABEL_DAYS
        rows = self.business.between(mature - self.params.ship.twin_days, mature)
        last = mature - self.block_days
        settled = self.settle(last - LABEL_DAYS, mature)
        judged = settled.calibration(self.business.score(last - LABEL_DAYS, rows))
        pair = (settled.cutoff.threshold, ours.settled.cutoff.threshold)
        rule = self.params.compare.twin
        return compare_twins(judged, ours.score(self.business, rows), pair).against(rule)


@dataclass
class Live:
    """What one way has had live: the models with the day on which each went live, and why others did not."""

    models: list[tuple[float, Model]]
    refused: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    @property
    def now(self) -> Model:
        """The newest."""
        return self.models[-1][1]

    def scores(self, business: Business, begin: float, end: float) -> tuple[Floats, Floats]:
        """Return the probabilities and thresholds of what was live when each row came."""
        since = [day for day, _ in self.models[1:]]
        found = []
        for (day, model), until in zip(self.models, [*since, end], strict=True):
            rows = business.between(max(day, begin), min(until, end))
            found.append((model.score(business, rows), np.full(int(rows.sum()), model.settled.cutoff.threshold)))
        probabilities, thresholds = zip(*found, strict=True)
        return np.concatenate(probabilities), np.concatenate(thresholds)


def live_by_each(practice: Practice, begin: float, end: float) -> dict[str, Live]:
    """Return what each way had live from `begin` to `end`, a decision every `EVERY_DAYS`; all begin with one model."""
    first = practice.shipped(begin)
    ways = {name: Live([(begin, first)]) for name in ("kept", "judged and shipped", "by hand")}
    for now in np.arange(begin + EVERY_DAYS, end, EVERY_DAYS):
        ways["by hand"].models.append((now, practice.by_hand(now)))
        _step(ways["judged and shipped"], practice, practice.as_judged(now), now, kind="change")
    return {**ways, "through the gate": through_the_gate(practice, begin, end)}


def through_the_gate(practice: Practice, begin: float, end: float) -> Live:
    """Return what is live where each retraining is a refresh that the gate judges."""
    way = Live([(begin, practice.shipped(begin))])
    for now in np.arange(begin + EVERY_DAYS, end, EVERY_DAYS):
        _step(way, practice, practice.shipped(now), now, kind="refresh")
    return way


def _step(way: Live, practice: Practice, ours: Model, now: float, *, kind: Kind) -> None:
    """Let a challenger go live, or not; the first model is the anchor, since no refresh is one."""
    twin = practice.twin(ours, now) if kind == "refresh" else ()
    verdict = practice.judge(ours, way.now, way.models[0][1], now, kind)
    if verdict.promote and not twin:
        way.models.append((now, ours))
    else:
        way.refused.append((now, (*verdict.against, *twin)))

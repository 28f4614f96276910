"""The live release as the record shows it: windows of days, weeks and pooled weeks, each judged as its rows mature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from mlflow_fraud.core.labels import LABEL_TIME, arrival, is_mature, label_at, tells, weighed
from mlflow_fraud.core.watching.expected import Expected, estimates, together
from mlflow_fraud.core.watching.feed import against_weekday, days_without, lag_of, longest_silence
from mlflow_fraud.core.watching.missed import evidence, outcomes
from mlflow_fraud.core.watching.retrain import Asked, Missed, Sight, Unlearned
from mlflow_fraud.core.watching.spans import Span, days_between, pools_of, weeks_between
from mlflow_fraud.operations.monitoring.figures import (
    Watched,
    for_the_rule,
    movement,
    performance,
    score_movement,
    sums_of,
    told_drifts,
    told_estimates,
)
from mlflow_fraud.operations.monitoring.kept import Entry
from mlflow_fraud.operations.monitoring.recorded import Matrix, Recorded, unseen_shares

COMPARED = ("f1", "precision", "recall")


@dataclass(frozen=True)
class Rows:
    """Payments that the live release has not learned: what is known of them, their features, which of them count.

    `judged` are scored and mature by age, whatever their own label did; `scored` have a probability.
    """

    known: pl.DataFrame
    features: Matrix
    judged: pl.Series
    scored: pl.Series

    def within(self, span: Span) -> Rows:
        """Return those of a span of event times."""
        inside = (self.known["event_time"] >= span.since) & (self.known["event_time"] < span.until)
        return Rows(
            self.known.filter(inside),
            self.features[inside.to_numpy()],
            self.judged.filter(inside),
            self.scored.filter(inside),
        )

    @property
    def mature(self) -> pl.DataFrame:
        """The rows that count."""
        return self.known.filter(self.judged)


def rows_of(recorded: Recorded, watched: Watched) -> Rows:
    """Return the record's rows with labels as they were known at its moment: silence of a mature payment is genuine.

    Mature is what was old enough when the feed of labels was last heard of: since then silence says nothing.
    """
    active, now = watched.params.active, recorded.now
    if recorded.rows.is_empty():  # maybe without a column
        nothing = pl.Series([], dtype=pl.Boolean)
        return Rows(recorded.rows, recorded.features, nothing, nothing)
    known = weighed(recorded.rows, active)
    told = arrival(known.columns, active.split.label_delay)
    old_enough = is_mature(active.split.horizon, as_of=recorded.heard.until)
    old = known.select(old_enough & tells(known.columns, told, as_of=now)).to_series()
    scored = pl.Series(recorded.scored)
    return Rows(known.with_columns(label_at("label", told, as_of=now)), recorded.features, old & scored, scored)


def look(recorded: Recorded, watched: Watched, asked: Sequence[Asked]) -> tuple[list[Entry], Sight]:
    """Return the windows since the live release learned, and what the rule sees in them.

    Days and weeks are whole ones before the record's moment. Where nothing came yet there are none.
    """
    rows, horizon = rows_of(recorded, watched), watched.params.active.split.horizon
    if rows.known.is_empty():
        return [], Sight([], [], None, _unlearned(rows, recorded, watched))
    first = min(recorded.rows["event_time"].dt.date())
    if watched.manifest.learned_until is not None:
        first = max(first, watched.manifest.learned_until.date() + timedelta(days=1))
    last = recorded.now.date() - timedelta(days=1)
    days = [_day(span, rows.within(span), recorded, watched) for span in days_between(first, last)]
    spans = weeks_between(first, last)
    parts = [rows.within(span) for span in spans]
    sums = [sums_of(watched, part.known.filter(part.scored)) for part in parts]
    weeks = [_week(*each, recorded, watched) for each in zip(spans, parts, sums, strict=True)]
    _add_outlook(weeks, spans, sums, rows, recorded.heard.until, watched)
    mature = [span for span in spans if span.is_mature(horizon, recorded.heard.until)]
    frauds = [int(week["frauds"]) for week in weeks[: len(mature)]]
    pools = [
        _judged(span, rows.within(span), recorded.heard.until, watched)
        for span in pools_of(mature, frauds, watched.params.monitor.least_frauds)
    ]
    alarmed = max((each.day for each in asked if each.kind == "alarm"), default=date.min + horizon)
    sight = Sight(
        pools=[for_the_rule(each) for each in pools if date.fromisoformat(each["since"][:10]) > alarmed - horizon],
        weeks=[for_the_rule(_without_labels(each)) for each in weeks if _begins(each) > alarmed],
        missed=_missed(rows.mature, alarmed, watched),
        unlearned=_unlearned(rows, recorded, watched),
    )
    return [*days, *weeks, *pools], sight


def _judged(span: Span, rows: Rows, heard: datetime, watched: Watched) -> Entry:
    """Return how good the live release is on the mature rows of a span."""
    horizon = watched.params.active.split.horizon
    return {
        "kind": span.kind,
        "name": span.name,
        "version": watched.manifest.version,
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "payments": len(rows.known),
        "scored": int(rows.scored.sum()),
        "final": span.is_mature(horizon, heard),
        **performance(watched, rows.mature, sure=span.kind != "day"),
    }


def _day(span: Span, rows: Rows, recorded: Recorded, watched: Watched) -> Entry:
    day = span.since.date()
    return _judged(span, rows, recorded.heard.until, watched) | {
        "volume": against_weekday(recorded.volumes, day),
        "silence_hours": longest_silence(rows.known["event_time"].to_numpy()),
    }


def _week(span: Span, rows: Rows, sums: Expected, recorded: Recorded, watched: Watched) -> Entry:
    """Return a week: beside how good the release is, all that can be said without labels."""
    served = np.isfinite(rows.features).any(axis=1)
    drifts, drift = movement(watched, rows.features[served], rows.known["event_time"].filter(pl.Series(served)))
    score = score_movement(watched, rows.known["probability"].drop_nulls().to_numpy())
    frauds = rows.known.filter((pl.col("label") == 1) & pl.col(LABEL_TIME).is_not_null())
    lag = lag_of(frauds["event_time"].to_numpy(), frauds[LABEL_TIME].to_numpy())
    days = [each.since.date() for each in days_between(span.since.date(), (span.until - timedelta(days=1)).date())]
    return _judged(span, rows, recorded.heard.until, watched) | {
        "drift": drift,
        "drifts": told_drifts(drifts),
        "score_drift": score and score.psi,
        "unseen": unseen_shares(rows.known, watched.schema),
        "days_without": [str(day) for day in days_without(recorded.volumes, days)],
        "silence_hours": longest_silence(rows.known["event_time"].to_numpy()),
        "label_lag_days": lag and lag.median,
        "label_lag_most_days": lag and lag.most,
        "expected": told_estimates(sums),
    }


def _add_outlook(
    weeks: list[Entry], spans: list[Span], sums: list[Expected], rows: Rows, heard: datetime, watched: Watched
) -> None:
    """Say of each week what probabilities expect of the shortest run of weeks up to it that has frauds enough.

    Once all of the run is mature, what it was stands beside it, and the error.
    """
    expected = [round(each.frauds) for each in sums]
    runs = {span.until: span for span in pools_of(spans, expected, watched.params.monitor.least_frauds)}
    for week, span in zip(weeks, spans, strict=True):
        run = runs.get(span.until)
        if run is None:
            week["outlook"] = None
            continue
        found = estimates(
            together(each for each, part in zip(sums, spans, strict=True) if run.since <= part.since < run.until)
        )
        week["outlook"] = {"since": run.since.isoformat()} | {name: each and list(each) for name, each in found.items()}
        if run.is_mature(watched.params.active.split.horizon, heard):
            week["outlook"] |= _against_the_truth(rows.within(run), watched)


def _against_the_truth(rows: Rows, watched: Watched) -> dict[str, Any]:
    """Return what mature rows were, and by how much the estimate of the same rows is off."""
    seen = performance(watched, rows.mature, sure=False)
    told = estimates(sums_of(watched, rows.mature))
    errors = {
        name: estimate.value - seen[name]
        for name, estimate in told.items()
        if estimate is not None and seen[name] is not None
    }
    return {"seen": {name: seen[name] for name in COMPARED}, "error": errors}


def _missed(mature: pl.DataFrame, alarmed: date, watched: Watched) -> Missed | None:
    """Return what the bursts say that were not mature at the last alarm; None where data has no whole cards."""
    promise = watched.reference.promise if watched.reference else None
    new = mature.filter(pl.col("event_time").dt.date() > alarmed - watched.params.active.split.horizon)
    period = watched.period(new)
    if promise is None or not period.has_whole_cards:
        return None
    flags = (new["probability"] >= new["threshold"]).to_numpy()
    bursts = outcomes(period, flags, watched.costs.burst_gap)
    paid = np.searchsorted(period.times, bursts.began, side="right")
    found = evidence(bursts.caught, paid, len(new), promise)
    newest = bursts.caught[found.since :]
    since = bursts.began[found.since].astype("datetime64[us]").item().date() if len(newest) else None
    return Missed(len(newest), int((~newest).sum()), round(found.value, 6), since)


def _begins(week: Entry) -> date:
    """Return the first day of what a week says: that of the run of weeks that is estimated, where there is one."""
    return date.fromisoformat((week["outlook"] or week)["since"][:10])


def _without_labels(week: Entry) -> Entry:
    """Return what a week says before its labels: its own F1 is of too few frauds, that of pools counts."""
    return week | {"f1": None, "recall": None}


def _unlearned(rows: Rows, recorded: Recorded, watched: Watched) -> Unlearned | None:
    """Return what is mature and not learned, whether it was scored or not; None where nothing says what was learned."""
    until, horizon = watched.manifest.learned_until, watched.params.active.split.horizon
    if until is None:
        return None
    known, heard = rows.known, recorded.heard.until
    frauds = 0 if known.is_empty() else int(known.filter(is_mature(horizon, as_of=heard))["label"].sum() or 0)
    return Unlearned(max((heard - horizon - watched.twin - until) / timedelta(days=1), 0.0), frauds)

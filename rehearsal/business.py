"""The payments that are played, what becomes known of them and when, and what the bank itself never sees."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from mlflow_fraud.simulation import SimulationPlan, simulate_kinds
from rehearsal.plan import Plan

TIME, ID, AMOUNT, LABEL = "trans_date_trans_time", "trans_num", "amt", "is_fraud"
FORM = "%Y-%m-%d %H:%M:%S"
CORRECTED = 50
"""Of so many payments one has another amount a day later."""
REVERSED = 25
"""Of so many frauds one is told to be genuine, a few days after it was told."""


AT_ONCE = 500
"""So many labels are told in one request."""


@dataclass(frozen=True)
class Told:
    """What the bank sends besides payments, at the end of a day: a list of labels, or a correction."""

    path: str
    body: dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True)
class Business:
    """All payments of the days that are played, as the feed brings them; `kinds` says of which kind each fraud is.

    `right` has the amounts as they are, which those of a broken feed are not.
    """

    plan: Plan
    payments: pl.DataFrame
    right: pl.Series
    kinds: Mapping[str, str]

    def by_day(self) -> Iterator[tuple[int, list[dict[str, Any]], list[Told]]]:
        """Yield each day's number, its payments as requests, in order, and what is told at its end."""
        told = self._told()
        asked = self.payments.drop(LABEL, "day")
        for (number,), rows in asked.with_columns(self.payments["day"]).group_by("day", maintain_order=True):
            day = int(str(number))
            yield day, rows.drop("day").to_dicts(), told.get(day, [])

    def _told(self) -> dict[int, list[Told]]:
        """Return what is told at the end of each day: a fraud after some days; of all else silence tells."""
        labels, corrections = defaultdict[int, list[dict[str, Any]]](list), defaultdict[int, list[Told]](list)
        known = self.payments.select(ID, TIME, LABEL, "day").iter_rows(named=True)
        first, last = self.plan.told_days
        for row, payment in zip(known, self.payments.drop(LABEL, "day").iter_rows(named=True), strict=True):
            lot, at = _lot(row[ID]), datetime.strptime(row[TIME], FORM)  # noqa: DTZ007
            late = first + lot % (last - first + 1)
            if row[LABEL]:
                labels[row["day"] + late].append(_label(row[ID], 1, at + timedelta(days=late)))
            if row[LABEL] and lot // 100 % REVERSED == 0:
                labels[row["day"] + late + 2].append(_label(row[ID], 0, at + timedelta(days=late + 2)))
            if lot // 7 % CORRECTED == 0:
                instead = payment | {AMOUNT: round(payment[AMOUNT] * 0.9 + 0.01, 2)}
                body = {"id": row[ID], "observed": (at + timedelta(days=1)).strftime(FORM), "transaction": instead}
                corrections[row["day"] + 1].append(Told("/v1/corrections", body))
        days = {day for day in (*labels, *corrections) if day < self.plan.days}
        return {day: [*_in_requests(labels[day]), *corrections[day]] for day in days}


def open_business(plan: Plan) -> Business:
    """Return what is played after the history that `mlflow-fraud data simulate` makes of the plan's parameters."""
    history = SimulationPlan(
        seed=plan.seed,
        start=plan.start,
        days=plan.history_days,
        transactions=plan.payments * plan.history_days,
        cards=plan.cards,
        merchants=plan.merchants,
    )
    played = replace(history.following(plan.days), scenario="new-pattern", scenario_from=plan.day(plan.new_from))
    batch, kinds = simulate_kinds(played)
    day = (pl.col(TIME).str.to_datetime(FORM).dt.date() - pl.lit(plan.first)).dt.total_days().alias("day")
    payments = batch.drop(batch.columns[0]).with_columns(day).sort(TIME, maintain_order=True)
    cents = pl.col("day").is_between(*plan.broken, closed="left")
    broken = payments.with_columns(pl.when(cents).then((pl.col(AMOUNT) * 100).round(2)).otherwise(AMOUNT).alias(AMOUNT))
    return Business(plan, broken, payments[AMOUNT], dict(kinds.select(ID, "kind").iter_rows()))


def _label(event_id: str, label: int, arrived: datetime) -> dict[str, Any]:
    return {ID: event_id, LABEL: label, "label_time": arrived.strftime(FORM)}


def _in_requests(labels: list[dict[str, Any]]) -> list[Told]:
    return [Told("/v1/labels", labels[begin : begin + AT_ONCE]) for begin in range(0, len(labels), AT_ONCE)]


def _lot(event_id: str) -> int:
    """Return a number that is a payment's own."""
    return int(hashlib.sha256(event_id.encode()).hexdigest()[:12], 16)

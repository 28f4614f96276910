"""Days of a batch held against history one by one: a broken feed of three days hides in a good month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import polars as pl

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.gate.against import FEWEST_ROWS, shift_of
from mlflow_fraud.core.gate.columns import DAY, HOUR, watched_in
from mlflow_fraud.core.gate.findings import Finding, Report

FEWEST_OF_A_DAY = 25
"""Days with fewer payments are looked at together with the days after them, until there are so many."""
BY_CHANCE = 100.0
"""Of n payments PSI may be so much over n by chance: few leave some deciles empty. By `benchmarks.collection`."""


ENOUGH_ROWS = 20_000
"""Of a longer history one row in so many is looked at: what more of them would tell is far below the limit."""


class Shifted(NamedTuple):
    """A column whose distribution is another one: on which days, and the largest index of these."""

    column: str
    days: tuple[date, ...]
    largest: float


def shifted_days(batch: pl.DataFrame, history: pl.DataFrame, contract: Contract) -> list[Shifted]:
    """Return the columns that are distributed otherwise than in `history` on some day of `batch`.

    Both are pipeline rows. The population stability index of a day of n payments is held to the contract's own limit of
    `shift` and `BY_CHANCE` / n more, which is what a good day of so few may show. None where the contract has no limit,
    and none of a column of which history has fewer than `FEWEST_ROWS` values.
    """
    limit = contract.gate.shift.at_most
    if limit is None or len(history) < FEWEST_ROWS:
        return []
    before = _dated(history.gather_every(max(1, len(history) // ENOUGH_ROWS)))
    groups = list(_days(_dated(batch)))
    found = []
    for name in watched_in(before, contract):
        over: dict[date, float] = {}
        for group in groups:
            index = shift_of(group[name], before[name])
            if index is not None and index > limit + BY_CHANCE / len(group):
                over |= dict.fromkeys(group[DAY].unique().sort(), index)
        if over:
            found.append(Shifted(name, tuple(over), max(over.values())))
    return found


def report_of_days(shifted: list[Shifted], batch: pl.DataFrame, contract: Contract) -> Report:
    """Return what was found as a report of the gate, a critical finding for each column."""
    findings = [
        Finding(
            rule=f"{each.column} is distributed as before on each day",
            holds=False,
            severity="critical",
            column=each.column,
            unexpected=len(each.days),
            observed=f"an index of {each.largest:.2f}",
            examples=tuple(str(day) for day in each.days[:3]),
            of="days",
        )
        for each in shifted
    ]
    return Report(contract.name, len(batch), tuple(findings))


def _dated(rows: pl.DataFrame) -> pl.DataFrame:
    at = pl.col("event_time")
    return rows.with_columns(at.dt.date().alias(DAY), at.dt.hour().alias(HOUR))


def _days(batch: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the days in their order, those of few payments together; the last ones join those before them."""
    groups: list[list[pl.DataFrame]] = [[]]
    for day in batch.sort(DAY, maintain_order=True).partition_by(DAY, maintain_order=True):
        if sum(map(len, groups[-1])) >= FEWEST_OF_A_DAY:
            groups.append([])
        groups[-1].append(day)
    if len(groups) > 1 and sum(map(len, groups[-1])) < FEWEST_OF_A_DAY:
        few = groups.pop()
        groups[-1] += few
    yield from (pl.concat(group) for group in groups if group)

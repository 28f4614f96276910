"""The rows that a model is judged on: what each was, whose, when, and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.labels import Labels
from mlflow_fraud.core.measuring.blocks import blocks_of_time
from mlflow_fraud.core.measuring.weights import Values, Weights, read_weights

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Period:
    """The rows of a period in time order.

    `cards` numbers each row's card from 0, or its block of time where data has no cards (`has_cards`); `times` are
    moments of the data's own clock, and `amounts` are in minor units, of which 10 ** `decimals` make a unit of money.
    Where only some payments were looked into, these are the rows, and `weights` say for how many each stands.
    """

    labels: Labels
    cards: Whole
    times: npt.NDArray[np.datetime64]
    amounts: Whole
    decimals: int = 2
    has_cards: bool = True
    weights: Weights | None = None

    @cached_property
    def fraud(self) -> Flags:
        """Which rows are fraud."""
        fraud: Flags = self.labels == 1
        return fraud

    @cached_property
    def day_of_row(self) -> Whole:
        """The calendar day of each row, numbered from the first row's."""
        days = self.times.astype("datetime64[D]").astype(np.int64)
        numbered: Whole = days - days.min(initial=days[0] if len(days) else 0)
        return numbered

    @property
    def days(self) -> int:
        """How many calendar days the period has, from its first row's to its last row's."""
        return int(self.day_of_row.max()) + 1 if len(self.labels) else 0

    @property
    def stands_for(self) -> Values | None:
        """For how many payments each row stands; None where each stands for itself."""
        return None if self.weights is None else self.weights.values

    @property
    def has_whole_cards(self) -> bool:
        """Whether all payments of a card are there, so that something can be said of a card or of its bursts."""
        return self.has_cards and self.weights is None

    def counted(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what each row adds to a sum over all payments: its value, as often as it stands for one."""
        return values if self.weights is None else values * self.weights.values

    def money(self, minor: float) -> float:
        """Return an amount in units of money.

        >>> none = np.empty(0, np.int64)
        >>> Period(none.astype(np.int8), none, none.astype("datetime64[us]"), none).money(1250)
        12.5
        """
        return float(minor) / float(10**self.decimals)


def read_period(
    table: pl.DataFrame, *, card: str | None = "block", amount: str = "amount_minor", decimals: int = 2
) -> Period:
    """Return the rows of `table`, which has `label`, `event_time` and the two named columns, and weights or not.

    Rows whose card is missing are taken for one card. Without a column of cards, blocks of time stand for them.
    """
    has_cards, times = card in table.columns, table["event_time"].to_numpy()
    return Period(
        labels=table["label"].to_numpy(),
        cards=_numbered(table[card]) if card and has_cards else blocks_of_time(times),
        times=times,
        amounts=table[amount].cast(pl.Int64).to_numpy(),
        decimals=decimals,
        has_cards=has_cards,
        weights=read_weights(table),
    )


def _numbered(cards: pl.Series) -> Whole:
    ranks = cards.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    return np.unique(ranks, return_inverse=True)[1].astype(np.int64)

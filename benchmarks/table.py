"""The lines of the table, the clock and the rows that the benchmarks share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import polars as pl


class Line(NamedTuple):
    """One line of the table; `wanted` is what we hold ourselves to, if anything."""

    measured: str
    ours: str
    baseline: str
    ratio: str
    wanted: str = ""


def seconds(work: Callable[[], object], *, rounds: int = 3) -> float:
    """Return the best of a few rounds: the machine's other work only ever adds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def some_cards(transactions: pl.DataFrame, rows: float) -> pl.DataFrame:
    """Return about so many rows, as all the rows of some cards: a card's past stays as dense as it is."""
    share = rows / len(transactions)
    cards = transactions["card"].unique().sort()
    chosen = cards.head(max(1, round(share * len(cards))))
    return transactions.filter(pl.col("card").is_in(chosen.implode()))

"""The few lines of a table that something is wrong with, told from the many that may come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

MOST = 64
"""So many times a table is looked at; what is not told by then stays out with what is wrong in its company."""


class Sifted(NamedTuple):
    """The lines that may come in together, and what is wrong with each of the `others`, in the order of these."""

    good: pl.DataFrame
    others: pl.DataFrame
    wrong: tuple[str, ...]


def sifted(lines: pl.DataFrame, wrong_with: Callable[[pl.DataFrame], str], *, most: int = MOST) -> Sifted:
    """Return the lines with which nothing is wrong, found by halves; an earlier line comes in before a later one.

    `wrong_with` says what is wrong with a table, nothing where it may come in.

    >>> lines = pl.DataFrame({"value": [3, -1, 4, -1, 5]})
    >>> found = sifted(lines, lambda table: "below 0" if (table["value"] < 0).any() else "")
    >>> found.good["value"].to_list(), found.others["value"].to_list(), found.wrong
    ([3, 4, 5], [-1, -1], ('below 0', 'below 0'))
    """
    good, others, wrong, looks = lines.clear(), [lines.clear()], list[str](), 0
    waiting = [lines] if len(lines) else []
    while waiting:
        part = waiting.pop()
        looks += 1
        said = wrong_with(pl.concat([good, part]))
        if not said:
            good = pl.concat([good, part])
        elif len(part) == 1 or looks >= most:
            others.append(part)
            wrong += [said] * len(part)
        else:
            half = len(part) // 2
            waiting += [part[half:], part[:half]]
    return Sifted(good, pl.concat(others), tuple(wrong))

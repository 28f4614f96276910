"""A practice judged, not one old fit: the test period in blocks, each for a model that had learned all before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import polars as pl
from pydantic import Field

from mlflow_fraud.core.labels import LABEL_TIME, is_mature, label_at, tells
from mlflow_fraud.core.strict import Strict

Refit = Literal["none", "validation", "all"]
"""What a model that ships has learned from, beside its train rows: nothing, validation's, or all that is mature."""


class ShipRule(Strict):
    """The section `ship` of `params.yaml`, for data sets with `refit: all`.

    The test period is cut into `judge_blocks`; what ships has learned all but the newest `twin_days`.
    """

    judge_blocks: int = Field(default=3, ge=2, le=4)
    twin_days: int = Field(default=3, ge=1)

    @property
    def shortest_test(self) -> int:
        """The days that a test needs so that its last block is longer than the twin days."""
        return self.judge_blocks * (self.twin_days + 1)


@dataclass(frozen=True)
class Block:
    """A part of the test period: a row at `begins` belongs to it, one at `ends` to the next."""

    begins: datetime
    ends: datetime


def blocks(begins: datetime, ends: datetime, number: int) -> tuple[Block, ...]:
    """Return the blocks of a period, equally long; on midnights where the period has a day for each and begins on one.

    >>> for block in blocks(datetime(2020, 1, 1), datetime(2020, 1, 8), 2):
    ...     print(block.begins.date(), block.ends.date())
    2020-01-01 2020-01-05
    2020-01-05 2020-01-08
    """
    days = (ends - begins) / timedelta(days=1)
    on_midnights = begins.time() == datetime.min.time() and days >= number
    lengths = [days * place / number for place in range(1, number)]
    cuts = [begins + timedelta(days=-(-length // 1) if on_midnights else length) for length in lengths]
    borders = [begins, *cuts, ends]
    return tuple(Block(*pair) for pair in pairwise(borders))


def mature_at(rows: pl.DataFrame, horizon: timedelta, as_of: datetime) -> pl.DataFrame:
    """Return the rows that were old enough at `as_of`, each with its `label` as it was known then.

    `rows` have `event_time`, `fraud`, the label as it is known now, and `label_time`, since when. Where they have
    weights too, those whose label had not arrived are left out.
    """
    told = pl.col(LABEL_TIME)
    known = label_at("fraud", told, as_of=as_of)
    there = is_mature(horizon, as_of=as_of) & tells(rows.columns, told, as_of=as_of)
    return rows.filter(there).with_columns(known.alias("label"))

"""What the features are: six kinds of definition, each of which makes its own name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.strict import Strict

Statistic = Literal["count", "sum", "mean", "min", "max", "std", "distinct"]
LabelStatistic = Literal["labels", "frauds", "fraud_rate"]
Only = Literal["any", "night", "large"]
Entities = tuple[str, ...]

AMOUNT = "amount"
TODAY = "today"
"""The span that begins at the midnight before, on the clock of the transaction."""

THOUSANDTHS = 1000
"""What is no whole number by itself is kept in thousandths, so that its sums do not depend on their order."""

MOST_BACK = 20

ARRIVAL = "when it arrived"
"""A transaction's arrival, where that is known and counts: beside a contract's columns, which have no such name."""

SERVED = "the scores it was served with"
"""Beside them, too: the scores of a recorded transaction by their names. Those of hops are not worked out again."""

_SPAN = re.compile(r"([1-9]\d*)(h|d)")

Hop = Annotated[str | None, Field(exclude_if=lambda hop: hop is None)]
"""The step of a window's ends. Where there is none a schema's document says nothing, as before there were hops."""


class WindowParams(Strict):
    """Statistics of a column's values in each span, by entity; of all of them or only of night or large ones.

    `of` is `amount`, a numeric column or a score; for `distinct` any kept column. With a `hop` both ends of the window
    are on full hops.
    """

    by: Entities
    spans: tuple[str, ...]
    take: tuple[Statistic, ...]
    of: str = AMOUNT
    only: Only = "any"
    hop: Hop = None


class LastParams(Strict):
    """What is remembered of a previous transaction: `seconds` since, `amount`, a column or a score.

    `back` says which: 1 is the newest, 2 the one before it.
    """

    by: Entities
    take: tuple[str, ...]
    back: int = Field(default=1, ge=1, le=MOST_BACK)


class ScoreParams(Strict):
    """The amount's distance from the entity's mean, in its standard deviations; both are of windows with the `hop`."""

    by: Entities
    span: str
    hop: Hop = None


class LabelParams(Strict):
    """What the labels say that arrived in each span: how many did, how many of fraud, the share of fraud."""

    by: Entities
    spans: tuple[str, ...]
    take: tuple[LabelStatistic, ...]


class FeatureParams(Strict):
    """The section `features` of `params.yaml`; `large_amount` is in whole units of the currency."""

    large_amount: float = Field(default=200, gt=0)
    row: tuple[str, ...] = ()
    windows: tuple[WindowParams, ...] = ()
    last: tuple[LastParams, ...] = ()
    scores: tuple[ScoreParams, ...] = ()
    ratios: tuple[tuple[str, str], ...] = ()
    labels: tuple[LabelParams, ...] = ()


@dataclass(frozen=True)
class Row:
    """A property of the transaction alone."""

    name: str


@dataclass(frozen=True)
class Window:
    """A statistic of what an entity's transactions were in `[t - span, t)`; with a `hop` both ends are on full hops."""

    by: Entities
    span: str
    statistic: Statistic
    only: Only = "any"
    of: str = AMOUNT
    hop: str | None = None

    @property
    def name(self) -> str:
        """The name, made from the definition.

        >>> Window(("card",), "24h", "sum").name
        'amount_sum_by_card_24h'
        >>> Window(("card", "category"), "90d", "count", "night").name
        'night_count_by_card_category_90d'
        >>> Window(("card",), "today", "distinct", of="merchant").name
        'distinct_merchant_by_card_today'
        >>> Window(("category",), "90d", "mean", hop="1d").name
        'amount_mean_by_category_90d_hop_1d'
        """
        what = f"distinct_{self.of}" if self.statistic == "distinct" else f"{self.of}_{self.statistic}"
        what = "count" if what == "amount_count" else what
        of = "" if self.only == "any" else f"{self.only}_"
        return f"{of}{what}_by_{'_'.join(self.by)}_{self.span}{_hop(self.hop)}"


@dataclass(frozen=True)
class Labels:
    """A statistic of the entity's labels that arrived in `[t - span, t)`."""

    by: Entities
    span: str
    statistic: LabelStatistic

    @property
    def name(self) -> str:
        """The name, made from the definition.

        >>> Labels(("merchant",), "30d", "fraud_rate").name
        'fraud_rate_by_merchant_30d'
        """
        return f"{self.statistic}_by_{'_'.join(self.by)}_{self.span}"


@dataclass(frozen=True)
class Last:
    """Something of the entity's previous transaction, the newest that is strictly earlier, or one further back."""

    by: Entities
    take: str
    back: int = 1

    @property
    def name(self) -> str:
        """The name, made from the definition.

        >>> Last(("card",), "seconds").name
        'seconds_since_last_by_card'
        >>> Last(("card",), "amount", 2).name
        'amount_of_last_2_by_card'
        """
        what = "seconds_since_last" if self.take == "seconds" else f"{self.take}_of_last"
        return f"{what}{'' if self.back == 1 else f'_{self.back}'}_by_{'_'.join(self.by)}"


@dataclass(frozen=True)
class Score:
    """The amount's z-score among the entity's amounts in `[t - span, t)`, in thousandths, rounded half up.

    With a `hop` both ends of the window are on full hops.
    """

    by: Entities
    span: str
    hop: str | None = None

    @property
    def mean(self) -> Window:
        """The usual amount."""
        return Window(self.by, self.span, "mean", hop=self.hop)

    @property
    def std(self) -> Window:
        """The usual spread."""
        return Window(self.by, self.span, "std", hop=self.hop)

    @property
    def name(self) -> str:
        """The name, made from the definition."""
        return f"amount_score_by_{'_'.join(self.by)}_{self.span}{_hop(self.hop)}"


@dataclass(frozen=True)
class Ratio:
    """One feature over another; missing where the lower one is missing or not positive."""

    upper: str
    lower: str

    @property
    def name(self) -> str:
        """The name, made from the definition."""
        return f"{self.upper}_over_{self.lower}"


Feature = Row | Window | Labels | Last | Score | Ratio


def span_of(text: str) -> timedelta:
    """Return how far back a span such as `24h`, `30d` or `today` can reach.

    >>> span_of("3d"), span_of("today")
    (datetime.timedelta(days=3), datetime.timedelta(days=1))
    """
    if text == TODAY:
        return timedelta(days=1)
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"features: a span is a number of hours or days such as 24h or 30d, or {TODAY}, found {text!r}"
        )
    number = int(match[1])
    return timedelta(hours=number) if match[2] == "h" else timedelta(days=number)


def _hop(hop: str | None) -> str:
    return "" if hop is None else f"_hop_{hop}"


def windows_behind(features: tuple[Feature, ...]) -> tuple[Window, ...]:
    """Return every window that has to be computed, those inside scores included."""
    needed: list[Window] = []
    for feature in features:
        if isinstance(feature, Window):
            needed.append(feature)
        elif isinstance(feature, Score):
            needed += [feature.mean, feature.std]
    return tuple(dict.fromkeys(needed))


def scores_looked_at(features: tuple[Feature, ...]) -> tuple[Score, ...]:
    """Return the scores that windows or last ones look at."""
    looked_at = {f.of for f in features if isinstance(f, Window)} | {f.take for f in features if isinstance(f, Last)}
    return tuple(f for f in features if isinstance(f, Score) and f.name in looked_at)

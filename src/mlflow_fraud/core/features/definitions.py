"""What the features are: five kinds of definition, each of which makes its own name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mlflow_fraud.core.contract import Contract
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.strict import Strict

Statistic = Literal["count", "sum", "mean", "max", "std"]
Only = Literal["any", "night", "large"]
Entities = tuple[str, ...]

CLOCK_FEATURES = ("hour", "weekday", "night")
_SPAN = re.compile(r"([1-9]\d*)(h|d)")


class WindowParams(Strict):
    """Statistics of the amounts in each span, by entity; of all of them or only of night or large ones."""

    by: Entities
    spans: tuple[str, ...]
    take: tuple[Statistic, ...]
    only: Only = "any"


class LastParams(Strict):
    """What is remembered of the entity's previous transaction: `seconds` since, `amount`, or a column."""

    by: Entities
    take: tuple[str, ...]


class ScoreParams(Strict):
    """The amount's distance from the entity's mean, in its standard deviations."""

    by: Entities
    span: str


class FeatureParams(Strict):
    """The section `features` of `params.yaml`; `large_amount` is in whole units of the currency."""

    large_amount: float = Field(default=200, gt=0)
    row: tuple[str, ...] = ()
    windows: tuple[WindowParams, ...] = ()
    last: tuple[LastParams, ...] = ()
    scores: tuple[ScoreParams, ...] = ()
    ratios: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Row:
    """A property of the transaction alone."""

    name: str


@dataclass(frozen=True)
class Window:
    """A statistic of the entity's amounts in `[t - span, t)`."""

    by: Entities
    span: str
    statistic: Statistic
    only: Only = "any"

    @property
    def name(self) -> str:
        """The name, made from the definition.

        >>> Window(("card",), "24h", "sum").name
        'amount_sum_by_card_24h'
        >>> Window(("card", "category"), "90d", "count", "night").name
        'night_count_by_card_category_90d'
        """
        what = "count" if self.statistic == "count" else f"amount_{self.statistic}"
        of = "" if self.only == "any" else f"{self.only}_"
        return f"{of}{what}_by_{'_'.join(self.by)}_{self.span}"


@dataclass(frozen=True)
class Last:
    """Something of the entity's previous transaction, the newest that is strictly earlier."""

    by: Entities
    take: str

    @property
    def name(self) -> str:
        """The name, made from the definition.

        >>> Last(("card",), "seconds").name
        'seconds_since_last_by_card'
        """
        what = "seconds_since_last" if self.take == "seconds" else f"{self.take}_of_last"
        return f"{what}_by_{'_'.join(self.by)}"


@dataclass(frozen=True)
class Score:
    """The amount's z-score among the entity's amounts in `[t - span, t)`."""

    by: Entities
    span: str

    @property
    def mean(self) -> Window:
        """The usual amount."""
        return Window(self.by, self.span, "mean")

    @property
    def std(self) -> Window:
        """The usual spread."""
        return Window(self.by, self.span, "std")

    @property
    def name(self) -> str:
        """The name, made from the definition."""
        return f"amount_score_by_{'_'.join(self.by)}_{self.span}"


@dataclass(frozen=True)
class Ratio:
    """One feature over another; missing where the lower one is missing or not positive."""

    upper: str
    lower: str

    @property
    def name(self) -> str:
        """The name, made from the definition."""
        return f"{self.upper}_over_{self.lower}"


Feature = Row | Window | Last | Score | Ratio


def define(params: FeatureParams, contract: Contract) -> tuple[Feature, ...]:
    """Return every feature that `params` asks for, in a fixed order.

    Raises `SettingsError` for one that the contract cannot give, with the reason.
    """
    features: list[Feature] = [Row(name) for name in params.row]
    features += [Window(w.by, span, take, w.only) for w in params.windows for span in w.spans for take in w.take]
    features += [Last(last.by, take) for last in params.last for take in last.take]
    features += [Score(score.by, score.span) for score in params.scores]
    features += [Ratio(upper, lower) for upper, lower in params.ratios]
    _check(features, contract)
    return tuple(features)


def span_of(text: str) -> timedelta:
    """Return the length of a span such as `24h` or `30d`.

    >>> span_of("3d")
    datetime.timedelta(days=3)
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SettingsError(f"features: a span is a number of hours or days such as 24h or 30d, found {text!r}")
    number = int(match[1])
    return timedelta(hours=number) if match[2] == "h" else timedelta(days=number)


def categorical_columns(features: tuple[Feature, ...], contract: Contract) -> tuple[str, ...]:
    """Return the text columns whose values the features encode as numbers."""
    used = [f.name for f in features if isinstance(f, Row)] + [f.take for f in features if isinstance(f, Last)]
    columns = [column for name in dict.fromkeys(used) if (column := contract.column(name))]
    return tuple(column.name for column in columns if column.role == "categorical")


def _check(features: list[Feature], contract: Contract) -> None:
    names = [feature.name for feature in features]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"features: {name} is asked for twice")
    for feature in features:
        if isinstance(feature, Row):
            _check_row(feature.name, contract)
        elif isinstance(feature, Ratio):
            _check_ratio(feature, names)
        else:
            _check_entities(feature, contract)


def _check_row(name: str, contract: Contract) -> None:
    roles = {column.role for column in contract.columns}
    known = [*CLOCK_FEATURES, "amount"]
    known += [column.name for column in contract.kept if column.role in ("categorical", "numeric")]
    known += ["age"] if "birth_date" in roles else []
    known += ["distance"] if len(contract.places) >= 2 else []
    if name not in known:
        raise SettingsError(f"features.row: {name} cannot be made from {contract.name}, {nearest(name, known)}")


def _check_ratio(ratio: Ratio, names: list[str]) -> None:
    for side in (ratio.upper, ratio.lower):
        if side not in names or "_over_" in side:
            plain = [name for name in names if "_over_" not in name]
            raise SettingsError(f"features.ratios: {side} is not among the features, {nearest(side, plain)}")


def _check_entities(feature: Window | Last | Score, contract: Contract) -> None:
    known = [c.name for c in contract.kept if c.role in ("entity", "categorical")]
    for entity in feature.by:
        if entity not in known:
            raise SettingsError(f"features: {entity} is no entity of {contract.name}, {nearest(entity, known)}")
    if isinstance(feature, Last):
        takes = ["seconds", "amount", *(c.name for c in contract.kept if c.role in ("categorical", "numeric"))]
        if feature.take not in takes:
            raise SettingsError(f"features.last: cannot take {feature.take}, {nearest(feature.take, takes)}")
    else:
        span_of(feature.span)


def windows_behind(features: tuple[Feature, ...]) -> tuple[Window, ...]:
    """Return every window statistic that has to be computed, those inside scores included."""
    needed: list[Window] = []
    for feature in features:
        if isinstance(feature, Window):
            needed.append(feature)
        elif isinstance(feature, Score):
            needed += [feature.mean, feature.std]
    return tuple(dict.fromkeys(needed))

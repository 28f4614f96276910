"""What windows look at in a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from mlflow_fraud.core.features.definitions import AMOUNT, Only, Window
from mlflow_fraud.core.features.event import Event, View
from mlflow_fraud.core.features.plan import in_thousandths
from mlflow_fraud.core.features.row import is_night
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.features.statistics import STATISTICS
from mlflow_fraud.core.features.track import Kept


class LookedAt(NamedTuple):
    """What windows look at; `raw` values are counted, others are whole numbers that are added up."""

    only: Only
    of: str
    raw: bool


def looked_at_by(window: Window) -> LookedAt:
    """Return what a window looks at."""
    return LookedAt(window.only, window.of, raw=window.statistic == "distinct")


def kept_of(windows: Iterable[Window]) -> dict[LookedAt, Kept]:
    """Return what is to be kept of all that is looked at."""
    kept: dict[LookedAt, Kept] = {}
    for window in windows:
        looked_at = looked_at_by(window)
        kept[looked_at] = kept.get(looked_at, Kept()).and_also(STATISTICS[window.statistic].kept)
    return kept


def view_of(looked_at: LookedAt, schema: FeatureSchema) -> View:
    """Return how that is seen in an event."""
    only, of, raw = looked_at
    if of in schema.scores:

        def value(event: Event) -> Any:
            return event.scores[of]
    elif raw or of in schema.whole:

        def value(event: Event) -> Any:
            return event.row[of]
    else:

        def value(event: Event) -> Any:
            return in_thousandths(event.row[of])

    if only == "any":
        return value
    if only == "night":
        return lambda event: value(event) if is_night(event.row["event_time"]) else None
    large = schema.large_amount
    return lambda event: value(event) if event.row[AMOUNT] >= large else None

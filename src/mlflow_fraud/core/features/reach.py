"""How far back features look: what of a past still matters to what comes next."""

from __future__ import annotations

from datetime import timedelta

from mlflow_fraud.core.features.definitions import Entities, Labels, Last, Score, Window, span_of, windows_behind
from mlflow_fraud.core.features.schema import FeatureSchema


def window_reach(schema: FeatureSchema) -> timedelta:
    """Return how far back payments are looked at: the longest window, those inside scores included.

    One that moves by hops begins up to one earlier. Where silence is a label it is as far as the longest window of
    labels sees it.
    """
    behind = _longest(windows_behind(schema.features))
    return behind if schema.silence is None else max(behind, label_reach(schema))


def score_reach(schema: FeatureSchema) -> timedelta:
    """Return the longest window inside a score."""
    return _longest(tuple(w for score in schema.features if isinstance(score, Score) for w in (score.mean, score.std)))


def label_reach(schema: FeatureSchema) -> timedelta:
    """Return how old a label may be that still matters: as the longest window of labels.

    Where silence is a label, so much older is what keeps it from being said. Nothing where no feature is of labels.
    """
    if not schema.label_windows:
        return timedelta(0)
    return _longest(schema.label_windows) + (schema.silence or timedelta(0))


def remembered(schema: FeatureSchema) -> dict[Entities, int]:
    """Return the entities whose last transactions are features, however long ago they were, and how many."""
    back: dict[Entities, int] = {}
    for feature in schema.features:
        if isinstance(feature, Last):
            back[feature.by] = max(back.get(feature.by, 0), feature.back)
    return back


def _longest(windows: tuple[Window, ...] | tuple[Labels, ...]) -> timedelta:
    return max((_reach(window) for window in windows), default=timedelta(0))


def _reach(window: Window | Labels) -> timedelta:
    hop = window.hop if isinstance(window, Window) else None
    return span_of(window.span) + (span_of(hop) if hop else timedelta(0))

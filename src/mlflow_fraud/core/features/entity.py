"""The pasts of all cards, or of all merchants, and what the online engine reads from them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import Any

from mlflow_fraud.core.features.definitions import Entities, Last, span_of
from mlflow_fraud.core.features.event import Corrected, Event, Value
from mlflow_fraud.core.features.instants import DAY, MICROSECOND, span_micros
from mlflow_fraud.core.features.past import Past
from mlflow_fraud.core.features.plan import LATENESS, Plan, unscaled
from mlflow_fraud.core.features.resting import Resting
from mlflow_fraud.core.features.row import row_function
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.features.statistics import Wanted, reading
from mlflow_fraud.core.features.track import Track
from mlflow_fraud.core.features.views import kept_of, looked_at_by, view_of

Transaction = Mapping[str, Any]
"""A transaction by pipeline names: `event_id`, `event_time`, `amount` in minor units, the entities, …

One that was recorded with its scores (whole thousandths, by the names of the scores) keeps them.
"""


class EntityPasts:
    """The pasts of all cards, or of all merchants, and what is read from them."""

    def __init__(self, by: Entities, plan: Plan, schema: FeatureSchema, since: int) -> None:
        self.by, self._key = by, itemgetter(*by)
        self.pasts: dict[Any, Past] = {}
        self._keys: dict[Any, list[Any]] = {}  # of each card, where the entity is of several columns
        self.resting: Resting | None = None
        self.is_noted = False
        self.scores = [name for name, of in plan.rescored if of == by]
        self.kept_scores = [kept for name in self.scores for kept in (name, *plan.usual.get(name, ()))]
        mine = [(place, window) for place, window in plan.windows if window.by == by]
        kept = kept_of(window for _, window in mine)
        self._tracks = [(view_of(looked_at, schema), keeps) for looked_at, keeps in kept.items()]
        spans, views = sorted({window.span for _, window in mine}, key=_width, reverse=True), list(kept)
        self._starts = [span_micros(span) for span in spans]
        wanted: dict[tuple[int, int], list[Wanted]] = {}
        for place, window in mine:
            at = spans.index(window.span), views.index(looked_at_by(window))
            told = Wanted(place, window.statistic, window.name in schema.in_thousandths)
            wanted.setdefault(at, []).append(told)
        self._readings = [(span, view, reading(of)) for (span, view), of in wanted.items()]
        self._lasts = [(place, last.back, _taker(last, schema)) for place, last in plan.lasts if last.by == by]
        longest = max((span_of(span) for span in spans), default=timedelta(0))
        self.score_reach = longest // MICROSECOND
        self.reach = (longest + LATENESS) // MICROSECOND
        self.back = max((back for _, back, _ in self._lasts), default=0)
        self._since = since
        self._nothing = self._new()
        self._of_scores = [number for number, view in enumerate(views) if view.of in schema.scores]

    def read(self, transaction: Transaction, at: int, values: list[Value]) -> None:
        """Fill in this entity's windows and last ones."""
        found = self.past_of(transaction)
        if found.versions is not None:
            found.show(at)
        times, events, tracks = found.times, found.events, found.tracks
        end = len(times) if not times or times[-1] < at else bisect_left(times, at)  # nearly always all of them
        firsts, first = [], 0
        for span in self._starts:  # each begins where those do that reach further, or later
            if span:
                first = bisect_left(times, at - span, first, end)
                firsts.append(first)
            else:
                firsts.append(bisect_left(times, at - at % DAY, first, end))
        for span, track, read in self._readings:
            read(tracks[track], firsts[span], end, values)
        if found.versions is None:
            for place, back, take in self._lasts:
                values[place] = take(events[end - back], at) if end >= back else None
        else:
            for place, back, take in self._lasts:
                last = found.last(end, back)
                values[place] = None if last is None else take(last, at)

    def add(self, event: Event, reached: int | None) -> tuple[Past, int]:
        """Put the event into its past; return that, and how many events come after it."""
        key = self._key(event.row)
        found = self.pasts.get(key) or self._woken(key) or self._made(key, self._new())
        return found, found.add(event, reached)

    def correct(self, corrected: Corrected, earliest: int | None) -> Iterator[Past]:
        """Take in all versions of an event, wherever one of them belongs; yield these pasts."""
        for key in dict.fromkeys(self._key(event.row) for event in corrected.events):
            found = self.pasts.get(key) or self._woken(key) or self._new()
            versions = corrected.where(partial(self._is_of, key))
            if found.correct(corrected.original.key, versions, earliest):
                if key not in self.pasts:
                    self._made(key, found)
                yield found

    def past_of(self, transaction: Transaction) -> Past:
        """Return the past of the transaction's card, or merchant; an empty one where there is none."""
        key = self._key(transaction)
        return self.pasts.get(key) or self._woken(key) or self._nothing

    def pasts_of(self, first: Any) -> Sequence[Past]:
        """Return the pasts of a card: its own, or those that it has with others."""
        keys = [first] if len(self.by) == 1 else self._keys.get(first, ())
        return [self.pasts[key] for key in keys if key in self.pasts]

    def let_go(self, first: Any) -> None:
        """Forget the pasts of a card."""
        for key in [first] if len(self.by) == 1 else self._keys.pop(first, ()):
            self.pasts.pop(key, None)

    def put_back(self, event: Event) -> None:
        """Take in an event that was there before."""
        key = self._key(event.row)
        (self.pasts.get(key) or self._made(key, self._new())).add(event, None)

    def _woken(self, key: Any) -> Past | None:
        """Return the past of one whose card rested; None where there is none."""
        if self.resting is not None and self.resting.wake(self._first(key)):
            return self.pasts.get(key)
        return None

    def _made(self, key: Any, past: Past) -> Past:
        """Take in a past of one that had none."""
        self.pasts[key] = past
        first, is_new = self._first(key), True
        if len(self.by) > 1:
            is_new = first not in self._keys
            self._keys.setdefault(first, []).append(key)
        if is_new and self.is_noted and self.resting is not None:
            self.resting.note(first)
        return past

    def _first(self, key: Any) -> Any:
        return key if len(self.by) == 1 else key[0]

    def holds(self, corrected: Corrected) -> bool:
        """Return whether a version of the event is still in a past."""
        return any(self.past_of(event.row).find(event.key) for event in corrected.events)

    def refresh(self, event: Event) -> None:
        """Look again at an event whose scores have changed."""
        if self._of_scores:
            self.past_of(event.row).refresh(event, self._of_scores)

    def moves(self, one: Transaction, other: Transaction) -> bool:
        """Return whether the two are of different cards, or merchants."""
        return bool(self._key(one) != self._key(other))

    def _is_of(self, key: Any, event: Event) -> bool:
        return bool(self._key(event.row) == key)

    def _new(self) -> Past:
        tracks = [Track(view, kept) for view, kept in self._tracks]
        since = self._since if self.resting is None else max(self._since, self.resting.since)
        return Past(tracks, reach=self.reach, back=max(self.back, 1), since=since)


def _width(span: str) -> int:
    """Return how far back a span reaches at most, in microseconds; the one from midnight on reaches less than a day."""
    return span_micros(span) or DAY - 1


def _taker(last: Last, schema: FeatureSchema) -> Callable[[Event, int], Value]:
    """Return how the feature is taken from the event that it looks back on."""
    take = last.take
    if take == "seconds":
        return lambda event, at: (at - event.at) / 1_000_000
    if take in schema.scores:
        return lambda event, at: unscaled(event.scores[take])
    read = row_function(take, schema)
    return lambda event, at: read(event.row)

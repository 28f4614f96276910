"""One entity's transactions in time order, with running totals: a window is two bisections and a subtraction."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

from mlflow_fraud.core.features.event import Event, Gone, Key, Number, Value, Version
from mlflow_fraud.core.features.track import Track
from mlflow_fraud.core.features.versions import Versions

__all__ = ["Number", "Past", "Value"]

SMALL, SHARE = 64, 8
"""A past of so few events stays as it is; of a larger one at least an eighth is dropped at once."""

SPARE = 16
"""So many more events are kept than are looked back on, for of the newest some may be reversed."""


class Past:
    """The events of one entity that a window can still reach, and the `back` newest.

    From `since` on all that came is there; of what was before some may be missing. A corrected event stands in its
    place in the version that the reader sees who was shown the past last; `versions` is None where none is corrected.
    """

    __slots__ = ("_back", "_reach", "events", "since", "times", "tracks", "versions")

    def __init__(self, tracks: list[Track], *, reach: int, back: int, since: int) -> None:
        self.tracks = tracks
        self.since = since
        self.times = array("q")  # side by side: a search in a list looks at a number somewhere else each time
        self.events: list[Event] = []
        self.versions: Versions | None = None
        self._reach, self._back = reach, back

    def add(self, event: Event, reached: int | None) -> int:
        """Put the event where it belongs in time; return how many events come after it.

        What no window can reach is forgotten, counted from where time has come: to the newest event or to `reached`,
        whichever is earlier, for an event may state a time that is not there yet.
        """
        if not self.times or event.at > self.times[-1]:
            self.times.append(event.at)
            self.events.append(event)
            for track in self.tracks:
                track.append(event)
            if len(self.times) > SMALL and reached is not None:
                self._forget(reached)
            return 0
        later = self._insert(event)
        if len(self.times) > SMALL and reached is not None:
            self._forget(reached)
        return later

    def correct(self, key: Key, versions: Sequence[Version], earliest: int | None) -> bool:
        """Take in all versions of an event, the original first; return whether there is a place for it.

        An original that is another entity's gets one. Before `earliest` no reader is expected.
        """
        if self._slot(key) is None:
            if not isinstance(versions[0].event, Gone):
                return False
            self._insert(versions[0].event)
        if self.versions is None:
            self.versions = Versions()
        self.versions.take(key, versions)
        self._turn((key,))
        if earliest is not None:
            self._turn(self.versions.let_go(earliest))
        return True

    def show(self, at: int) -> None:
        """Turn to a reader at `at`: corrected events stand in the versions that it sees."""
        if self.versions is not None:
            self._turn(self.versions.show(at))

    def is_settled(self, earliest: int) -> bool:
        """Return whether all readers from `earliest` on see the same of corrected events."""
        if self.versions is None:
            return True
        self._turn(self.versions.let_go(earliest))
        return self.versions.is_settled

    def newest(self, number: int) -> list[Event]:
        """Return so many of the newest events that are there."""
        there = (event for event in reversed(self.events) if not isinstance(event, Gone))
        return list(islice(there, number))

    def last(self, end: int, back: int) -> Event | None:
        """Return of the events before the place `end` the newest that is there, or one further back."""
        for place in range(end - 1, -1, -1):
            back -= not isinstance(self.events[place], Gone)
            if not back:
                return self.events[place]
        return None

    def ever(self, first: int, last: int) -> list[Event]:
        """Return the events between two places in all versions that are there to any reader."""
        if self.versions is None:
            return self.events[first:last]
        held = self.versions.of
        versions = ([v.event for v in held.get(event.key, ())] or [event] for event in self.events[first:last])
        return [event for each in versions for event in each if not isinstance(event, Gone)]

    def refresh(self, event: Event, tracks: Sequence[int]) -> None:
        """Let some tracks look at an event again whose scores have changed, where it stands in its place."""
        for place in range(bisect_left(self.times, event.at), bisect_right(self.times, event.at)):
            if self.events[place] is event:
                for number in tracks:
                    self.tracks[number].change(place, event)

    def find(self, key: Key) -> Event | None:
        """Return the event in the version that it stands in; None where it has no place."""
        place = self._slot(key)
        return None if place is None else self.events[place]

    def _turn(self, keys: Iterable[Key]) -> None:
        if self.versions is None:
            return
        for key in keys:
            place, shown = self._slot(key), self.versions.shown(key)
            if place is None or self.events[place] is shown:
                continue
            for track in self.tracks:
                track.change(place, shown)
            self.events[place] = shown

    def _insert(self, event: Event) -> int:
        """Put the event among the others; return how many come after it."""
        place = self._place(event)
        later = len(self.times) - place
        self.times.insert(place, event.at)
        self.events.insert(place, event)
        for track in self.tracks:
            track.insert(place, event)
        return later

    def _place(self, event: Event) -> int:
        """Return the place behind all that is earlier, or of the same instant with a smaller id."""
        place = bisect_right(self.times, event.at)
        while place and self.times[place - 1] == event.at and self.events[place - 1].id > event.id:
            place -= 1
        return place

    def _slot(self, key: Key) -> int | None:
        """Return the place of the event; None where it is forgotten, or another entity's."""
        at, event_id = key
        for place in range(bisect_left(self.times, at), bisect_right(self.times, at)):
            if self.events[place].id == event_id:
                return place
        return None

    def _forget(self, reached: int) -> None:
        """Drop what no window can reach, seldom enough that the cost of a drop does not count."""
        now = min(reached, self.times[-1])
        if self.times[len(self.times) // SHARE] >= now - self._reach:
            return
        out_of_reach = min(bisect_left(self.times, now - self._reach), self._first_kept(bisect_right(self.times, now)))
        if out_of_reach <= 0:
            return
        self.since = max(self.since, self.times[out_of_reach - 1] + 1)
        del self.times[:out_of_reach], self.events[:out_of_reach]
        for track in self.tracks:
            track.drop(out_of_reach)
        if self.versions is not None:
            self.versions.forget(self.times[0])
            self.versions = self.versions if self.versions.of else None

    def _first_kept(self, end: int) -> int:
        """Return the place of the first of the newest events that are kept, those that are ever gone not counted."""
        place = end - self._back - SPARE
        if self.versions is not None and place > 0:
            missing = sum(map(self._is_ever_gone, self.events[place:end]))
            while missing and place > 0:
                place -= 1
                missing -= not self._is_ever_gone(self.events[place])
        return place

    def _is_ever_gone(self, event: Event) -> bool:
        versions = self.versions.of.get(event.key, ()) if self.versions is not None else ()
        return any(isinstance(version.event, Gone) for version in versions)

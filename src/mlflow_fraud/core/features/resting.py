"""Cards that nothing was heard of for longer than any window: of each its last ones, in as few bytes as they take."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from weakref import proxy

from mlflow_fraud.core.features.event import ALWAYS, Event
from mlflow_fraud.core.features.instants import moment
from mlflow_fraud.core.features.past import Past
from mlflow_fraud.core.features.plan import Plan
from mlflow_fraud.core.features.rounds import Rounds


class Kind(Protocol):
    """The pasts of all cards, or of all cards with a category: those that begin with the same column rest together."""

    reach: int
    back: int

    def pasts_of(self, first: Any) -> Sequence[Past]:
        """Return the pasts of a card."""

    def let_go(self, first: Any) -> None:
        """Forget the pasts of a card."""

    def put_back(self, event: Event) -> None:
        """Take in an event that was there before."""


class Resting:
    """The cards that rest, or whatever the column is that some entities begin with.

    A card rests once no window can reach its newest transaction, nor what was corrected of it lately. What its last
    ones are is kept however old; where no feature looks at those it is let go. It wakes when it is asked for. Before
    `since` there were others, of somebody.
    """

    def __init__(self, plan: Plan, kinds: Sequence[Kind]) -> None:
        self._plan = plan
        self._kinds: Sequence[Kind] = [proxy(kind) for kind in kinds]  # which know this: a circle lives on otherwise
        self._kept = [column for column in plan.columns if column != "event_time"]
        self._reach = max(kind.reach for kind in kinds)
        self.since = ALWAYS
        self._asleep: dict[Any, bytes] = {}
        self._rounds = Rounds()

    def note(self, first: Any) -> None:
        """Take in that a card is there that was not."""
        self._rounds.add(first)

    def look(self, reached: int | None) -> None:
        """Look at the next cards of a round, and put to rest which can."""
        if reached is None:
            return
        for first in self._rounds.due(reached):
            if not self._rests(first, reached - self._reach):
                self._rounds.add(first)

    def wake(self, first: Any) -> bool:
        """Give a card its pasts again; return whether it rested."""
        packed = self._asleep.pop(first, None) if self._asleep else None
        if packed is None:
            return False
        events = self._unpacked(packed)
        for event in events:
            for kind in self._kinds:
                kind.put_back(event)
        return True

    def events(self) -> Iterator[Event]:
        """Yield what is kept of all that rest."""
        for packed in self._asleep.values():
            yield from self._unpacked(packed)

    def __len__(self) -> int:
        """Return how many rest."""
        return len(self._asleep)

    def _rests(self, first: Any, before: int) -> bool:
        for past in self._kinds[0].pasts_of(first):
            if past.times[-1] >= before:  # nearly always
                return False
        pasts = [(kind.back, past) for kind in self._kinds for past in kind.pasts_of(first)]
        if any(past.times[-1] >= before or not past.is_settled(before) for _, past in pasts):
            return False
        last = {event.key: event for back, past in pasts for event in past.newest(back)}
        for kind in self._kinds:
            kind.let_go(first)
        self.since = max(self.since, before)
        if last:
            self._asleep[first] = self._packed([last[key] for key in sorted(last)])
        return True

    def _packed(self, events: Sequence[Event]) -> bytes:
        rows = [[e.at, e.id, [e.row[column] for column in self._kept], e.scores] for e in events]
        return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)

    def _unpacked(self, packed: bytes) -> list[Event]:
        events = []
        for at, event_id, values, scores in json.loads(zlib.decompress(packed)):
            row = {"event_time": moment(at), **dict(zip(self._kept, values, strict=True))}
            events.append(Event(at, event_id, self._plan.held_once(row), self._plan.kept_scores(scores)))
        return events

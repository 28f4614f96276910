"""The corrected payments of one entity, and which of their versions its past shows."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from mlflow_fraud.core.features.event import ALWAYS, Event, Key, Version


class Versions:
    """Of each corrected payment its versions, the oldest first, and the instant of the reader that they are shown to.

    `changes` are the versions in the order in which they come to be seen: from one reader to the next those between
    the two change, and they alone. Those that no reader can be before any more are no changes.
    """

    __slots__ = ("_changes", "_earliest", "_shown", "of")

    def __init__(self) -> None:
        self.of: dict[Key, Sequence[Version]] = {}
        self._changes: list[tuple[int, int, Key]] = []
        self._shown = self._earliest = ALWAYS

    def take(self, key: Key, versions: Sequence[Version]) -> None:
        """Take in the versions of a payment, the original first."""
        self.of[key] = versions
        for seen, told, _ in versions[1:]:
            change = (seen, told, key)
            place = bisect_left(self._changes, change[:2])
            if seen >= self._earliest and self._changes[place : place + 1] != [change]:
                insort(self._changes, change)

    def show(self, at: int) -> Iterable[Key]:
        """Turn to a reader at `at`; return the payments that may be others to it than to the one before."""
        at = max(at, self._earliest)
        changes, shown = self._changes, self._shown
        self._shown = at
        first, last = bisect_left(changes, (shown,)), bisect_left(changes, (at,))
        if first == last:
            return ()
        return dict.fromkeys(key for _, _, key in changes[min(first, last) : max(first, last)])

    def shown(self, key: Key) -> Event:
        """Return what the payment is to the reader."""
        versions = self.of[key]
        return versions[max(bisect_left(versions, (self._shown,)), 1) - 1].event

    def let_go(self, earliest: int) -> Iterable[Key]:
        """Expect no reader before `earliest`, and turn to one there at least; return as `show` does."""
        changed = self.show(max(self._shown, earliest))
        self._earliest = max(self._earliest, earliest)
        del self._changes[: bisect_left(self._changes, (self._earliest,))]
        return changed

    @property
    def is_settled(self) -> bool:
        """Whether all readers that are expected see the same."""
        return not self._changes

    def forget(self, before: int) -> None:
        """Drop the payments that are earlier."""
        self.of = {key: versions for key, versions in self.of.items() if key[0] >= before}
        self._changes = [change for change in self._changes if change[2] in self.of]

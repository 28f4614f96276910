"""The ids that came last: to know at once that a payment is new."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any


class KnownIds:
    """Ids of payments as numbers of eight bytes, in two halves that take turns.

    Of what is forgotten the latest time is kept, so that a payment after it which is not among them is new.
    """

    def __init__(self, *, kept: int) -> None:
        self._kept = kept
        self._older, self._newer = Earlier(), Earlier()
        self._forgotten: datetime | None = None

    def add(self, key: tuple[str, Any], at: datetime) -> None:
        """Know an id from now on."""
        if len(self._newer.numbers) >= self._kept:
            self.forget(self._older.latest)
            self._older, self._newer = self._newer, Earlier()
        self._newer.add_one(_number_of(key), at)

    def come_before(self, earlier: Earlier) -> None:
        """Know ids that came before all that were added; at no cost, however many they are."""
        if self._older.numbers:  # as many came meanwhile as are kept
            self.forget(earlier.latest)
        else:
            self._older = earlier

    def forget(self, latest: datetime | None) -> None:
        """Know that there are others, none of which is later than `latest`."""
        self._forgotten = max(filter(None, (self._forgotten, latest)), default=None)

    def may_have(self, key: tuple[str, Any], at: datetime) -> bool:
        """Return False for what is surely new.

        >>> noon, ids = datetime(2020, 1, 1, 12), KnownIds(kept=10)
        >>> ids.add(("cards", "b"), noon)
        >>> ids.forget(datetime(2019, 12, 31))
        >>> [ids.may_have(("cards", each), noon) for each in "ab"], ids.may_have(("cards", "a"), datetime(2019, 12, 1))
        ([False, True], True)
        """
        number = _number_of(key)
        known = number in self._newer.numbers or number in self._older.numbers
        return known or (self._forgotten is not None and at <= self._forgotten)


class Earlier:
    """Ids, and a time after which none of them is."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.latest: datetime | None = None

    def add(self, keys: Iterable[tuple[str, str]], at: datetime | None) -> None:
        """Know ids none of which is later than `at`; None where there are none."""
        self.numbers.update(map(hash, keys))  # of this process alone, and quick: where two are one, a look tells
        self.latest = max(filter(None, (self.latest, at)), default=None)

    def add_one(self, number: int, at: datetime) -> None:
        """Know an id by its number; each payment brings one, so nothing is made for it."""
        self.numbers.add(number)
        if self.latest is None or at > self.latest:
            self.latest = at


def _number_of(key: tuple[str, Any]) -> int:
    contract, event_id = key
    return hash((contract, str(event_id)))

"""The ids that came last: to know at once that a payment is new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any


class KnownIds:
    """Ids of payments as numbers of eight bytes, in two halves that take turns.

    Of what came before them `until` says the latest time, so that a payment after it which is not among them is new.
    `newest_first` has contract, id and time of each.
    """

    def __init__(self, newest_first: Iterable[tuple[str, Any, datetime]], until: datetime | None, *, kept: int) -> None:
        self._kept, self._until = kept, until
        self._older: dict[int, datetime] = {}
        self._newer = {_number(contract, event_id): at for contract, event_id, at in newest_first}

    def add(self, key: tuple[str, Any], at: datetime) -> None:
        """Know an id from now on."""
        if len(self._newer) >= self._kept:
            forgotten = [*self._older.values(), *filter(None, [self._until])]
            self._until = max(forgotten, default=None)
            self._older, self._newer = self._newer, {}
        self._newer[_number(*key)] = at

    def may_have(self, key: tuple[str, Any], at: datetime) -> bool:
        """Return False for what is surely new.

        >>> noon = datetime(2020, 1, 1, 12)
        >>> ids = KnownIds([("cards", "b", noon)], until=datetime(2019, 12, 31), kept=10)
        >>> [ids.may_have(("cards", each), noon) for each in "ab"], ids.may_have(("cards", "a"), datetime(2019, 12, 1))
        ([False, True], True)
        """
        number = _number(*key)
        return number in self._newer or number in self._older or (self._until is not None and at <= self._until)


def _number(contract: str, event_id: Any) -> int:
    return int.from_bytes(hashlib.blake2b(f"{contract}\n{event_id}".encode(), digest_size=8).digest())

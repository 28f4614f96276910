"""A bank that goes on paying while something is tried."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from threading import Event, Thread
from typing import Any

from rehearsal.asking import Client
from rehearsal.business import ID, Business

RATE = 20
"""Payments a second."""
SECONDS = 60
"""After which nothing is waited for any more."""


class Bank:
    """Posts payments at a steady pace in a thread of its own; `unrecorded` counts answers that are not recorded yet."""

    def __init__(self, business: Business, client: Client) -> None:
        self._payments: Iterator[dict[str, Any]] = chain.from_iterable(rows for _, rows, _ in business.by_day())
        self._client, self._over = client, Event()
        self.unrecorded = 0
        self.answered_ids: list[str] = []
        self._sent: dict[str, dict[str, Any]] = {}
        self._thread = Thread(target=self._post, daemon=True)

    @property
    def answered(self) -> int:
        """How many payments got an answer."""
        return len(self.answered_ids)

    @property
    def failed(self) -> int:
        """How many payments got no answer."""
        return len(self._client.refused)

    def __enter__(self) -> Bank:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def waits_for(self, number: int) -> None:
        """Return once so many more payments are answered."""
        wanted, until = self.answered + number, time.monotonic() + SECONDS
        while self.answered < wanted and time.monotonic() < until:
            time.sleep(0.05)

    def takes(self, key: str) -> None:
        """Ask with another key from now on."""
        self._client.takes(key)

    def sends_again(self, event_ids: Iterable[str]) -> None:
        """Post payments a second time, in the order in which they came, beside those that go on."""
        wanted = {*event_ids}
        for event_id in [each for each in self.answered_ids if each in wanted]:
            self._client.score(self._sent[event_id])

    def _post(self) -> None:
        for payment in self._payments:
            if self._over.wait(1 / RATE):
                return
            self._sent[payment[ID]] = payment
            answer = self._client.score(payment)
            if answer is not None:
                self.answered_ids.append(payment[ID])
                self.unrecorded += not answer.recorded

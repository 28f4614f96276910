"""What the service keeps is looked at once by the collector of circles, and none of its own circles are left to it."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from mlflow_fraud.serving import connections as module
from mlflow_fraud.serving.collector import THRESHOLDS, looking_once
from mlflow_fraud.serving.connections import Bounds
from tests.serving.test_connections import ASKED, serving

YOUNG, OLDER, OLD = THRESHOLDS
A_LOOK_AT_ALL = (YOUNG + 1) * (OLDER + 2) * (OLD + 2)
"""So many new objects at most, until all is looked at."""


class Circle:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def looks() -> Iterator[None]:
    with looking_once():
        yield
    gc.unfreeze()


@pytest.mark.usefixtures("looks")
def test_what_is_kept_is_out_of_the_collectors_sight_after_one_look() -> None:
    before = gc.get_freeze_count()
    kept: list[list[Any]] = [[] for _ in range(10 * A_LOOK_AT_ALL)]
    assert gc.get_freeze_count() - before >= len(kept) - A_LOOK_AT_ALL
    assert len(gc.get_objects()) < 2 * A_LOOK_AT_ALL


@pytest.mark.usefixtures("looks")
def test_circles_that_are_let_go_of_are_freed_all_the_same() -> None:
    gone = weakref.ref(Circle())
    kept: list[list[Any]] = [[] for _ in range(2 * A_LOOK_AT_ALL)]
    assert gone() is None
    assert kept


def test_what_was_there_before_is_looked_at_once_too_however_much_it_is() -> None:
    """A look comes behind a quarter of what the last one saw: after a large one they would be far apart."""
    there: list[list[Any]] = [[] for _ in range(40 * A_LOOK_AT_ALL)]
    gc.collect()
    with looking_once():
        before = gc.get_freeze_count()
        kept: list[list[Any]] = [[] for _ in range(3 * A_LOOK_AT_ALL)]
        assert gc.get_freeze_count() - before >= len(kept) - A_LOOK_AT_ALL
    gc.unfreeze()
    assert there


def test_behind_the_service_the_collector_is_as_it_was() -> None:
    threshold, callbacks = gc.get_threshold(), [*gc.callbacks]
    with looking_once():
        assert gc.get_threshold() != threshold
    gc.unfreeze()
    assert (gc.get_threshold(), gc.callbacks) == (threshold, callbacks)


def test_a_connection_that_has_ended_leaves_no_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many a client opens one for each payment: whichever is in use at a look at all would stay for ever."""
    made, there = list[None](), weakref.WeakSet[module.Connection]()

    class Known(module.Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            made.append(None)
            there.add(self)
            super().connection_made(transport)

    monkeypatch.setattr(module, "Connection", Known)
    with serving(Bounds(100, 10)) as port:
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                    client.sendall(ASKED)
                    assert client.recv(100).startswith(b"HTTP/1.1 200")
            until = time.monotonic() + 10
            while there and time.monotonic() < until:
                time.sleep(0.05)
            assert (len(made), len(there)) == (20, 0)
        finally:
            gc.enable()

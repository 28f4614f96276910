"""The collector of circles looks once at what is kept, and never again: a past grows, and has no circles."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

YOUNG, OLDER, OLD = 1_000, 4, 2
"""A look at the newest after more than so many new objects, at the older of them after more than so many looks, at all
after more than so many of those: at what some 700 payments have made, for some milliseconds."""


@contextmanager
def looking_once() -> Iterator[None]:
    """Keep from the collector, in the block, what a look at all has found to be in use.

    It would look at all of it again whenever a quarter more is there: at a past of millions of payments for a second,
    in which nobody is answered. What is freed by its last reference is freed all the same. A circle that was in use at
    a look and is let go of later stays, so nothing that comes often may leave one: no connection does.
    """
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, OLDER, OLD)
    gc.callbacks.append(_freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*before)
        gc.unfreeze()


def _freeze(phase: str, info: Mapping[str, Any]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()

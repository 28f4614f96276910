"""The collector of circles looks once at what is kept, and never again: a past grows, and has no circles."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

THRESHOLDS = (1_000, 1, 1)
"""Of `gc.set_threshold`: a look at all comes behind some 7,000 new objects, which are those of 300 payments."""


@contextmanager
def looking_once() -> Iterator[None]:
    """Keep from the collector what a look at all has found to be in use, from the beginning of the block on.

    It would look at all of it again whenever a quarter more is there: at a past of millions of payments for a second,
    in which nobody is answered. What is freed by its last reference is freed all the same. A circle that was in use at
    a look and is let go of later stays, so nothing that comes often may leave one.
    """
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(_freeze)
    gc.collect()
    gc.collect()  # a look comes behind a quarter of what the one before it saw, which is nothing from now on
    try:
        yield
    finally:
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*before)


def _freeze(phase: str, info: Mapping[str, Any]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()

"""A thread that no answer waits for lets the others have the processor first."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import get_native_id

BEHIND = 10
"""How much lower than the others' the thread's priority is, where a thread has one of its own."""


def step_back() -> None:
    """Let this thread have the processor when nobody else wants it, where the system has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + BEHIND)

"""What no answer waits for has the processor when nobody else wants it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import get_native_id

BEHIND = 10
"""How much lower than the others' the priority is: a tenth of their share where all want the processor.

Much lower, and who is kept from the processor in the middle of a Python step keeps the others from theirs: they wait
for the interpreter's lock.
"""


def step_back() -> None:
    """Lower the priority of the thread that calls, where the system has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + BEHIND)

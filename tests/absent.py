"""What a test needs and this machine has not: a skip at a desk, a failure where nobody reads what was skipped."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

ON_A_RUNNER = bool(os.environ.get("GITHUB_ACTIONS"))
"""Of GitHub, where all is to be had. Read when the tests are collected: they have an environment without it."""


def absent(why: str, *, on_a_runner: bool = ON_A_RUNNER) -> NoReturn:
    """Skip the test; on a runner of GitHub let it fail, or a job would be green that tried nothing."""
    if on_a_runner:
        pytest.fail(f"{why}; on a runner that is no reason to skip", pytrace=False)
    pytest.skip(why)

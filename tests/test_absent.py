"""What is not there skips a test at a desk alone."""

from __future__ import annotations

import pytest

from tests.absent import absent


def test_what_is_not_there_is_a_skip_at_a_desk_and_a_failure_on_a_runner() -> None:
    with pytest.raises(pytest.skip.Exception, match="no engine"):
        absent("no engine", on_a_runner=False)
    with pytest.raises(pytest.fail.Exception, match="no engine; on a runner that is no reason to skip"):
        absent("no engine", on_a_runner=True)

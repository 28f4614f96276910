"""Five weeks of a bank on real servers, by themselves: what `make simulate-year` plays in a year."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.desk import fresh_clone
from tests.e2e.reader import made_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_five_weeks_go_round_by_themselves_and_every_line_holds(tmp_path: Path) -> None:
    desk = fresh_clone(tmp_path / "clone")
    made_environment(desk.folder)

    ended = desk.tries("python", "-m", "rehearsal", "weeks", seconds=1400)

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    table = desk.path(".local/rehearsal/weeks.md").read_text()
    assert "FAILS" not in table
    assert table.count("| holds |") == 6
    assert desk.path(".local/rehearsal/weeks.png").read_bytes().startswith(b"\x89PNG")

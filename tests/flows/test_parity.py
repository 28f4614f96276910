"""The audit's command line."""

from __future__ import annotations

import pytest

from flows.parity import asked


@pytest.mark.parametrize(("words", "days"), [([], 7), (["--days", "30"], 30)])
def test_the_command_line_says_how_many_days_back(words: list[str], days: int) -> None:
    assert asked(words) == days


@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["--day"], 2), (["30"], 2)])
def test_a_question_or_a_misspelt_word_runs_nothing(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        asked(words)
    assert end.value.code == code
    assert "--days DAYS" in "".join(capsys.readouterr())

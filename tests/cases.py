"""The log by case: what each case of a long test saw on its way, told when all have run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

NAME = "saw"


@pytest.fixture
def saw(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a sentence of what the case saw; it is told whether the test passes or fails."""
    return partial(record_property, NAME)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the cases with what each saw, also of tests that other processes ran."""
    ended = [(how, report) for how in ("passed", "failed") for report in terminalreporter.stats.get(how, [])]
    told = [(how, report, _sentences(report)) for how, report in ended if report.when == "call"]
    if not any(sentences for *_, sentences in told):
        return
    terminalreporter.section("log by case")
    for how, report, sentences in told:
        if sentences:
            terminalreporter.line(f"{how}, {report.duration:.0f} s: {_case(report.nodeid)}")
            for sentence in sentences:
                terminalreporter.line(f"  - {sentence}")


def _sentences(report: pytest.TestReport) -> list[object]:
    return [value for name, value in report.user_properties if name == NAME]


def _case(nodeid: str) -> str:
    """Return a test's name in words.

    >>> _case("tests/e2e/test_a.py::test_a_fork_is_judged[one]")
    'a fork is judged[one]'
    """
    return nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")

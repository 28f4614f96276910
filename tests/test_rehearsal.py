"""What a rehearsal holds to is false where nothing was looked at, asked for or tried."""

from __future__ import annotations

from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rehearsal import checks, losses, prefect_runs
from rehearsal.checks import Check
from rehearsal.plan import WEEKS, YEAR
from rehearsal.playing import Look, Played
from tests.loopback import answering

ENDED = [Look(day, "Completed") for day in YEAR.looks()]
RUN = {"state_name": "Completed"}
ASKED = {"day": "2020-02-01", "kind": "refresh", "reason": "mature days"}


def test_a_look_is_due_on_the_last_day_of_each_span() -> None:
    assert WEEKS.looks() == [WEEKS.day(27)]
    assert (len(YEAR.looks()), YEAR.looks()[0]) == (366 // 7, date(2020, 1, 7))


@pytest.mark.parametrize(
    ("looks", "holds"),
    [
        pytest.param(ENDED, True, id="each ended well"),
        pytest.param([], False, id="nobody looked"),
        pytest.param(ENDED[:-1], False, id="one is missing"),
        pytest.param([*ENDED[:-1], ENDED[-1]._replace(state="Crashed")], False, id="one crashed"),
        pytest.param([*ENDED, ENDED[-1]._replace(state="Failed")], False, id="one more, which failed"),
    ],
)
def test_the_year_holds_only_where_each_look_ended_well(looks: list[Look], holds: bool) -> None:
    assert checks.looks(YEAR, Played("v", looks=looks)).holds is holds


def test_a_look_that_failed_is_said_with_its_day() -> None:
    found = checks.looks(WEEKS, Played("v", looks=[Look(WEEKS.day(27), "Crashed")]))
    assert (found.asked, found.found, found.outcome) == ("1", f"0 of 1, {WEEKS.day(27)}: Crashed", "FAILS")


def test_a_december_in_which_nobody_looked_is_no_december_without_alarms() -> None:
    other = [look for look in ENDED if look.day.month != 12]
    alarm = ASKED | {"kind": "alarm", "day": "2020-12-08"}
    assert not checks.december(Played("v", looks=other)).holds
    assert not checks.december(Played("v", looks=ENDED, asked=[alarm])).holds
    assert checks.december(Played("v", looks=ENDED)).holds


def test_retrainings_of_which_none_was_asked_for_show_nothing() -> None:
    assert not checks.runs(Played("v", runs=[RUN])).holds
    assert not checks.runs(Played("v", asked=[ASKED], runs=[RUN])).holds
    assert checks.runs(Played("v", asked=[ASKED], runs=[RUN, RUN])).holds


def test_what_could_not_be_tried_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.database.runs", lambda: False)
    found = losses.database_lost(None, None)  # type: ignore[arg-type]  # it is asked before anything else
    assert (found.outcome, found.holds) == ("NOT TRIED", None)
    assert not all(check.holds for check in (Check("a", "b", "c", True), found))


def test_a_prefect_server_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    statuses = iter([503, 503, 200])

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(next(statuses))
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(HTTPServer(("127.0.0.1", 0), Busy)) as url:
        told = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": "a:b"}
        assert prefect_runs.Prefect(told).runs("retraining") == []
    assert next(statuses, None) is None

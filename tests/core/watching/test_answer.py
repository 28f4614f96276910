"""A retraining is asked for because of an alarm or because it is time, and the two are told apart."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.retrain import (
    Asked,
    Came,
    Limits,
    Missed,
    MonitorRule,
    Reason,
    Refresh,
    Sight,
    Unlearned,
    Window,
    answer_of,
)

RULE = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25), least_frauds=20, refresh=Refresh(least_frauds=10))
NOW = date(2021, 6, 1)
GOOD: Window = {"f1": 0.8, "f1_upper": 0.9, "promised_f1": 0.7, "recall": 0.8, "frauds": 30.0}
BAD: Window = {"f1": 0.5, "f1_upper": 0.62, "promised_f1": 0.7, "recall": 0.8, "frauds": 30.0}


@pytest.mark.parametrize(
    ("sight", "kind", "said"),
    [
        pytest.param(
            Sight([], []), "", "nothing alarms; how much is mature and not learned is not known", id="nothing"
        ),
        pytest.param(
            Sight([BAD, BAD], []), "alarm", "f1 below 0.7 in 2 of the last 2 windows, now 0.500", id="promise"
        ),
        pytest.param(Sight([GOOD, BAD], []), "", "nothing alarms", id="one is no trend"),
        pytest.param(Sight([BAD, BAD, GOOD], []), "", "nothing alarms", id="it is over"),
        pytest.param(Sight([{**BAD, "frauds": 5.0}] * 3, []), "", "nothing alarms", id="too few frauds"),
        pytest.param(Sight([{**BAD, "f1_upper": 0.71}] * 3, []), "", "nothing alarms", id="perhaps as promised"),
        pytest.param(Sight([], [{"drift": 0.3}] * 2), "alarm", "drift above 0.25 in 2 of the last 2", id="drift"),
        pytest.param(
            Sight([], [{"expected_f1": 0.4, "expected_f1_upper": 0.5, "foreseen_f1": 0.6}] * 2),
            "alarm",
            "expected f1 below 0.6 in 2 of the last 2 windows, now 0.400",
            id="estimate",
        ),
        pytest.param(
            Sight([], [{"expected_f1": 0.4, "expected_f1_upper": 0.7, "foreseen_f1": 0.6}] * 2), "", "", id="unsure"
        ),
        pytest.param(Sight([], [], Missed(6, 5, 5.1)), "alarm", "5 of the newest 6 bursts of fraud", id="missed"),
        pytest.param(Sight([], [], Missed(6, 5, 4.9)), "", "nothing alarms", id="not sure that more is missed"),
        pytest.param(
            Sight([], [], None, Unlearned(14, 10)), "refresh", "a refresh: 14 mature days with 10 frauds", id="refresh"
        ),
        pytest.param(Sight([], [], None, Unlearned(13.9, 99)), "", "a refresh is from 14 days with 10 on", id="young"),
        pytest.param(Sight([], [], None, Unlearned(99, 9)), "", "99 mature days with 9 frauds", id="few frauds"),
        pytest.param(Sight([BAD, BAD], [], None, Unlearned(99, 99)), "alarm", "f1 below", id="an alarm comes first"),
    ],
)
def test_what_is_seen_asks_for_what_it_asks(sight: Sight, kind: str, said: str) -> None:
    found = answer_of(sight, RULE, [], NOW)
    assert (found.retrain, found.kind) == (bool(kind), kind)
    assert said in found.reason


@given(st.integers(0, 60))
def test_an_alarm_is_given_again_after_its_cooldown_and_a_refresh_waits_for_no_alarm(days: int) -> None:
    asked = [Asked(NOW - timedelta(days=days), "alarm", "x")]
    alarmed = answer_of(Sight([BAD, BAD], []), RULE, asked, NOW)
    assert alarmed.retrain == (days >= RULE.cooldown_days)
    assert alarmed.retrain or f"asked for on {asked[0].day} already" in alarmed.reason
    assert answer_of(Sight([BAD, BAD], [], None, Unlearned(20, 20)), RULE, asked, NOW).retrain
    due = answer_of(Sight([], [], None, Unlearned(20, 20)), RULE, [asked[0]._replace(kind="refresh")], NOW)
    assert due.retrain == (days >= RULE.refresh.every_days)


OUTCOMES = st.sampled_from(["verdict", "under way", "nothing"])


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["alarm", "refresh"]), OUTCOMES), max_size=6))
def test_asking_is_tied_to_what_came_of_it(told: list[tuple[int, Reason, Came]]) -> None:
    """While one is under way nothing is asked, a verdict is left its time, and what came to nothing is asked again."""
    ordered = sorted(told, key=lambda each: -each[0])
    asked = [Asked(NOW - timedelta(days=days), kind, "x", came, "failed") for days, kind, came in ordered]
    found = answer_of(Sight([BAD, BAD], []), RULE, asked, NOW)
    answered = [days for days, kind, came in ordered if (kind, came) == ("alarm", "verdict")]
    under_way = any(came == "under way" for _, _, came in ordered)
    assert found.retrain == (not under_way and all(days >= RULE.cooldown_days for days in answered))
    alarms = [came for _, kind, came in ordered if kind == "alarm"]
    in_vain = len(alarms) - max((place + 1 for place, came in enumerate(alarms) if came != "nothing"), default=0)
    assert (f"asked for {in_vain + 1} times now: the retraining asked for on " in found.reason) == bool(
        found.retrain and in_vain
    )


@given(st.lists(st.sampled_from(["f1", "recall", "drift", "expected_f1", "frauds", "f1_upper"]), unique=True))
def test_what_is_not_known_is_not_bad(known: list[str]) -> None:
    """Whatever is taken away from good windows, nothing alarms."""
    whole: Window = {**GOOD, "drift": 0.1, "expected_f1": 0.8, "expected_f1_upper": 0.9, "foreseen_f1": 0.6}
    some = {name: value for name, value in whole.items() if name in known}
    assert not answer_of(Sight([some] * 3, [some] * 3), RULE, [], NOW).retrain


def test_a_release_that_says_what_it_promised_is_held_to_that_and_one_that_does_not_to_the_limits() -> None:
    modest: Window = {"f1": 0.5, "f1_upper": 0.55, "promised_f1": 0.45, "recall": 0.6, "frauds": 60.0}
    assert not answer_of(Sight([modest] * 3, []), RULE, [], NOW).retrain
    silent = {**modest, "promised_f1": None}
    assert answer_of(Sight([silent] * 3, []), RULE, [], NOW).reason.startswith("f1 below 0.6 in 3 of the last 3")

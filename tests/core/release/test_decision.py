"""The verdict is closed unless everything holds, and says why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.learning.choosing import select
from mlflow_fraud.core.measuring.difference import Difference
from mlflow_fraud.core.measuring.evaluation import COUNTS, HIGHER_IS_BETTER, LOWER_IS_BETTER
from mlflow_fraud.core.measuring.measures import DRAWN
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.release.decision import Verdict, decide
from mlflow_fraud.core.release.guardrails import Gains
from mlflow_fraud.core.release.in_words import named
from mlflow_fraud.core.release.ledger import Kind
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.core.strict import parse

RULE = CompareRule(
    floors={"average_precision": 0.4, "recall": 0.3}, max_loss={"recall": 0.02}, min_gain=0.0, min_frauds=50
)
GOOD: Metrics = {"f1": 0.8, "recall": 0.75, "average_precision": 0.85, "frauds": 100}
BOTH_WAYS = CompareRule(
    floors={"money_saved": 0.5},
    ceilings={"calibration_error": 0.001, "expected_cost": 500.0},
    max_loss={"expected_cost": 10.0, "recall_at_budget": 0.02, "calibration_error": 0.0002},
)
GUARDED: Metrics = {
    "f1": 0.8,
    "money_saved": 0.9,
    "calibration_error": 0.0003,
    "expected_cost": 200.0,
    "recall_at_budget": 0.7,
    "frauds": 100,
}


def gained(gain: float = 0.03, error: float = 0.01, blocks: int = 1000, **others: float) -> Gains:
    """Return a gain in F1, as surely known as its error says, and others; the rest is the same for both."""
    same = dict.fromkeys(DRAWN, Difference(0.0, 0.0, blocks))
    return {
        **same,
        "f1": Difference(gain, error, blocks),
        **{name: Difference(value, 0.0, blocks) for name, value in others.items()},
    }


GAIN = gained()


@pytest.mark.parametrize(
    ("challenger", "champion", "gain", "validated", "reason"),
    [
        pytest.param({**GOOD, "frauds": 49}, None, None, True, "only 49 frauds", id="too few frauds to judge"),
        pytest.param({**GOOD, "frauds": None}, None, None, True, "only 0 frauds", id="frauds not counted"),
        pytest.param({**GOOD, "recall": 0.2}, None, None, True, "below the floor", id="under a floor"),
        pytest.param({**GOOD, "recall": None}, None, None, True, "recall is missing", id="a metric is missing"),
        pytest.param(GOOD, None, None, False, "has not passed validation", id="data not validated"),
        pytest.param(GOOD, GOOD, None, True, "could not be computed", id="no interval"),
        pytest.param(GOOD, GOOD, gained(0.03, 0.02), True, "lower bound", id="not surely better"),
        pytest.param(GOOD, GOOD, gained(0.0, 0.0), True, "lower bound", id="exactly as good"),
        pytest.param(GOOD, GOOD, gained(recall=-0.05), True, "recall -0.050", id="better, but misses more"),
        pytest.param(GOOD, GOOD, {**GAIN, "recall": None}, True, "cannot be judged", id="a guardrail not measured"),
        pytest.param(GOOD, {**GOOD, "f1": None}, GAIN, True, "F1 is missing", id="champion not measured"),
    ],
)
def test_no_is_the_answer_when(
    challenger: Metrics, champion: Metrics | None, gain: Gains | None, validated: bool, reason: str
) -> None:
    verdict = decide(challenger, champion, gain, validated=validated, rule=RULE, first=True)
    assert not verdict.promote
    assert any(reason in sentence for sentence in verdict.reasons)


def test_a_surely_better_challenger_is_promoted_with_the_interval() -> None:
    verdict = decide(GOOD, GOOD, GAIN, validated=True, rule=RULE)
    assert verdict.promote
    assert verdict.reasons == ("F1 +0.0300, interval +0.0083 to +0.0517",)


def test_the_first_model_needs_only_the_floors() -> None:
    assert decide(GOOD, None, None, validated=True, rule=RULE, first=True).promote


def test_where_nothing_is_live_a_first_release_needs_to_be_asked_for() -> None:
    verdict = decide(GOOD, None, None, validated=True, rule=RULE, store="s3://bank/live/")
    assert verdict.against == (
        "there is no champion yet in s3://bank/live/; a first release needs to be asked for: --first",
    )


def test_asking_for_a_first_release_does_not_spare_a_challenger_the_champion() -> None:
    worse = decide(GOOD, GOOD, gained(0.0, 0.1), validated=True, rule=RULE, first=True)
    assert not worse.promote


def test_every_reason_against_is_named_at_once() -> None:
    verdict = decide({"frauds": 3}, GOOD, None, validated=False, rule=RULE)
    assert len(verdict.reasons) == 7


def test_the_candidate_is_chosen_on_validation_and_a_missing_metric_never_wins() -> None:
    assert select({"logistic": {"f1": None}, "forest": {"f1": 0.1}}, "f1") == "forest"


@pytest.mark.parametrize(
    ("changed", "gains", "reason"),
    [
        pytest.param({}, {}, None, id="as good as the champion"),
        pytest.param({}, {"expected_cost": 50.0}, None, id="cheaper is no loss"),
        pytest.param({}, {"calibration_error": 0.0002}, None, id="nearer the truth is no loss"),
        pytest.param({}, {"expected_cost": -9.0}, None, id="dearer by less than allowed"),
        pytest.param(
            {}, {"expected_cost": -15.0}, "expected cost +15.000, may rise by at most 10.000: broken", id="dearer"
        ),
        pytest.param(
            {},
            {"calibration_error": -0.0003},
            "calibration error +0.0003, may rise by at most 0.0002: broken",
            id="less true",
        ),
        pytest.param(
            {},
            {"recall_at_budget": -0.1},
            "recall at budget -0.100, may lose at most 0.020: broken",
            id="finds less",
        ),
        pytest.param({"calibration_error": 0.002}, {}, "0.002 is above the ceiling 0.001", id="over a ceiling"),
        pytest.param(
            {"expected_cost": None}, {}, "expected cost is missing, at most 500.000 is allowed", id="not computed"
        ),
        pytest.param({"money_saved": 0.4}, {}, "money saved 0.400 is below the floor 0.500", id="saves too little"),
    ],
)
def test_a_guardrail_knows_which_way_is_better(changed: Metrics, gains: dict[str, float], reason: str | None) -> None:
    verdict = decide({**GUARDED, **changed}, GUARDED, gained(**gains), validated=True, rule=BOTH_WAYS)
    assert verdict.promote == (reason is None)
    if reason:
        assert any(reason in sentence for sentence in verdict.against)


def test_the_first_model_needs_the_ceilings_too() -> None:
    verdict = decide({**GUARDED, "expected_cost": 900.0}, None, None, validated=True, rule=BOTH_WAYS, first=True)
    assert verdict.against == ("expected cost 900.000 is above the ceiling 500.000",)


def test_the_verdict_names_the_metric_that_it_is_about() -> None:
    cheaper = RULE.model_copy(update={"metric": "expected_cost"})
    assert decide(GOOD, GOOD, gained(expected_cost=30.0), validated=True, rule=cheaper).in_favour == (
        "gain in expected cost +30.0000, interval +30.0000 to +30.0000",
    )
    assert (
        "the gain in expected cost could not be computed"
        in decide(GOOD, GOOD, None, validated=True, rule=cheaper).against
    )


def test_the_candidate_with_the_lowest_of_what_should_be_low_is_chosen() -> None:
    costs: dict[str, Metrics] = {
        "logistic": {"expected_cost": None},
        "forest": {"expected_cost": 90.0},
        "xgboost": {"expected_cost": 40.0},
    }
    assert select(costs, "expected_cost") == "xgboost"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        pytest.param({"floors": {"recal": 0.5}}, "recal is no metric .*did you mean recall", id="misspelt"),
        pytest.param({"max_loss": {"rows": 5}}, "rows is no metric that models are judged by", id="a count"),
        pytest.param({"floors": {"brier": 0.5}}, "lower is better in brier: it takes a ceiling", id="floor of a low"),
        pytest.param({"ceilings": {"f1": 0.5}}, "higher is better in f1: it takes a floor", id="ceiling of a high"),
        pytest.param({"select_by": "accuracy"}, "accuracy is no metric", id="chosen by nothing we have"),
        pytest.param({"max_loss": {"roc_auc": 0.1}}, "roc_auc has no interval", id="a guardrail that is never drawn"),
        pytest.param({"max_loss": {"recall": -0.1}}, "a margin is 0 or more", id="a margin below nothing"),
        pytest.param({"metric": "brier"}, "known: average_precision, expected_cost, f1", id="no interval for it"),
    ],
)
def test_a_rule_that_could_not_be_judged_is_refused(section: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(CompareRule, {"floors": {}, "max_loss": {}, **section}, where="params.yaml")


EVERYTHING: Metrics = {
    **dict.fromkeys(HIGHER_IS_BETTER, 0.9),
    **dict.fromkeys(LOWER_IS_BETTER, 0.1),
    **dict.fromkeys(COUNTS, 100.0),
}
STRICTEST = CompareRule(
    floors=dict.fromkeys(HIGHER_IS_BETTER, 0.5),
    ceilings=dict.fromkeys(LOWER_IS_BETTER, 0.5),
    max_loss=dict.fromkeys(DRAWN, 0.01),
)
NO_NUMBERS = [float("nan"), float("inf"), float("-inf")]
no_numbers = st.sampled_from(NO_NUMBERS)
sides = st.sampled_from(["challenger", "champion"])


def verdict_on(
    changed: str = "",
    value: float | None = 0.0,
    gains: Gains | None = GAIN,
    rule: CompareRule = STRICTEST,
    kind: Kind = "change",
) -> Verdict:
    """Return the verdict where `changed`, as `side name`, has another value; None takes it away."""
    side, _, name = changed.partition(" ")
    found = {each: dict(EVERYTHING) for each in ("challenger", "champion")}
    if changed:
        found[side][name] = value
    return decide(
        found["challenger"],
        found["champion"],
        gains,
        validated=True,
        rule=rule,
        kind=kind,
        anchor=gains,
        anchor_frauds=80,
    )


def test_with_everything_as_it_should_be_the_strictest_rule_promotes() -> None:
    assert verdict_on().promote
    assert decide(EVERYTHING, None, None, validated=True, rule=STRICTEST, first=True).promote


@given(sides, st.sampled_from(sorted(EVERYTHING)), no_numbers)
def test_a_metric_that_is_no_number_never_promotes_and_is_named(side: str, name: str, value: float) -> None:
    """Whether or not the rule asks for it: who has measured NaN has not measured."""
    lax = CompareRule(floors={}, max_loss={})
    for rule in (STRICTEST, lax):
        verdict = verdict_on(f"{side} {name}", value, rule=rule)
        assert not verdict.promote
        assert any(f"the {side}'s {named(name)} is {value}" in reason for reason in verdict.against)


@given(st.sampled_from([*HIGHER_IS_BETTER, *LOWER_IS_BETTER]))
def test_a_metric_that_is_not_defined_never_passes_a_limit(name: str) -> None:
    verdict = verdict_on(f"challenger {name}", None)
    assert not verdict.promote
    assert any(f"{named(name)} is missing" in reason for reason in verdict.against)


@given(st.sampled_from(sorted(DRAWN)), st.sampled_from(["refresh", "change"]))
def test_a_loss_that_is_not_known_never_passes_a_guardrail(name: str, kind: Kind) -> None:
    verdict = verdict_on(gains={**GAIN, name: None}, kind=kind)
    assert not verdict.promote
    assert any(f"{named(name)} is missing" in reason for reason in verdict.against)


@given(
    st.sampled_from(sorted(DRAWN)),
    st.sampled_from(["estimate", "error"]),
    no_numbers,
    st.sampled_from(["refresh", "change"]),
)
def test_a_difference_that_is_no_number_never_promotes(name: str, part: str, value: float, kind: Kind) -> None:
    found = GAIN[name]
    assert found is not None
    verdict = verdict_on(gains={**GAIN, name: replace(found, **{part: value})}, kind=kind)
    assert not verdict.promote


@given(st.data(), no_numbers)
def test_a_limit_that_is_no_number_never_promotes_not_even_the_first(data: st.DataObject, value: float) -> None:
    section = data.draw(st.sampled_from(["floors", "ceilings", "max_loss", "min_gain", "min_frauds"]))
    whole = getattr(STRICTEST, section)
    if isinstance(whole, dict):
        spoiled: object = {**whole, data.draw(st.sampled_from(sorted(whole))): value}
    else:
        spoiled = value
    rule = STRICTEST.model_copy(update={section: spoiled})  # past the reading, which refuses it
    assert not verdict_on(rule=rule).promote
    if section in ("floors", "ceilings", "min_frauds"):
        assert not decide(EVERYTHING, None, None, validated=True, rule=rule, first=True).promote
    with pytest.raises(SettingsError, match="expected a finite number"):
        parse(CompareRule, {**STRICTEST.model_dump(), section: spoiled}, where="params.yaml")


@pytest.mark.parametrize("metric", ["f1", "average_precision", "expected_cost"])
def test_the_verdict_needs_the_metric_that_it_is_about(metric: str) -> None:
    rule = CompareRule(metric=metric, floors={}, max_loss={})
    lost = {name: value for name, value in EVERYTHING.items() if name != metric}
    gains = gained(**{metric: 0.03})
    for challenger, champion in ((lost, EVERYTHING), (EVERYTHING, lost), (lost, None), ({**lost, metric: None}, None)):
        verdict = decide(challenger, champion, gains if champion else None, validated=True, rule=rule, first=True)
        assert len(verdict.against) == 1
        assert "is missing, and the verdict is about it" in verdict.against[0]


@pytest.mark.parametrize("value", [*NO_NUMBERS, None])
def test_a_candidate_whose_metric_is_no_number_is_not_chosen(value: float | None) -> None:
    for order in (["logistic", "forest"], ["forest", "logistic"]):
        found: dict[str, Metrics] = {name: {"f1": value if name == "logistic" else 0.1} for name in order}
        assert select(found, "f1") == "forest"
    with pytest.raises(DataError, match=r"f1 is defined for none of logistic, forest .*compare\.select_by"):
        select({"logistic": {"f1": value}, "forest": {}}, "f1")


SURE = CompareRule(floors={}, max_loss={"recall": 0.02})


@pytest.mark.parametrize(
    ("gains", "anchor", "reason"),
    [
        pytest.param(gained(-0.01, 0.02), gained(), None, id="perhaps worse"),
        pytest.param(gained(0.0, 0.0), gained(0.0, 0.0), None, id="exactly as good"),
        pytest.param(gained(-0.05, 0.01), gained(), "against the live release: F1 -0.0500", id="proven worse"),
        pytest.param(gained(), gained(-0.05, 0.01), "against the anchor: F1 -0.0500", id="worse than the anchor"),
        pytest.param(gained(), gained(recall=-0.1), "against the anchor: recall -0.100", id="a loss since the anchor"),
        pytest.param(gained(), None, "against the anchor: the gain in F1 could not be computed", id="no anchor"),
        pytest.param({}, gained(), "against the live release: the gain in F1", id="not judged"),
    ],
)
def test_a_refresh_goes_live_unless(gains: Gains, anchor: Gains | None, reason: str | None) -> None:
    verdict = decide(GOOD, GOOD, gains, validated=True, rule=SURE, kind="refresh", anchor=anchor, anchor_frauds=80)
    assert verdict.promote == (reason is None)
    assert not verdict.proven
    assert not verdict.is_a_look
    if reason:
        assert any(reason in sentence for sentence in verdict.against)


def test_a_refresh_of_the_anchor_is_held_against_it_once() -> None:
    same = gained(-0.05, 0.01)
    few = decide(GOOD, GOOD, gained(0.0, 0.01), validated=True, rule=SURE, kind="refresh", anchor=same)
    assert few.waits
    assert few.against[0] == "against the anchor: only 0 frauds in the test rows, 50 are needed to judge"
    verdict = decide(GOOD, GOOD, same, validated=True, rule=SURE, kind="refresh", anchor=same)
    assert len(verdict.against) == 1


@pytest.mark.parametrize(("unproven", "goes_live"), [("allow", True), ("refuse", False)])
def test_a_change_needs_what_is_not_known_to_be_allowed_and_a_refresh_does_not(unproven: str, goes_live: bool) -> None:
    rule = SURE.model_copy(update={"unproven": unproven})
    gains = {**gained(), "recall": Difference(0.0, 0.05, 40)}
    verdict = decide(GOOD, GOOD, gains, validated=True, rule=rule)
    assert verdict.promote == goes_live
    assert [each.outcome for each in verdict.guardrails] == ["not known"]
    assert decide(GOOD, GOOD, gains, validated=True, rule=rule, kind="refresh", anchor=gains).promote


def test_what_proves_a_change_at_the_first_look_may_not_at_a_later_one() -> None:
    promoted = [decide(GOOD, GOOD, GAIN, validated=True, rule=SURE, look=look).promote for look in (1, 2, 3, 100)]
    assert promoted == [True, True, True, False]


def test_a_no_for_want_of_frauds_waits_and_is_no_look() -> None:
    verdict = decide({**GOOD, "frauds": 10}, GOOD, GAIN, validated=True, rule=SURE)
    assert verdict.waits
    assert not verdict.is_a_look
    assert decide(GOOD, GOOD, gained(0.0), validated=True, rule=SURE).is_a_look


def test_the_first_release_and_a_proven_change_are_proofs() -> None:
    assert decide(GOOD, None, None, validated=True, rule=SURE, first=True).proven
    assert decide(GOOD, GOOD, GAIN, validated=True, rule=SURE).proven
    assert not decide(GOOD, GOOD, gained(0.0), validated=True, rule=SURE).proven

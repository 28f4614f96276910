"""The best of a study is told from the current values, and `params.yaml` changes in the numbers alone."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.learning.tuning import SPACES, Space, Trial, Values, outcome, readable, stretch, with_values
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT

PARAMS = (ROOT / "params.yaml").read_text()
CURRENT = {"eta": 0.1, "depth": 6}


def values_of(space: Space) -> st.SearchStrategy[Values]:
    return st.fixed_dictionaries(
        {
            each.name: st.integers(int(each.low), int(each.high))
            if each.whole
            else st.floats(each.low, each.high).map(readable)
            for each in space
        }
    )


@pytest.mark.slow
@given(chosen=st.sampled_from(sorted(SPACES)).flatmap(lambda name: st.tuples(st.just(name), values_of(SPACES[name]))))
@settings(deadline=None)
def test_only_the_numbers_change_and_yaml_reads_them_back(chosen: tuple[str, Values]) -> None:
    candidate, values = chosen
    after = with_values(PARAMS, candidate, values)
    wanted = yaml.safe_load(PARAMS)
    wanted["train"][candidate] |= values
    assert yaml.safe_load(after) == wanted
    old, new = PARAMS.splitlines(), after.splitlines()
    assert len(old) == len(new)
    for one, other in zip(old, new, strict=True):
        assert [word.partition(":")[0] for word in one.split(", ")] == [
            word.partition(":")[0] for word in other.split(", ")
        ]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param(
            "train:\n  logistic: {c: 0.05, bins: 20}   # c is small\n",
            "train:\n  logistic: {c: 0.1, bins: 20}   # c is small\n",
            id="inline",
        ),
        pytest.param(
            "logistic: {c: 9}\ntrain:\n  # c: 0.05 was good\n  logistic:\n    c: 5.0e-2  # ours\n    bins: 20\n",
            "logistic: {c: 9}\ntrain:\n  # c: 0.05 was good\n  logistic:\n    c: 0.1  # ours\n    bins: 20\n",
            id="block",
        ),
    ],
)
def test_comments_order_and_form_stay(text: str, after: str) -> None:
    assert with_values(text, "logistic", {"c": 0.1, "bins": 20}) == after


def test_an_equal_number_written_otherwise_stays_as_it_was_written() -> None:
    assert with_values("train: {logistic: {c: 5.0e-2}}", "logistic", {"c": 0.05}) == "train: {logistic: {c: 5.0e-2}}"


def test_a_diff_has_one_line_for_each_changed_number_of_the_block() -> None:
    after = with_values(PARAMS, "xgboost", {"eta": 0.0512, "max_depth": 99})
    changed = [line for line in difflib.ndiff(PARAMS.splitlines(), after.splitlines()) if line[0] in "+-"]
    told = yaml.safe_load(PARAMS)["train"]["xgboost"]
    assert changed == [
        *(f"-     eta: {told['eta']}", "+     eta: 0.0512"),
        *(f"-     max_depth: {told['max_depth']}", "+     max_depth: 99"),
    ]


def test_a_key_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"expected a number at train\.logistic\.bins, found none"):
        with_values("train: {logistic: {c: 1.0}}", "logistic", {"bins": 3})


@pytest.mark.parametrize("candidate", SPACES)
def test_the_shipped_values_are_inside_the_space_and_every_name_is_a_parameter(candidate: str) -> None:
    told = getattr(load_params(ROOT / "params.yaml").train, candidate).model_dump()
    assert stretch(SPACES[candidate], told) == SPACES[candidate]


@pytest.mark.parametrize(
    ("trials", "best", "changed"),
    [
        pytest.param([(0.5, 0.1, 6), (0.7, 0.2, 6)], 1, {"eta": (0.1, 0.2)}, id="a better one"),
        pytest.param([(0.5, 0.1, 6), (0.4, 0.2, 6)], 0, {}, id="none is better"),
        pytest.param([(0.4, 0.3, 5), (0.5, 0.3, 6), (0.5, 0.1, 6)], 2, {}, id="as good is not better"),
        pytest.param([(0.5, 0.1, 6), (None, 0.2, 6), (0.6, 0.1, 7)], 2, {"depth": (6, 7)}, id="one was cut short"),
    ],
)
def test_the_best_is_what_beats_the_current_values(
    trials: list[tuple[float | None, float, int]], best: int, changed: dict[str, tuple[float, float]]
) -> None:
    found = outcome([Trial(n, {"eta": eta, "depth": depth}, s) for n, (s, eta, depth) in enumerate(trials)], CURRENT)
    assert found is not None
    assert (found.best.number, dict(found.changes)) == (best, changed)


def test_without_the_current_values_nothing_can_be_said() -> None:
    assert outcome([Trial(0, CURRENT, None), Trial(1, {"eta": 0.2, "depth": 6}, 0.9)], CURRENT) is None

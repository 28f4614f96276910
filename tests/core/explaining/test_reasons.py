"""Reasons add up, whatever is left out of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.explaining.reasons import MOST, Contributions, Reasons, reasons_of
from mlflow_fraud.core.explaining.vocabulary import Code, Vocabulary

NAMES = [f"f{number}" for number in range(24)]
VOCABULARY = Vocabulary(
    codes=tuple(
        Code(
            code=f"c{number}", en=f"the {number}", fr=f"le {number}", features=tuple(NAMES[2 * number : 2 * number + 2])
        )
        for number in range(12)
    )
)
ADDED = st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=len(NAMES), max_size=len(NAMES))


@given(added=ADDED, base=st.floats(-30, 30), number=st.integers(1, MOST))
def test_base_reasons_and_others_are_the_log_odds_however_few_are_given(
    added: list[float], base: float, number: int
) -> None:
    found = Contributions(base, np.array(added))
    reasons = reasons_of(found, VOCABULARY, NAMES)
    few = reasons.first(number)
    assert len(few.strongest) <= number
    assert few.strongest == reasons.strongest[:number]
    for each in (reasons, few, Reasons.model_validate_json(reasons.model_dump_json())):
        assert each.log_odds == pytest.approx(found.log_odds, rel=0, abs=0.02)


@given(added=ADDED)
def test_a_reason_is_the_sum_of_its_features_and_the_strongest_comes_first(added: list[float]) -> None:
    reasons = reasons_of(Contributions(-5.0, np.array(added)), VOCABULARY, NAMES)
    of_code = {f"c{number}": sum(added[2 * number : 2 * number + 2]) for number in range(12)}
    for each in reasons.strongest:
        assert each.contribution == pytest.approx(of_code[each.code], rel=1e-5)
        assert each.direction == ("raises" if each.contribution > 0 else "lowers")
    strengths = [abs(each.contribution) for each in reasons.strongest]
    assert strengths == sorted(strengths, reverse=True)
    told = {each.code for each in reasons.strongest}
    rest = [abs(value) for code, value in of_code.items() if code not in told]
    assert max(rest, default=0) <= min(strengths, default=0) * (1 + 1e-5)


def test_what_adds_nothing_is_no_reason() -> None:
    reasons = reasons_of(Contributions(-5.0, np.zeros(len(NAMES))), VOCABULARY, NAMES)
    assert reasons == Reasons(base=-5.0, strongest=(), others=0.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(ArithmeticError, match="a contribution is no number"):
        reasons_of(Contributions(0.0, np.full(len(NAMES), wrong)), VOCABULARY, NAMES)

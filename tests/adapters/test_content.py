"""What the record holds of a payment as JSON is what came, bit for bit."""

from __future__ import annotations

import json
import math
import struct
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.adapters.prediction_log.content import json_of

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",))),
    st.sampled_from(["NaN", "a:NaN,", "-Infinity", 'b":NaN}']),
)


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES))
def test_numbers_and_texts_are_read_as_they_were_written(values: dict[str, Any]) -> None:
    read = json.loads(json_of(values))
    assert {name: bits(value) for name, value in read.items()} == {name: bits(value) for name, value in values.items()}


@given(st.datetimes(), st.dates(), st.sampled_from(["", "NaN"]))
def test_times_and_days_are_in_iso_8601_whatever_else_is_there(at: datetime, day: date, text: str) -> None:
    read = json.loads(json_of({"at": at, "day": day, "text": text}))
    assert (datetime.fromisoformat(read["at"]), date.fromisoformat(read["day"])) == (at, day)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_of({"amount": number})

"""Who is forgotten is left out of rows of before, and of nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.contract.forgotten import Forgotten, mark_of, read_forgotten, with_one_more, without, written
from mlflow_fraud.core.errors import DataError

DAY = datetime(2020, 6, 1)
ENTRIES = st.builds(
    Forgotten,
    st.sampled_from(["card", "merchant"]),
    st.integers(1, 4).map(mark_of),
    st.integers(0, 9).map(lambda days: DAY + timedelta(days=days)),
)
ROWS = st.lists(st.tuples(st.integers(1, 4), st.none() | st.sampled_from("1234"), st.integers(0, 9)), max_size=30)


def table(rows: list[tuple[int, str | None, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(card, merchant, DAY + timedelta(days=day)) for card, merchant, day in rows],
        {"card": pl.Int64, "merchant": pl.String, "event_time": pl.Datetime("us")},
        orient="row",
    )


@given(ROWS, st.lists(ENTRIES, max_size=6))
def test_a_row_is_left_out_exactly_where_one_of_its_entities_was_forgotten_after_it(
    rows: list[tuple[int, str | None, int]], entries: list[Forgotten]
) -> None:
    def is_out(row: dict[str, object]) -> bool:
        return any(
            row[one.entity] is not None and mark_of(row[one.entity]) == one.mark and row["event_time"] < one.until  # type: ignore[operator]
            for one in entries
        )

    given = table(rows)
    assert without(given, entries).to_dicts() == [row for row in given.to_dicts() if not is_out(row)]


@given(st.lists(ENTRIES, max_size=6), ENTRIES)
def test_a_list_is_read_as_it_was_written_and_holds_each_once_up_to_the_latest_time(
    entries: list[Forgotten], one: Forgotten
) -> None:
    listed = with_one_more(entries, one)
    assert set(read_forgotten(written(listed), where="list")) == set(listed)
    assert written(with_one_more(listed, one)) == written(listed)
    assert written(reversed(listed)) == written(listed)
    rows = table([(card, str(card), day) for card in range(1, 5) for day in range(10)])
    assert without(rows, listed).equals(without(rows, [*entries, one]))


@pytest.mark.parametrize("line", ["card", "card 45a6", "<<<<<<< HEAD", "card 45a6 yesterday"])
def test_a_line_that_names_nobody_is_a_sentence_with_its_number(line: str) -> None:
    with pytest.raises(DataError, match=r"list:2: expected an entity, .* `git checkout` brings back"):
        read_forgotten(f"card 45a6 2026-03-01T12:00:00\n{line}\n", where="list")

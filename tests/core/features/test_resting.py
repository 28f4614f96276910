"""A card that no window sees any more rests: it costs little, and nothing that is read of it is another."""

from __future__ import annotations

import gc
from datetime import timedelta
from random import Random
from typing import Any
from weakref import ref

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.features import clock, past
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.core.features.test_features import BEGIN, make_row
from tests.core.features.test_later import frame

Row = dict[str, Any]
DAY = timedelta(days=1)
TRUSTED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

LASTING: dict[str, Any] = {
    "windows": [
        {"by": ["card"], "spans": ["today", "3d"], "take": ["count", "mean", "max"]},
        {"by": ["card"], "spans": ["3d"], "take": ["sum"], "of": "amount_score_by_card_category_3d"},
        {"by": ["merchant"], "spans": ["3d"], "take": ["count"], "of": "city_pop"},
        {"by": ["category"], "spans": ["4d"], "take": ["sum"], "hop": "1d"},
    ],
    "scores": [{"by": ["card", "category"], "span": "3d"}],
    "last": [
        {"by": ["card"], "take": ["seconds", "amount", "amount_score_by_card_category_3d"], "back": 2},
        {"by": ["card", "category"], "take": ["seconds", "amount", "city_pop"]},
    ],
}


@pytest.fixture(scope="module")
def lasting(schema: FeatureSchema) -> FeatureSchema:
    return FeatureSchema(
        params=FeatureParams.model_validate(LASTING), contract=schema.contract, categories=schema.categories
    )


def rows_of(given: list[tuple[int, int, int, str]]) -> list[Row]:
    rows = [
        {
            **make_row(),
            "event_id": f"{number:03}",
            "event_time": BEGIN + timedelta(hours=hours),
            "card": card,
            "merchant": f"fraud_{card % 3}",
            "amount": amount,
            "category": category,
            "city_pop": number % 5 or None,
        }
        for number, (hours, card, amount, category) in enumerate(given)
    ]
    return sorted(rows, key=lambda row: (row["event_time"], row["event_id"]))


payments = st.lists(
    st.tuples(st.integers(0, 24 * 60), st.integers(1, 4), st.integers(1, 30_000), st.sampled_from(["travel", "home"])),
    min_size=8,
    max_size=60,
).map(rows_of)


@given(rows=payments, restart=st.integers(0, 60))
@TRUSTED
def test_what_is_read_of_cards_that_rested_is_the_batch_to_the_bit(
    rows: list[Row], restart: int, lasting: FeatureSchema
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "STEADY", 2)
        patch.setattr(past, "SMALL", 2)
        history, found = CardHistory(lasting), []
        for number, row in enumerate(rows):
            if number == restart:
                history = CardHistory.restore(lasting, history.snapshot())
            found.append(history.read(row))
            history.update(row)
    made = build_features(frame(rows), lasting)
    assert pl.DataFrame(found, made.schema, orient="row").equals(made)


def silent(schema: FeatureSchema, days: int) -> CardHistory:
    """Return a history of a hundred cards with six payments each, after days in which two others paid alone."""
    history, random = CardHistory(schema), Random(1)
    hours = [(random.randrange(24 * 20), card) for card in range(10, 110) for _ in range(6)]
    given = [(hour, card, 100 + hour, ("travel", "home")[card % 2]) for hour, card in hours]
    given += [(24 * 20 + hour, 1 + hour % 2, 50, "travel") for hour in range(24 * days)]
    for row in rows_of(given):
        history.update(row)
    return history


def test_cards_rest_once_no_window_sees_them_and_merchants_without_last_ones_are_let_go(
    lasting: FeatureSchema,
) -> None:
    few, many = silent(lasting, 2), silent(lasting, 60)
    cards = {entity.by: len(entity.pasts) for entity in many._entities}
    assert cards == {("card",): 2, ("card", "category"): 2, ("merchant",): 2}
    assert {entity.by: len(entity.pasts) for entity in few._entities}["card",] > 50
    assert [len(resting) for resting in many._resting] == [100, 0]


def test_what_wakes_holds_texts_once_with_all_that_are_there(lasting: FeatureSchema) -> None:
    history = silent(lasting, 60)
    asked = {**make_row(), "event_id": "asked", "event_time": BEGIN + 85 * DAY, "city_pop": None}
    for card in (10, 12, 14):
        history.read({**asked, "card": card, "category": "travel"})
    events = [event for past in history._entities[0].pasts.values() for event in past.events]
    assert len({event.row["card"] for event in events}) == 5
    texts = [event.row["category"] for event in events]
    assert len({id(text) for text in texts}) == len(set(texts))
    names = [name for event in events for name in event.scores]
    assert len({id(name) for name in names}) == len(set(names))


def test_a_card_with_a_reversed_payment_rests_without_it(lasting: FeatureSchema) -> None:
    history = silent(lasting, 5)
    events = history.snapshot().events.filter(pl.col("card") == 10)
    kind = events.filter(pl.col("category") == events["category"][-1])
    first, last = (kind.row(place, named=True) for place in (-2, -1))
    history.correct(last, None, last["event_time"] + timedelta(hours=1))
    for row in rows_of([(24 * 30 + hour, 1 + hour % 2, 50, "travel") for hour in range(24 * 60)]):
        history.update({**row, "event_id": f"later {row['event_id']}"})
    assert [len(resting) for resting in history._resting] == [100, 0]
    asked = {**make_row(), "event_id": "asked", "event_time": BEGIN + 95 * DAY, "card": 10, "city_pop": None}
    amount = lasting.names.index("amount_of_last_by_card_category")
    assert history.read({**asked, "category": last["category"]})[amount] == first["amount"]


def test_a_payment_of_a_card_that_rests_is_corrected_where_a_feature_remembers_it(lasting: FeatureSchema) -> None:
    history = silent(lasting, 60)
    asked = {**make_row(), "event_id": "asked", "event_time": BEGIN + 85 * DAY, "card": 10, "city_pop": None}
    amount = lasting.names.index("amount_of_last_by_card_category")
    last = history.snapshot().events.filter(pl.col("card") == 10).row(-1, named=True)
    assert history.read({**asked, "category": last["category"]})[amount] == last["amount"]
    history = silent(lasting, 60)
    history.correct(last, {**make_row(), **last, "amount": 7}, BEGIN + 84 * DAY)
    assert history.read({**asked, "category": last["category"]})[amount] == 7


def test_a_past_that_is_let_go_of_is_gone_without_the_collector(lasting: FeatureSchema) -> None:
    history = silent(lasting, 60)
    row = {**make_row(), "event_id": "late", "event_time": BEGIN + 61 * DAY, "city_pop": None}
    history.update(row)
    history.correct(row, {**row, "amount": 7}, BEGIN + 62 * DAY)
    history.learn(row, 1, BEGIN + 63 * DAY)
    assert any(entity.pasts for entity in history._entities)
    gone = [ref(history), *map(ref, history._entities), *map(ref, history._resting), ref(history._hops)]
    gone += [ref(each) for each in history._hops._of]
    gc.disable()
    try:
        del history
        assert [each() for each in gone if each() is not None] == []
    finally:
        gc.enable()

"""The two engines give the same numbers, and neither looks ahead."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features
from mlflow_fraud.core.features.definitions import FeatureParams, Row, Window, define
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema

BEGIN = datetime(2020, 3, 1)
TRUSTED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

events = st.fixed_dictionaries(
    {
        # few distinct instants and cards, so that ties, gaps and repeated merchants are common
        "event_time": st.one_of(
            st.integers(0, 40).map(lambda hours: BEGIN + timedelta(hours=6 * hours)),
            st.integers(0, 200 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
        ),
        "card": st.integers(1, 3),
        "merchant": st.sampled_from(["fraud_A", "fraud_B"]),
        "category": st.sampled_from(["travel", "misc_net", "home", "not in the contract"]),
        "amount": st.one_of(st.integers(1, 50_000), st.integers(1, 100_000_000)),
        "home_latitude": st.floats(-80, 80),
        "home_longitude": st.floats(-170, 170),
        "city_pop": st.integers(0, 10**7),
        "birth_date": st.dates(date(1930, 1, 1), date(2005, 1, 1)),
        "merchant_latitude": st.floats(-80, 80),
        "merchant_longitude": st.floats(-170, 170),
    }
)
histories = st.lists(events, min_size=1, max_size=60).map(
    lambda rows: (
        pl.DataFrame([{**row, "event_id": f"{place:04d}"} for place, row in enumerate(rows)])
        .cast({"amount": pl.Int64, "event_time": pl.Datetime("us")})
        .sort(TIME_ORDER)
    )
)


def online(history: pl.DataFrame, schema: FeatureSchema) -> np.ndarray:
    past, rows = CardHistory(schema), []
    for transaction in history.iter_rows(named=True):
        rows.append(past.read(transaction))
        past.update(transaction)
    return np.array(rows, dtype=np.float32)


def batch(history: pl.DataFrame, schema: FeatureSchema) -> np.ndarray:
    return build_features(history, schema).fill_null(np.nan).to_numpy()


@given(history=histories)
@TRUSTED
def test_one_by_one_gives_what_all_at_once_gives(history: pl.DataFrame, schema: FeatureSchema) -> None:
    one, all_ = online(history, schema), batch(history, schema)
    distance = schema.names.index("distance")  # two libraries' sines may differ in the last bit
    np.testing.assert_allclose(one[:, distance], all_[:, distance], rtol=1e-6, atol=1e-3)
    np.testing.assert_array_equal(np.delete(one, distance, axis=1), np.delete(all_, distance, axis=1))


@given(history=histories, share=st.floats(0, 1))
@TRUSTED
def test_the_future_does_not_change_the_past(history: pl.DataFrame, share: float, schema: FeatureSchema) -> None:
    border = history["event_time"][int(share * (len(history) - 1))]
    until = history.filter(pl.col("event_time") <= border)
    np.testing.assert_array_equal(batch(history, schema)[: len(until)], batch(until, schema))


@given(history=histories)
@TRUSTED
def test_the_order_of_arrival_does_not_matter_to_the_online_past(history: pl.DataFrame, schema: FeatureSchema) -> None:
    last = history.row(-1, named=True)
    in_order, shuffled = CardHistory(schema), CardHistory(schema)
    earlier = history.head(len(history) - 1)
    for transaction in earlier.iter_rows(named=True):
        in_order.update(transaction)
    for transaction in earlier.sample(fraction=1, shuffle=True, seed=3).iter_rows(named=True):
        shuffled.update(transaction)
    assert in_order.read(last) == shuffled.read(last)


def test_transactions_of_one_instant_do_not_see_each_other(schema: FeatureSchema, transactions: pl.DataFrame) -> None:
    first = transactions.head(1)
    twins = pl.concat([first, first.with_columns(event_id=pl.lit("f" * 32))]).sort(TIME_ORDER)
    features = build_features(twins, schema)
    assert features["count_by_card_24h"].to_list() == [0.0, 0.0]
    assert features["seconds_since_last_by_card"].to_list() == [None, None]


def test_a_window_includes_its_lower_edge_and_not_the_transaction_itself(
    schema: FeatureSchema, transactions: pl.DataFrame
) -> None:
    day_later = transactions.head(1).with_columns(
        event_id=pl.lit("f" * 32), event_time=pl.col("event_time") + timedelta(hours=24)
    )
    features = build_features(pl.concat([transactions.head(1), day_later]), schema)
    assert features["count_by_card_24h"].to_list() == [0.0, 1.0]


def test_memory_is_bounded_by_the_longest_window(schema: FeatureSchema) -> None:
    past = CardHistory(schema)
    row = next(make_row() for _ in range(1))
    for day in range(2000):
        past.update({**row, "event_time": BEGIN + timedelta(days=day), "event_id": str(day)})
    kept = [len(entity._rows) for kind in past._pasts.values() for entity in kind.values()]
    assert max(kept) <= 2 * 91 + 64


def make_row() -> dict[str, object]:
    return {
        "card": 1,
        "merchant": "fraud_A",
        "category": "travel",
        "amount": 30_000,
        "birth_date": date(1980, 1, 1),
        "home_latitude": 1.0,
        "home_longitude": 1.0,
        "merchant_latitude": 1.0,
        "merchant_longitude": 1.0,
    }


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        pytest.param({"row": ["houre"]}, "did you mean hour", id="misspelt row feature"),
        pytest.param({"windows": [{"by": ["cart"], "spans": ["1d"], "take": ["sum"]}]}, "card", id="unknown entity"),
        pytest.param({"windows": [{"by": ["card"], "spans": ["1w"], "take": ["sum"]}]}, "24h or 30d", id="bad span"),
        pytest.param({"ratios": [["amount", "amount_mean_by_card_30d"]]}, "not among the features", id="lonely ratio"),
        pytest.param({"row": ["hour", "hour"]}, "asked for twice", id="twice"),
        pytest.param({"last": [{"by": ["card"], "take": ["street"]}]}, "cannot take street", id="personal data"),
    ],
)
def test_an_impossible_definition_is_refused_with_the_reason(
    params: dict[str, object], reason: str, contract: Contract
) -> None:
    with pytest.raises(SettingsError, match=reason):
        define(FeatureParams.model_validate(params), contract)


def test_a_contract_without_places_and_birth_date_needs_no_code(contract: Contract) -> None:
    bare = contract.model_copy(
        update={"columns": tuple(c for c in contract.columns if c.role not in ("location", "birth_date"))}
    )
    params = FeatureParams(row=("amount", "hour"))
    assert [feature.name for feature in define(params, bare)] == ["amount", "hour"]
    with pytest.raises(SettingsError, match="distance cannot be made from sparkov"):
        define(FeatureParams(row=("distance",)), bare)


def test_the_hash_follows_the_definitions(schema: FeatureSchema) -> None:
    other = FeatureSchema(params=FeatureParams(row=("amount",)), contract=schema.contract, categories={})
    assert other.sha256 != schema.sha256
    assert Row("amount") in schema.features
    assert Window(("card",), "24h", "sum") in schema.features


def test_a_schema_survives_its_file(schema: FeatureSchema) -> None:
    import json

    assert read_schema(json.loads(schema.to_json()), where="schema.json").sha256 == schema.sha256

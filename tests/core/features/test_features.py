"""The two engines give the same numbers, and neither looks ahead."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.state import without_hops
from docs.made.one_by_one import one_by_one
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import ARRIVAL, FeatureParams, Row, Window
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.labels import arrival

BEGIN = datetime(2020, 3, 1)
TRUSTED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

EVERYTHING: dict[str, Any] = {
    "row": ["amount", "category", "hour", "weekday", "night", "age", "distance", "city_pop"],
    "windows": [
        {"by": by, "spans": ["today", "30d"], "take": take, "of": of, "only": only}
        for by, of, only, take in (
            (["card"], "amount", "any", ["count", "sum", "mean", "min", "max", "std"]),
            (["card"], "amount", "night", ["mean", "max"]),
            (["card"], "city_pop", "any", ["count", "min", "std"]),
            (["card"], "amount_score_by_category_3d", "any", ["sum", "min", "max"]),
            (["merchant"], "amount_score_by_card_30d", "large", ["count", "mean"]),
            (["card"], "merchant", "any", ["distinct"]),
            (["card", "category"], "category", "night", ["distinct"]),
        )
    ]
    + [
        {"by": by, "spans": spans, "take": take, "of": of, "only": only, "hop": hop}
        for by, spans, of, only, take, hop in (
            (["category"], ["30d"], "amount", "any", ["count", "sum", "mean", "min", "max", "std"], "1d"),
            (["category"], ["30d"], "amount", "night", ["sum", "min"], "1d"),
            (["card", "merchant"], ["3d"], "city_pop", "large", ["count", "mean", "max"], "6h"),
        )
    ],
    "last": [
        {"by": ["card"], "take": ["seconds", "amount", "category"]},
        {"by": ["card"], "take": ["seconds", "city_pop", "amount_score_by_category_3d"], "back": 3},
    ],
    "scores": [
        {"by": ["category"], "span": "3d"},
        {"by": ["card"], "span": "30d"},
        {"by": ["card"], "span": "today"},
        {"by": ["category"], "span": "30d", "hop": "1d"},
    ],
    "ratios": [
        ["amount", "amount_mean_by_card_30d"],
        ["amount_score_by_card_30d", "amount_std_by_card_30d"],
        ["amount", "amount_mean_by_category_30d_hop_1d"],
    ],
    "labels": [
        {"by": ["merchant"], "spans": ["today", "3d"], "take": ["labels", "frauds", "fraud_rate"]},
        {"by": ["card", "category"], "spans": ["30d"], "take": ["fraud_rate"]},
    ],
}
"""Every kind of definition with every statistic; the tests run on these and on those that we ship."""

instants = st.one_of(
    # few distinct ones, so that ties, gaps and midnights are common
    st.integers(0, 40).map(lambda hours: BEGIN + timedelta(hours=6 * hours)),
    st.integers(0, 200 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
)
events = st.fixed_dictionaries(
    {
        "event_time": instants,
        "card": st.integers(1, 3),
        "merchant": st.sampled_from(["fraud_A", "fraud_B"]),
        "category": st.sampled_from(["travel", "misc_net", "home", "not in the contract"]),
        "amount": st.one_of(st.integers(1, 50_000), st.integers(1, 100_000_000)),
        "home_latitude": st.floats(-80, 80),
        "home_longitude": st.floats(-170, 170),
        "city_pop": st.one_of(st.none(), st.integers(0, 10**7)),
        "birth_date": st.dates(date(1930, 1, 1), date(2005, 1, 1)),
        "merchant_latitude": st.floats(-80, 80),
        "merchant_longitude": st.floats(-170, 170),
        "label": st.one_of(st.none(), st.integers(0, 1)),
        "label_delay": st.one_of(st.none(), st.integers(0, 40 * 86_400).map(lambda s: timedelta(seconds=s))),
        "late": st.one_of(st.none(), st.integers(1, 100).map(lambda hours: timedelta(hours=hours))),
    }
)
histories = st.lists(events, min_size=1, max_size=60).map(
    lambda rows: (
        pl.DataFrame(
            [{**row, "event_id": f"{place:04d}"} for place, row in enumerate(rows)],
            schema_overrides={
                "city_pop": pl.Int64,
                "label": pl.Int8,
                "label_delay": pl.Duration("us"),
                "late": pl.Duration("us"),
            },
        )
        .cast({"amount": pl.Int64, "event_time": pl.Datetime("us")})
        .with_columns(
            (pl.col("event_time") + pl.col("late")).alias(ARRIVAL),
            label_time=pl.col("event_time") + pl.col("label_delay"),
        )
        .sort(TIME_ORDER)
    )
)


@pytest.fixture(params=["shipped", pytest.param("everything", marks=pytest.mark.slow)], scope="module")
def definitions(request: pytest.FixtureRequest, schema: FeatureSchema) -> FeatureSchema:
    if request.param == "shipped":
        return schema
    params = FeatureParams.model_validate(EVERYTHING)
    return FeatureSchema(params=params, contract=schema.contract, categories=schema.categories, label_delay_days=2)


silences = st.sampled_from([None, 2, 5])
"""After how many days silence is a label, never before the delay of one that states no time; or that it is none."""


def batch(history: pl.DataFrame, schema: FeatureSchema) -> np.ndarray:
    return build_features(history, schema).fill_null(np.nan).to_numpy()


def assert_equal(one: np.ndarray, other: np.ndarray, schema: FeatureSchema) -> None:
    """Bit for bit, but for the distance: two libraries' sines may differ in the last bit."""
    for place, name in enumerate(schema.names):
        if name == "distance":
            np.testing.assert_allclose(one[:, place], other[:, place], rtol=1e-6, atol=1e-3)
        else:
            np.testing.assert_array_equal(one[:, place], other[:, place], err_msg=name)


@given(history=histories, days=silences)
@TRUSTED
def test_one_by_one_gives_what_all_at_once_gives(
    history: pl.DataFrame, days: int | None, definitions: FeatureSchema
) -> None:
    schema = definitions.model_copy(update={"silence_days": days})
    assert_equal(one_by_one(history, schema), batch(history, schema), schema)


@given(history=histories, share=st.floats(0, 1), days=silences)
@TRUSTED
def test_the_future_does_not_change_the_past(
    history: pl.DataFrame, share: float, days: int | None, definitions: FeatureSchema
) -> None:
    schema = definitions.model_copy(update={"silence_days": days})
    border = history["event_time"][int(share * (len(history) - 1))]
    until = history.filter(pl.col("event_time") <= border)
    np.testing.assert_array_equal(batch(history, schema)[: len(until)], batch(until, schema))


@given(history=histories, share=st.floats(0, 1), days=silences)
@TRUSTED
def test_a_label_that_has_not_arrived_changes_no_feature(
    history: pl.DataFrame, share: float, days: int | None, definitions: FeatureSchema
) -> None:
    schema = definitions.model_copy(update={"silence_days": days})
    border = history["event_time"][int(share * (len(history) - 1))]
    unknown = arrival(history.columns, definitions.label_delay) >= border
    changed = history.with_columns(label=pl.when(unknown).then(1 - pl.col("label")).otherwise("label"))
    seen = (history["event_time"] <= border).sum()
    np.testing.assert_array_equal(batch(history, schema)[:seen], batch(changed, schema)[:seen])


@given(history=histories, seed=st.integers(0, 10))
@TRUSTED
def test_the_order_of_arrival_does_not_matter_to_the_online_past(
    history: pl.DataFrame, seed: int, definitions: FeatureSchema
) -> None:
    """Scores of windows that move by hops stay as they were served, so of these there is one order: left out here."""
    last = history.row(-1, named=True)
    params = definitions.params
    if any(score.hop for score in params.scores):
        params = without_hops(params)
    told = {name: getattr(definitions, name) for name in FeatureSchema.model_fields}  # a copy keeps what was worked out
    schema = FeatureSchema(**{**told, "params": params})
    in_order, shuffled = CardHistory(schema), CardHistory(schema)
    earlier = history.head(len(history) - 1)
    for transaction in earlier.iter_rows(named=True):
        in_order.update(transaction)
    for transaction in earlier.sample(fraction=1, shuffle=True, seed=seed).iter_rows(named=True):
        shuffled.update(transaction)
    assert in_order.read(last) == shuffled.read(last)


@given(history=histories)
@TRUSTED
def test_a_history_goes_on_from_its_snapshot_as_if_nothing_had_been(
    history: pl.DataFrame, definitions: FeatureSchema
) -> None:
    half = len(history) // 2
    schema = definitions.model_copy(update={"silence_days": 2})
    gone_on = CardHistory(schema)
    for transaction in history.head(half).iter_rows(named=True):
        gone_on.update(transaction)
        if transaction["label"] is not None:
            gone_on.learn(transaction, transaction["label"], transaction["event_time"])
    restored = CardHistory.restore(schema, gone_on.snapshot())
    for transaction in history.tail(len(history) - half).iter_rows(named=True):
        assert restored.read(transaction) == gone_on.read(transaction)
        restored.update(transaction)
        gone_on.update(transaction)


@pytest.fixture(scope="module")
def counting(schema: FeatureSchema) -> FeatureSchema:
    """How many transactions of the card a day, and how long ago the last one was."""
    params = FeatureParams.model_validate(
        {
            "windows": [{"by": ["card"], "spans": ["24h", "today"], "take": ["count"]}],
            "last": [{"by": ["card"], "take": ["seconds"]}],
        }
    )
    return FeatureSchema(params=params, contract=schema.contract, categories={})


def test_transactions_of_one_instant_do_not_see_each_other(counting: FeatureSchema, transactions: pl.DataFrame) -> None:
    first = transactions.head(1)
    twins = pl.concat([first, first.with_columns(event_id=pl.lit("f" * 32))]).sort(TIME_ORDER)
    features = build_features(twins, counting)
    assert features["count_by_card_24h"].to_list() == [0.0, 0.0]
    assert features["seconds_since_last_by_card"].to_list() == [None, None]


def test_a_window_includes_its_lower_edge_and_not_the_transaction_itself(
    counting: FeatureSchema, transactions: pl.DataFrame
) -> None:
    day_later = transactions.head(1).with_columns(
        event_id=pl.lit("f" * 32), event_time=pl.col("event_time") + timedelta(hours=24)
    )
    features = build_features(pl.concat([transactions.head(1), day_later]), counting)
    assert features["count_by_card_24h"].to_list() == [0.0, 1.0]


def test_today_begins_at_midnight(counting: FeatureSchema, transactions: pl.DataFrame) -> None:
    template = transactions.head(1)
    times = [datetime(2020, 5, 1, 23, 59), datetime(2020, 5, 2), datetime(2020, 5, 2, 12)]
    rows = [template.with_columns(event_id=pl.lit(str(at)), event_time=pl.lit(at, pl.Datetime("us"))) for at in times]
    assert build_features(pl.concat(rows), counting)["count_by_card_today"].to_list() == [0.0, 0.0, 1.0]


def test_memory_is_bounded_by_the_longest_window(schema: FeatureSchema) -> None:
    past = CardHistory(schema)
    row = make_row()
    for day in range(2000):
        past.update({**row, "event_time": BEGIN + timedelta(days=day), "event_id": str(day)})
    assert len(past.snapshot().events) <= 2 * 92 + 2


def test_a_schema_without_hops_says_nothing_of_them(schema: FeatureSchema) -> None:
    """The hash of a release of before there were hops is what it was."""
    without = FeatureSchema(params=without_hops(schema.params), contract=schema.contract, categories={})
    assert '"hop"' not in without.to_json()
    assert "_hop_" not in without.to_json()
    hopping = FeatureParams.model_validate(
        {"windows": [{"by": ["category"], "spans": ["90d"], "take": ["mean"], "hop": "1d"}]}
    )
    assert hopping.model_dump()["windows"][0]["hop"] == "1d"


def test_of_a_window_that_moves_by_hops_numbers_are_kept_and_no_payments(schema: FeatureSchema) -> None:
    params = FeatureParams.model_validate(
        {"windows": [{"by": ["category"], "spans": ["30d"], "take": ["mean", "max"], "hop": "1d"}]}
    )
    past = CardHistory(FeatureSchema(params=params, contract=schema.contract, categories={}))
    row = make_row()
    for hour in range(24 * 365):
        past.update({**row, "event_time": BEGIN + timedelta(hours=hour), "event_id": str(hour)})
    events, _, _, hops = past.snapshot()
    assert events.is_empty()
    assert len(hops.sums[("category",), "1d"]) < 30 + 10


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
        pytest.param(
            {"windows": [{"by": ["card"], "spans": ["1d"], "take": ["sum"], "of": "category"}]},
            "cannot take sum of category",
            id="sum of a text",
        ),
        pytest.param(
            {"windows": [{"by": ["card"], "spans": ["1d"], "take": ["distinct"], "of": "city"}]},
            "cannot count distinct values of city, did you mean city_pop",
            id="distinct of what is not kept",
        ),
        pytest.param(
            {"labels": [{"by": ["terminal"], "spans": ["7d"], "take": ["fraud_rate"]}]},
            "no entity of sparkov: terminal",
            id="labels of an unknown entity",
        ),
        pytest.param(
            {"windows": [{"by": ["card"], "spans": ["36h"], "take": ["sum"], "hop": "1d"}]},
            "whole number of hops of 1d, found 36h",
            id="a span that is no whole number of hops",
        ),
        pytest.param(
            {"scores": [{"by": ["card"], "span": "today", "hop": "1h"}]}, "today is no hop and has none", id="today"
        ),
        pytest.param(
            {"windows": [{"by": ["card"], "spans": ["2d"], "take": ["distinct"], "of": "merchant", "hop": "1d"}]},
            "take distinct without `hop`",
            id="distinct by hops",
        ),
        pytest.param(
            {
                "windows": [
                    {"by": ["merchant"], "spans": ["2d"], "take": ["sum"], "of": "amount_score_by_card_3d", "hop": "1d"}
                ],
                "scores": [{"by": ["card"], "span": "3d"}],
            },
            "look at a score without `hop`",
            id="scores by hops",
        ),
        pytest.param({"windows": [{"by": [], "spans": ["7d"], "take": ["sum"]}]}, "found none", id="no entity"),
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


def test_a_column_that_is_called_like_a_feature_is_what_the_contract_says() -> None:
    """The age that a file has needs no birth date, and its night is its own."""
    contract = read_contract(
        {
            "name": "own",
            "columns": {
                "id": {"role": "event_id", "type": "text"},
                "at": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M"},
                "eur": {"role": "amount", "type": "decimal"},
                "card": {"role": "entity", "entity": "card", "type": "integer"},
                "fraud": {"role": "label", "type": "integer"},
                **{name: {"role": "numeric", "type": "integer"} for name in ("age", "night", "distance")},
                "hour": {"role": "categorical", "type": "text"},
            },
        },
        where="test",
    )
    own = ["age", "night", "distance", "hour"]
    params = FeatureParams.model_validate(
        {"row": own, "windows": [{"by": ["card"], "spans": ["24h"], "take": ["count"], "only": "night"}]}
    )
    schema = FeatureSchema(params=params, contract=contract, categories={"hour": ("late", "early")}, label_delay_days=0)
    history = pl.DataFrame(
        {
            "event_id": ["a", "b", "c"],
            "event_time": [BEGIN, BEGIN + timedelta(hours=12), BEGIN + timedelta(hours=13)],
            "amount": [1, 2, 3],
            "card": [7, 7, 7],
            "age": [40, None, 42],
            "night": [5, 6, 7],
            "distance": [1, 2, 3],
            "hour": ["late", "early", "never seen"],
            "label": [0, 0, 0],
        },
        schema_overrides={"label": pl.Int8, "event_time": pl.Datetime("us")},
    )
    made = batch(history, schema)
    assert_equal(one_by_one(history, schema), made, schema)
    expected = [[40, 5, 1, 0, 0], [np.nan, 6, 2, 1, 1], [42, 7, 3, np.nan, 1]]
    np.testing.assert_array_equal(made, np.array(expected, dtype=np.float32))

"""Whatever is sent, no answer is an error of ours, and nobody else's answer changes: not now, not after a restart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.contract.bounds import LETTERS, WHOLE
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.clock import RECORDED, MakeClock, WallClock, clock_of
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.serving.warm_start import warm_history
from tests.serving.conftest import MakeRelease, Raw, go_live, kept_in
from tests.serving.old_journal import write_journal

Row = dict[str, Any]

NUMBERS = [
    "1e300", "-1e300", "1e17", "1e400", "-1e400", "5e-324", "-0.0", "NaN", "Infinity", "-Infinity", "1e13",
    "-1e13", "10000000000000.01", "9" * 400, "9" * 5000, str(2**63), str(-(2**63) - 1), str(2**53 + 1), "1.5",
    "true", "null", '"1"', "[]", "{}", "0x10", "1e999999999999",
]  # fmt: skip
TEXTS = [
    '""', '" "', json.dumps("x" * LETTERS), json.dumps("x" * (LETTERS + 1)), json.dumps("\N{SNOWMAN}" * LETTERS),
    '"\\ud800"', '"\\udc00\\ud800"', '"a\\u0000b"', '"\\u001b[2J"', '"a\\nb"', '"\\u202eabc"', "7", "null", "true",
    json.dumps("x" * 200_000),
]  # fmt: skip
TIMES = [
    '"0001-01-01 00:00:00"', '"1799-12-31 23:59:59"', '"2034-01-01 00:00:00"', '"2099-01-01 00:00:00"',
    '"9999-12-31 23:59:59"', '"2020-02-30 00:00:00"', '"0000-00-00"', '"2020-05-01T00:00:00+14:00"',
    '"0001-01-01T00:00:00+14:00"', '"2020-05-01"', '"1500-01-01 00:00:00"', "0", "1e300", '"now"', "null",
]  # fmt: skip
BODIES = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 50_000, b'{"a":' * 50_000, b"{}" * 3,
    b"\x00" * 100, "{}".encode("utf-16"), b'{"amt": 1, "amt": 2}', b"x" * 300_000, b"9" * 10_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def open_schema(contract: Contract, schema: FeatureSchema) -> FeatureSchema:
    """The shipped features on a contract that states no limit, as drafts do."""
    columns = tuple(c.model_copy(update={"minimum": None, "maximum": None}) for c in contract.columns)
    without = contract.model_copy(update={"columns": columns})
    return FeatureSchema(params=schema.params, contract=without, categories=schema.categories)


@contextmanager
def service(
    store: ReleaseStore, past: pl.DataFrame, folder: Path, schema: FeatureSchema, clock: MakeClock = RECORDED
) -> Iterator[TestClient]:
    """Start on the record in a folder, which begins with `past`."""
    with kept_in(folder, schema, past) as record:
        app = create_app(store, record=record, poll_seconds=3600, clock=clock)
        app.state.model.poll()
        assert app.state.model.trouble is None
        yield TestClient(app)


def payments_in(client: TestClient) -> int:
    """Return how many payments came, written or not."""
    return int(client.app.state.record.place)  # type: ignore[attr-defined]


@pytest.fixture
def past(recorded: pl.DataFrame) -> pl.DataFrame:
    return recorded.tail(300)


@pytest.fixture
def open_store_(open_schema: FeatureSchema, make_release: MakeRelease, tmp_path: Path) -> ReleaseStore:
    store = open_store(str(tmp_path / "open"))
    go_live(store, make_release(open_schema))
    return store


def body_with(row: Row, column: str, literal: str) -> bytes:
    """Return the row as JSON with one value written as `literal`, valid or not."""
    marked = json.dumps({**row, column: "<here>"}, default=str)
    return marked.replace('"<here>"', literal).encode()


def ids(client: TestClient, rows: list[Row]) -> list[str]:
    """Return release and hash of the features, as the ids of the answers have them: all but the place."""
    found = [client.post("/v1/score", json=row).json()["prediction_id"].rsplit(".", 2) for row in rows]
    return [f"{release}.{digest}" for release, _, digest in found]


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_extremes_of_every_type_change_nobody_elses_answer(
    data: st.DataObject,
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("records")
    rows = [raw(row) for row in stream.head(16).iter_rows(named=True)]
    draw = random.Random(data.draw(st.integers(0, 10_000)))
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float) and name != "unix_time"]
    kinds = {name: NUMBERS for name in numbers} | {"trans_date_trans_time": TIMES, "dob": TIMES}
    with service(open_store_, past, folder / "without", open_schema) as alone:
        expected = ids(alone, rows[:8])
    with service(open_store_, past, folder / "without", open_schema) as alone:
        expected += ids(alone, rows[8:])
    found, size = [], 0
    for half in (rows[:8], rows[8:]):
        with service(open_store_, past, folder / "with", open_schema) as client:
            for row in half:
                for _ in range(6):
                    column = draw.choice([*kinds, "merchant", "category", "trans_num"])
                    literal = draw.choice(kinds.get(column, TEXTS))
                    size = payments_in(client)
                    # of a card and a merchant of its own, so that what is taken is nobody else's past
                    own = {
                        **row,
                        "cc_num": 5,
                        "merchant": "own",
                        "category": "home",
                        "trans_num": f"own {draw.random()}",
                    }
                    body = draw.choice(BODIES) if draw.random() < 0.2 else body_with(own, column, literal)
                    answer = client.post(
                        draw.choice(["/v1/score", "/v1/labels"]),
                        content=body,
                        headers={"content-type": "application/json"},
                    )
                    assert answer.status_code in (200, 404, 408, 409, 413, 415, 422), answer.text
                    if answer.status_code != 200:
                        assert payments_in(client) == size
                        assert len(answer.content) < 5000
                found += ids(client, [row])
    assert found == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amt", 1e17), ("amt", 1e300), ("amt", -1e300), ("city_pop", 2**62), ("lat", 1e9), ("long", 1e300),
        ("trans_num", "x" * 501), ("merchant", "m" * 50_000), ("cc_num", 2**63),
        ("trans_date_trans_time", "1000-01-01 00:00:00"),
        ("dob", "0001-01-01"), ("trans_num", "a\x00b"),
    ],
)  # fmt: skip
def test_what_is_beyond_the_bounds_is_named_and_leaves_no_trace(
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
    column: str,
    value: Any,
) -> None:
    row = raw(stream.row(0, named=True))
    with service(open_store_, past, tmp_path / "record", open_schema) as client:
        answer = client.post("/v1/score", json={**row, column: value})
        assert answer.status_code == 422
        assert [wrong["pointer"] for wrong in answer.json()["errors"]] == [f"#/{column}"]
        assert str(value) not in answer.text
        assert payments_in(client) == len(past)


def test_the_api_says_the_bounds(
    open_store_: ReleaseStore, past: pl.DataFrame, open_schema: FeatureSchema, tmp_path: Path
) -> None:
    with service(open_store_, past, tmp_path / "record", open_schema) as client:
        document = client.get("/openapi.json").json()
        said = document["paths"]["/v1/score"]["post"]
        columns = said["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert (columns["amt"]["minimum"], columns["amt"]["maximum"]) == (-(10**13), 10**13)
        assert columns["trans_num"]["maxLength"] == LETTERS
        assert columns["city_pop"]["maximum"] == WHOLE
        assert "2199-12-31" in columns["trans_date_trans_time"]["description"]
        assert {"408", "413", "415", "422"} <= set(said["responses"])


def poisoned(contract: str, row: Row) -> list[Row]:
    """Return what an earlier program may have written."""
    wrong = [
        {"amount": 10**302}, {"amount": WHOLE + 1}, {"amount": None}, {"amount": "much"}, {"city_pop": 10**400},
        {"merchant": "m" * 10_000}, {"event_time": datetime(1, 1, 1)}, {"event_time": None}, {"event_time": "noon"},
        {"home_latitude": 1e300}, {"card": "a text"}, {"birth_date": 7}, {"city_pop": float("nan")},
    ]  # fmt: skip
    return [{"scored": [contract, {**row, **each, "event_id": f"wrong {n}"}]} for n, each in enumerate(wrong)]


def test_a_journal_that_holds_what_no_request_may_have_neither_stops_nor_poisons_the_service(
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
) -> None:
    rows = [raw(row) for row in stream.head(8).iter_rows(named=True)]
    with service(open_store_, past, tmp_path / "clean", open_schema) as alone:
        expected = ids(alone, rows)
    before = {name: value for name, value in stream.row(0, named=True).items() if name not in ("label", "batch")}
    entries = [
        *poisoned("sparkov", before),
        {"label": [["sparkov", "wrong 0"], 1, datetime(2020, 5, 1)]},
        {"scored": ["sparkov", {**before, "event_id": "x" * 5_000_000}]},
    ]
    with kept_in(tmp_path / "poisoned", open_schema, past):
        write_journal(tmp_path / "journal", entries)
    with open_record(f"sqlite:///{tmp_path / 'poisoned/record.db'}", journal=tmp_path / "journal") as record:
        assert record.place > len(past)
    with service(open_store_, past, tmp_path / "poisoned", open_schema) as client:
        assert ids(client, rows) == expected
    with service(open_store_, past, tmp_path / "poisoned", open_schema) as client:
        assert ids(client, rows) == expected  # known by now


def observed(folder: Path, schema: FeatureSchema, past: pl.DataFrame, rows: list[Row]) -> list[list[Any]]:
    """Return the features that rows have for a service that begins with `past`."""
    with kept_in(folder, schema, past) as record:
        history = warm_history(schema, record)
        return [history.observe(row).features for row in rows]


def test_a_recorded_past_beyond_the_bounds_is_left_out(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, tmp_path: Path
) -> None:
    rows = stream.head(10).to_dicts()
    poison = recorded.tail(3).with_columns(
        amount=pl.Series([2**62, -(2**62), WHOLE + 1]), event_id=pl.Series(["a", "b", "c"])
    )
    assert observed(tmp_path / "poisoned", schema, pl.concat([recorded, poison]), rows) == observed(
        tmp_path / "clean", schema, recorded, rows
    )


FAR = ["2024-01-01 00:00:00", "2034-01-01 00:00:00", "2099-12-31 00:00:00"]


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_transactions_from_the_future_are_refused_and_change_no_answer(
    data: st.DataObject,
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("records")
    rows = [raw(row) for row in stream.head(16).iter_rows(named=True)]
    with service(open_store_, past, folder / "without", open_schema) as alone:
        expected = ids(alone, rows)
    found = []
    for half in (rows[:8], rows[8:]):
        with service(open_store_, past, folder / "with", open_schema) as client:
            for row in half:
                for number in range(data.draw(st.integers(0, 3))):
                    far = {
                        **row,
                        "trans_date_trans_time": data.draw(st.sampled_from(FAR)),
                        "trans_num": f"far {number}",
                    }
                    answer = client.post("/v1/score", json=far)
                    assert answer.status_code == 422
                    assert answer.json()["errors"][0]["pointer"] == "#/trans_date_trans_time"
                found += ids(client, [row])
    assert found == expected


@given(wrong=st.lists(st.sampled_from(FAR), min_size=1, max_size=40), seed=st.integers(0, 5))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_journal_of_before_with_transactions_from_the_future_changes_no_answer(
    wrong: list[str],
    seed: int,
    schema: FeatureSchema,
    stream: pl.DataFrame,
    past: pl.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = stream.drop("label", "batch").to_dicts()
    draw = np.random.default_rng(seed)
    clean: list[Row] = []
    old: list[Row] = []
    for row in rows[:25]:
        clean.append(row)
        old.append(row)
        for number in draw.choice(len(wrong), 2):
            at = datetime.fromisoformat(wrong[number])
            old.append({**row, "event_time": at, "event_id": f"{number} of {row['event_id']}"})
    found = []
    for before in (clean, old):
        folder = tmp_path_factory.mktemp("records")
        write_journal(folder / "journal", [{"scored": ["sparkov", row]} for row in before])
        with kept_in(folder, schema, past):
            pass
        with open_record(f"sqlite:///{folder / 'record.db'}", journal=folder / "journal") as record:
            history = warm_history(schema, record)
            found.append([history.observe(row).features for row in rows[25:]])
    assert found[0] == found[1]


@pytest.mark.parametrize("number", [1, 20])
def test_recorded_rows_from_the_future_cost_nobody_the_past(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, tmp_path: Path, number: int
) -> None:
    wrong = recorded.tail(number).with_columns(
        event_time=pl.lit(datetime(2034, 1, 1), pl.Datetime("us")), event_id="wrong " + pl.col("event_id")
    )
    rows = stream.to_dicts()
    assert observed(tmp_path / "wrong", schema, pl.concat([recorded, wrong]), rows) == observed(
        tmp_path / "clean", schema, recorded, rows
    )


def test_a_recorded_card_keeps_its_last_ones_beside_one_that_is_ahead(
    schema: FeatureSchema, recorded: pl.DataFrame, tmp_path: Path
) -> None:
    """Its own ones were so long ago that no window sees them."""
    rare = recorded.tail(2).with_columns(
        pl.col("event_time") - timedelta(days=300), card=pl.lit(7, pl.Int64), event_id=pl.Series(["rare 1", "rare 2"])
    )
    ahead = rare.with_columns(
        event_time=pl.lit(datetime(2034, 1, 1), pl.Datetime("us")), event_id="ahead of " + pl.col("event_id")
    )
    asked = {**recorded.row(-1, named=True), "card": 7, "event_id": "asked"}
    found = []
    more = ahead.with_columns(event_id="more " + pl.col("event_id"))
    for name, rows in (("without", [rare, recorded]), ("with", [rare, recorded, ahead, more])):
        (features,) = observed(tmp_path / name, schema, pl.concat(rows), [asked])
        found.append(features)
    assert found[0] == found[1]
    assert found[0][schema.names.index("amount_of_last_2_by_card")] is not None


def test_an_empty_past_takes_the_first_ones_and_forgets_nothing_because_of_them(
    open_store_: ReleaseStore, open_schema: FeatureSchema, stream: pl.DataFrame, raw: Raw, tmp_path: Path
) -> None:
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    nothing = stream.clear()
    with service(open_store_, nothing, tmp_path / "without", open_schema) as alone:
        expected = ids(alone, rows)
    with service(open_store_, nothing, tmp_path / "with", open_schema) as client:
        far = {**rows[0], "trans_date_trans_time": FAR[1]}
        assert client.post("/v1/score", json={**far, "trans_num": "far"}).status_code == 200
        assert ids(client, rows) == expected
        assert client.post("/v1/score", json={**far, "trans_num": "farther"}).status_code == 422


def test_a_label_of_2099_is_refused_and_can_be_corrected(
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
) -> None:
    row = raw(stream.row(0, named=True))
    said = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": "2099-01-01 00:00:00"}
    with service(open_store_, past, tmp_path / "record", open_schema) as client:
        client.post("/v1/score", json=row)
        answer = client.post("/v1/labels", json=said)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/label_time")
        assert client.post("/v1/labels", json={**said, "label_time": "2020-06-01 00:00:00"}).status_code == 200


def test_a_live_service_goes_by_the_time_of_day(contract: Contract) -> None:
    now = datetime(2026, 3, 1, 12)
    clock = WallClock(contract, timedelta(hours=36), now=lambda zone: now)
    last = now + timedelta(hours=36)
    clock.require_reached({"event_time": last})
    clock.require_arrived(last)
    for judge in (lambda at: clock.require_reached({"event_time": at}), clock.require_arrived):
        with pytest.raises(Exception, match=r"expected a time up to 2026-03-03 00:00, found one that is not there yet"):
            judge(last + timedelta(microseconds=1))


def test_the_wall_clock_refuses_tomorrow_in_the_service(
    open_store_: ReleaseStore,
    past: pl.DataFrame,
    open_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
) -> None:
    row = raw(stream.row(0, named=True))
    with service(open_store_, past, tmp_path / "record", open_schema, clock_of("wall")) as client:
        assert client.post("/v1/score", json=row).status_code == 200
        answer = client.post("/v1/score", json={**row, "trans_date_trans_time": FAR[2], "trans_num": "far"})
        assert answer.status_code == 422
        assert "FRAUD_CLOCK=stream" in answer.json()["errors"][0]["detail"]


def test_where_nobody_is_named_each_transaction_is_a_witness(contract: Contract) -> None:
    columns = tuple(column for column in contract.columns if column.role != "entity")
    clock = RECORDED(contract.model_copy(update={"columns": columns}))
    noon = datetime(2020, 5, 1, 12)
    for number in range(5):
        clock.note({"event_id": f"{number}", "event_time": noon + timedelta(minutes=number)})
    clock.require_reached({"event_id": "a", "event_time": noon + timedelta(hours=20)})
    with pytest.raises(DataError, match="not there yet"):
        clock.require_reached({"event_id": "b", "event_time": datetime(2034, 1, 1)})

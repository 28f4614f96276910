"""What a client and an operator see of a fault, from its beginning to its end: the outcomes of docs/faults.md."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.release.release import FORMAT
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.clock import RECORDED, TOLERANCE, MakeClock, WallClock
from mlflow_fraud.serving.record import Record, open_record
from mlflow_fraud.serving.writer import WAIT_SECONDS
from tests.serving.conftest import MakeRelease, go_live, kept_in, service, with_file
from tests.serving.service_process import until
from tests.serving.test_faults import kept, locked
from tests.serving.test_metrics import Shown

Row = dict[str, Any]
HOUR = timedelta(hours=1)
SECONDS_OF_A_WRITE = 0.5


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """A record without a past: these faults are not about what is in it."""
    with kept_in(tmp_path) as record:
        yield record


def poll(client: TestClient) -> None:
    """Let the service look at its store now, also where it would let a refused release rest."""
    model = client.app.state.model  # type: ignore[attr-defined]
    model._rest = 0
    model.poll()


@contextmanager
def away(location: Path) -> Iterator[None]:
    """Let a store be out of reach: a file is in the place of its folder."""
    location.rename(location.with_name("away"))
    location.write_text("no folder")
    yield
    location.unlink()
    location.with_name("away").rename(location)


def test_a_store_that_is_down_at_the_start_and_later_is_told_and_is_followed_again_without_a_restart(
    client: TestClient, store: ReleaseStore, location: Path, make_release: MakeRelease, rows: list[Row]
) -> None:
    go_live(store, make_release())
    with away(location):
        poll(client)
        for answer in (client.get("/readyz"), client.post("/v1/score", json=rows[0])):
            assert (answer.status_code, "check the folder" in answer.json()["detail"]) == (503, True)
            assert answer.headers["retry-after"]
        shown = Shown(client)
        assert (shown("fraud_model_live"), shown("fraud_reload_trouble")) == (0, 1)
    poll(client)
    first = client.post("/v1/score", json=rows[0])
    assert first.status_code == 200
    with away(location):
        poll(client)
        assert client.post("/v1/score", json=rows[0]).json() == first.json()
        assert client.post("/v1/score", json=rows[1]).status_code == 200
        assert "check the folder" in client.get("/readyz").json()["reload"]
        shown = Shown(client)
        assert (shown("fraud_model_live"), shown("fraud_reload_trouble")) == (1, 1)
        assert shown("fraud_releases_refused_total") == 0  # nothing came that could be refused
    poll(client)
    assert client.get("/readyz").json()["reload"] is None
    assert Shown(client)("fraud_reload_trouble") == 0


def wrong_byte(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def cut_off(folder: Path) -> None:
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def format_to_come(folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**document, "format": FORMAT + 1}))


def nothing(folder: Path) -> None:
    """Leave the files as they are: what is in them is foreign already."""


PICKLED = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."


@pytest.mark.parametrize(
    ("spoil", "model", "says"),
    [
        pytest.param(wrong_byte, None, "was altered", id="a wrong byte"),
        pytest.param(cut_off, None, "found", id="a truncated file"),
        pytest.param(format_to_come, None, f"has format {FORMAT + 1}", id="a format to come"),
        pytest.param(nothing, PICKLED, "not a model that can be loaded", id="another kind of file"),
    ],
)
def test_a_bad_bundle_is_refused_once_by_its_name_and_the_release_before_answers_until_a_good_one_comes(
    answering: TestClient,
    store: ReleaseStore,
    location: Path,
    make_release: MakeRelease,
    rows: list[Row],
    spoil: Callable[[Path], None],
    model: bytes | None,
    says: str,
) -> None:
    good, bad = make_release(), make_release(rounds=3)
    bad = with_file(bad, "model.onnx", model) if model else bad
    go_live(store, bad)
    spoil(location / "releases" / bad.manifest.version)
    for _ in range(3):
        poll(answering)
    assert answering.post("/v1/score", json=rows[0]).json()["model_version"] == good.manifest.version
    told = answering.get("/readyz").json()["reload"]
    assert says in told
    assert bad.manifest.version in told
    assert answering.get("/v1/model").json()["trouble"] == told
    shown = Shown(answering)
    assert (shown("fraud_reload_trouble"), shown("fraud_releases_refused_total")) == (1, 1)
    better = make_release(rounds=4)
    go_live(store, better)
    poll(answering)
    assert answering.post("/v1/score", json=rows[1]).json()["model_version"] == better.manifest.version
    assert answering.get("/readyz").json()["reload"] is None


@contextmanager
def slow_disk(record: Record) -> Iterator[None]:
    """Let each transaction that writes take its time, where the driver hands it on to the file."""
    with record.log._writing.connection() as connection:
        driven: Any = connection.connection.driver_connection

    def wait(statement: str) -> None:
        alone = statement.startswith("INSERT") and not driven.in_transaction
        if alone or statement.startswith("COMMIT"):
            time.sleep(SECONDS_OF_A_WRITE)

    driven.set_trace_callback(wait)
    yield
    driven.set_trace_callback(None)


def test_a_disk_that_is_slow_keeps_no_answer_for_longer_than_stated_and_has_all_of_them_once_in_their_order(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release())
    with open_record(f"sqlite:///{tmp_path / 'slow.db'}") as record, service(store, record) as client:
        client.post("/v1/score", json=rows[0])
        record.writer.flush()
        answers, took, told, waiting = [], [], {}, 0.0
        with slow_disk(record):
            for row in rows[1:40]:
                began = time.perf_counter()
                answers.append(client.post("/v1/score", json=row).json())
                took.append(time.perf_counter() - began)
                if not told and not answers[-1]["recorded"]:  # which is while a write goes on: behind it all is well
                    told, waiting = client.get("/readyz").json(), Shown(client)("fraud_record_waiting")
            shown = Shown(client)
            record.writer.flush()
        late = [not answer["recorded"] for answer in answers]
        assert any(late)
        assert sorted(took)[len(took) // 2] < WAIT_SECONDS  # who comes after the first one does not wait at all
        assert told["record"] == f"no payment was taken within {WAIT_SECONDS * 1000:.0f} ms"
        assert (told["waiting"] > 0, told["lost"]) == (True, 0)
        assert waiting > 0
        assert shown("fraud_degraded_answers_total", why="not_recorded") == sum(late)
        assert client.get("/readyz").json()["record"] is None
        assert [each for each, _ in kept(record.log, schema.contract)] == [row["trans_num"] for row in rows[:40]]


def test_of_a_record_that_takes_nothing_until_memory_is_full_the_oldest_are_lost_and_told(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release())
    with open_record(f"sqlite:///{tmp_path / 'full.db'}") as record, service(store, record) as client:
        client.post("/v1/score", json=rows[0])
        record.writer.flush()
        record.writer._most = 10
        with locked(record):
            assert {client.post("/v1/score", json=row).status_code for row in rows[1:40]} == {200}
            until(lambda: record.writer._broken)
            client.post("/v1/score", json=rows[40])
            told, shown = client.get("/readyz").json(), Shown(client)
        assert told["lost"] + told["waiting"] == 40  # reasons, which can be had again, are not counted
        assert shown("fraud_record_lost_total") == told["lost"] > 0
        assert (shown("fraud_record_trouble"), shown("fraud_record_waiting")) == (1, told["waiting"])
        until(lambda: record.writer.trouble is None and not record.writer.backlog)
        written = [each for each, _ in kept(record.log, schema.contract)]
        assert written == [rows[0]["trans_num"], *[row["trans_num"] for row in rows[1 + told["lost"] : 41]]]


class Times:
    """The time of day of a machine that says what each payment says, but for how far it is off."""

    def __init__(self) -> None:
        self.now, self.off = datetime(2020, 1, 1), timedelta(0)

    def clock(self) -> MakeClock:
        return lambda contract: WallClock(contract, TOLERANCE, now=lambda zone: self.now + self.off)


def at(row: Row) -> datetime:
    return datetime.fromisoformat(row["trans_date_trans_time"])


def moved(row: Row, by: timedelta) -> Row:
    return {**row, "trans_date_trans_time": f"{at(row) + by:%Y-%m-%d %H:%M:%S}"}


@contextmanager
def started(folder: Path, store: ReleaseStore, clock: MakeClock) -> Iterator[TestClient]:
    """Start a service on the record of a folder; whatever it knows it has from there."""
    with kept_in(folder) as record:
        client = TestClient(create_app(store, record=record, poll_seconds=3600, clock=clock))
        poll(client)
        yield client


Answers = list[tuple[str, float, bool]]


def with_windows(schema: FeatureSchema, **category: Any) -> FeatureSchema:
    """Return features of cards, and of categories that move as is stated."""
    windows = [{"by": ["card"], "spans": ["3d"], "take": ["sum", "count"]}]
    windows.append({"by": ["category"], "spans": ["1d", "10d"], "take": ["sum", "count"], **category})
    params = FeatureParams.model_validate({"row": ["amount"], "windows": windows})
    return FeatureSchema(params=params, contract=schema.contract, categories={})


def served(folder: Path, store: ReleaseStore, starts: list[list[Row]], jumps: list[timedelta]) -> Answers:
    """Return the answers to rows, by a service that is started for each list; each ten rows have a jump."""
    answers, times = list[dict[str, Any]](), Times()
    for rows in starts:
        with started(folder, store, times.clock()) as client:
            for row in rows:
                times.now, times.off = at(row), jumps[len(answers) // 10]
                answers.append(client.post("/v1/score", json=row).json())
    return [(each["prediction_id"], each["probability"], each["recorded"]) for each in answers]


def test_an_hour_by_which_the_machine_s_clock_jumps_changes_no_answer_before_and_after_a_restart(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release(with_windows(schema)))
    starts, jumps = [rows[:20], rows[20:40]], [-HOUR, HOUR, 0 * HOUR, -HOUR]
    found = served(tmp_path / "jumps", store, starts, jumps)
    assert found == served(tmp_path / "steady", store, starts, [0 * HOUR] * 4)
    assert {recorded for _, _, recorded in found} == {True}


def test_where_windows_move_by_hops_what_arrived_in_an_hour_of_a_clock_that_jumped_stays_there_after_a_restart(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release(with_windows(schema, hop="1d")))
    jumps = [-HOUR, HOUR, 0 * HOUR, -HOUR]
    never = served(tmp_path / "never", store, [rows[:40]], jumps)
    assert never == served(tmp_path / "stopped", store, [rows[:15], rows[15:40]], jumps)


def test_a_machine_whose_clock_is_back_by_more_than_the_tolerance_refuses_payments_until_it_is_right(
    store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[Row]
) -> None:
    go_live(store, make_release())
    times = Times()
    times.now, times.off = at(rows[0]), -2 * TOLERANCE
    client = TestClient(create_app(store, record=record, poll_seconds=3600, clock=times.clock()))
    poll(client)
    answer = client.post("/v1/score", json=rows[0])
    assert answer.status_code == 422
    assert "found one that is not there yet" in answer.json()["errors"][0]["detail"]
    assert Shown(client)("fraud_requests_refused_total", reason="not-what-the-contract-says") == 1
    assert record.place == 0
    times.off = 0 * HOUR
    assert client.post("/v1/score", json=rows[0]).status_code == 200


def test_a_stream_whose_times_jump_by_an_hour_is_answered_and_goes_on_after_a_restart_as_one_that_never_stopped(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release(with_windows(schema, hop="1d")))
    sent = [*rows[:20], *(moved(row, -HOUR) for row in rows[20:30]), *(moved(row, HOUR) for row in rows[30:40])]
    sent += rows[40:]
    found = []
    for name, starts in (("never", [sent]), ("stopped", [sent[:35], sent[35:]])):
        answers = []
        for of_start in starts:
            with started(tmp_path / name, store, RECORDED) as client:
                answers += [client.post("/v1/score", json=row) for row in of_start]
        found.append([(each.status_code, each.json()["prediction_id"]) for each in answers])
    assert found[0] == found[1]
    assert {status for status, _ in found[0]} == {200}

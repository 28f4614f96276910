"""Whatever is sent, the service refuses it in words or answers: no 500, nothing that takes long or much."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.app import create_app
from tests.serving.conftest import MakeRelease, Raw, go_live, kept_in

REFUSED = {400, 404, 405, 408, 409, 413, 415, 422}
PATHS = ["/v1/score", "/v1/labels", "/v1/model", "/docs", "/", "/v1/score/", "/v1/%00", "*"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=30)
    | st.sampled_from(["", "\x00", "1e999", "9" * 400, "2020-01-01 00:00:00", "￿", "\ud800", -0.0, 2**64, 10**400])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
bodies = (
    st.binary(max_size=300)
    | values.map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [b"", b"[" * 60_000, b'{"a":' * 10_000, b"1" * 65_000, b'{"trans_num": "\\ud800"}', b"\xef\xbb\xbf{}"]
    )
)
header = st.tuples(
    st.sampled_from([b"content-type", b"content-length", b"content-encoding", b"authorization", b"transfer-encoding"]),
    st.binary(max_size=20) | st.sampled_from([b"application/json", b"gzip", b"-1", b"7", b"chunked"]),
)


@pytest.fixture(scope="module")
def app(
    make_release: MakeRelease, schema: FeatureSchema, recorded: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzz")
    store: ReleaseStore = open_store(str(folder / "releases"))
    go_live(store, make_release())
    with kept_in(folder, schema, recorded) as record:
        made = create_app(store, record=record, poll_seconds=3600)
        made.state.model.poll()
        yield made


def answered(app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
    """Return status and body of an answer, without a server between."""
    sent: list[dict[str, Any]] = []
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def refused_in_words(status: int, answer: bytes) -> None:
    assert status in REFUSED, answer
    assert json.loads(answer)["status"] == status
    assert len(answer) < 10_000


@given(st.sampled_from(["GET", "POST", "PUT", "X"]), st.sampled_from(PATHS), st.lists(header, max_size=4), bodies)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_bytes_are_answered_or_refused_in_words(
    app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    status, answer = answered(app, method, path, headers, body)
    if status != 200:
        refused_in_words(status, answer)


@given(st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_what_is_nearly_a_transaction_or_a_label_is_taken_or_refused_in_words(
    app: Any, raw: Raw, stream: pl.DataFrame, data: st.DataObject
) -> None:
    row = raw(stream.row(0, named=True))
    label = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": "2020-06-01 10:00:00"}
    path, like = data.draw(st.sampled_from([("/v1/score", row), ("/v1/labels", label)]))
    sent: Any = copy.deepcopy(like)
    for name in data.draw(st.lists(st.sampled_from(sorted(like)), max_size=3)):
        if data.draw(st.booleans()):
            sent[name] = data.draw(values)
        else:
            sent.pop(name, None)
    sent = data.draw(st.sampled_from([sent, [sent], {"data": sent}]))
    body = json.dumps(sent).encode()
    status, answer = answered(app, "POST", path, [(b"content-type", b"application/json")], body)
    if status != 200:
        refused_in_words(status, answer)

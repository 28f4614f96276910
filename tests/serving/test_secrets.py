"""Behind the service's door a secret column is a pseudonym: the past meets it, and nothing holds the plain number."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, read_key
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.schema import TransactionSchema, problems
from tests.secret_contract import CHECK, KEY, OTHER_KEY, left_in, secret_contract
from tests.serving.conftest import MakeRelease, Raw, go_live, kept_in

CARDS = read_key(KEY).pseudonyms("card")
Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def secret_schema(schema: FeatureSchema) -> FeatureSchema:
    """The shipped features on the default contract with its card called secret."""
    return FeatureSchema(params=schema.params, contract=secret_contract(), categories=schema.categories)


@pytest.fixture
def start(
    store: ReleaseStore,
    recorded: pl.DataFrame,
    secret_schema: FeatureSchema,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """Start the service on the recorded past with pseudonyms in it, unless told otherwise."""
    hidden = {card: CARDS.of(str(card)) for card in recorded["card"].unique()}
    ours = recorded.with_columns(pl.col("card").replace_strict(hidden))
    with ExitStack() as opened:

        def started(key: PseudonymKey | None, past: pl.DataFrame = ours, folder: Path | None = None) -> TestClient:
            place = folder or tmp_path_factory.mktemp("record")
            record = opened.enter_context(kept_in(place, secret_schema, past))
            client = TestClient(create_app(store, record=record, poll_seconds=3600, key=key))
            client.app.state.model.poll()  # type: ignore[attr-defined]
            return client

        yield started


def test_a_stream_has_the_answers_that_it_would_have_in_plain_and_leaves_no_plain_number(
    start: Start,
    client: TestClient,
    store: ReleaseStore,
    make_release: MakeRelease,
    secret_schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    go_live(store, make_release())
    client.app.state.model.poll()  # type: ignore[attr-defined]
    plain = [client.post("/v1/score", json=row).json()["probability"] for row in rows]

    go_live(store, make_release(secret_schema))
    (tmp_path / "kept").mkdir()
    service = start(read_key(KEY), folder=tmp_path / "kept")
    answers = [service.post("/v1/score", json=row).json() for row in rows]
    refused = [service.post("/v1/score", json=row | {"amt": "x"}).text for row in rows]

    assert [answer["probability"] for answer in answers] == plain
    cards = {str(row["cc_num"]) for row in rows}
    assert left_in(tmp_path / "kept", cards) == []
    assert b"pn1-" in b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
    assert not any(card in text for card in cards for text in (str(answers), str(refused), caplog.text))


def test_a_pseudonym_in_a_request_is_the_card_that_it_stands_for(
    start: Start, store: ReleaseStore, make_release: MakeRelease, secret_schema: FeatureSchema, stream: Any, raw: Raw
) -> None:
    go_live(store, make_release(secret_schema))
    row = raw(stream.row(0, named=True))
    service = start(read_key(KEY))
    plain = service.post("/v1/score", json=row).json()
    again = service.post("/v1/score", json=row | {"cc_num": CARDS.of(str(row["cc_num"]))}).json()
    foreign = read_key(OTHER_KEY).pseudonyms("card").of(str(row["cc_num"]))
    refused = service.post("/v1/score", json=row | {"cc_num": foreign})
    assert again == plain
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/cc_num"
    assert foreign not in refused.text


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(
            None, f"FRAUD_PSEUDONYM_KEY is not set; set it to the key whose check value is {CHECK}", id="none"
        ),
        pytest.param(OTHER_KEY, "FRAUD_PSEUDONYM_KEY is another key than the one of the contract sparkov", id="other"),
    ],
)
def test_a_release_with_secrets_does_not_answer_without_its_key_and_says_why(
    key: str | None,
    said: str,
    start: Start,
    store: ReleaseStore,
    make_release: MakeRelease,
    secret_schema: FeatureSchema,
) -> None:
    go_live(store, make_release(secret_schema))
    service = start(key and read_key(key))
    assert said in service.app.state.model.trouble  # type: ignore[attr-defined]
    answer = service.post("/v1/score", json={})
    assert answer.status_code == 503
    assert said in answer.json()["detail"]


def test_without_the_key_the_service_stays_with_the_release_that_needs_none(
    start: Start, store: ReleaseStore, make_release: MakeRelease, secret_schema: FeatureSchema, recorded: pl.DataFrame
) -> None:
    go_live(store, make_release())
    service = start(None, recorded)
    go_live(store, make_release(secret_schema))
    service.app.state.model.poll()  # type: ignore[attr-defined]
    card = service.get("/v1/model").json()
    assert card["version"] == make_release().manifest.version
    assert "FRAUD_PSEUDONYM_KEY is not set" in card["trouble"]


def test_a_past_with_plain_numbers_is_left_out(
    start: Start,
    store: ReleaseStore,
    make_release: MakeRelease,
    secret_schema: FeatureSchema,
    recorded: pl.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_live(store, make_release(secret_schema))
    for past in (recorded, recorded.with_columns(pl.col("card").cast(pl.String))):
        service = start(read_key(KEY), past)
        assert service.app.state.model.trouble is None  # type: ignore[attr-defined]
        assert "payments of the record are beyond what is held, and left out" in caplog.text
        past_of_cards = service.app.state.model.current.history._past  # type: ignore[attr-defined]
        assert past_of_cards.snapshot().events.is_empty()
        caplog.clear()


def test_the_form_of_a_request_says_the_plain_type(secret_schema: FeatureSchema, schema: FeatureSchema) -> None:
    secret = TransactionSchema(secret_schema.contract, read_key(KEY)).json_schema()
    assert secret["properties"]["cc_num"] == TransactionSchema(schema.contract).json_schema()["properties"]["cc_num"]


@pytest.mark.parametrize("card", [0, -1, 2**63, 1.5, True, "4111", "\ud800", "", [], {}])
def test_a_bad_card_is_refused_without_being_quoted(
    card: Any, secret_schema: FeatureSchema, stream: Any, raw: Raw
) -> None:
    body = json.dumps(raw(stream.row(0, named=True)) | {"cc_num": card}).encode()
    with pytest.raises(ValidationError) as refused:
        TransactionSchema(secret_schema.contract, read_key(KEY)).read(body)
    assert "4111" not in json.dumps(problems(refused.value))

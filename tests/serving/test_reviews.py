"""Where only alerts are looked into, a random share of the others is drawn to be looked into, and is marked."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import ReleaseRejected, SettingsError
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.reviews import review_share
from tests.serving.conftest import MakeRelease, go_live, with_file

SELECTIVE = """
dataset: terminals
datasets:
  terminals: {labels: selective, review_share: 0.5, contract: data/contracts/terminals.yaml}
  others: {contract: data/contracts/others.yaml}
"""


def answers_of(store: ReleaseStore, record: Record, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Any]]:
    """Return each answer, and the chance with which its label is looked for as the record has it."""
    app = create_app(store, record=record, poll_seconds=3600)
    app.state.model.poll()
    client = TestClient(app)
    found = [client.post("/v1/score", json=row).json() for row in rows]
    record.writer.flush()
    told = [record.log.by_prediction(answer["prediction_id"]) for answer in found]
    return [(answer, each and each.payment["label_chance"]) for answer, each in zip(found, told, strict=True)]


def test_a_share_of_what_was_not_flagged_is_drawn_and_marked_in_answer_and_record(
    store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[dict[str, Any]]
) -> None:
    go_live(store, with_file(make_release(threshold=0.2), "params.yaml", SELECTIVE.encode()))
    found = answers_of(store, record, rows)
    for answer, chance in found:
        assert chance == (1.0 if answer["decision"] == "flag" else 0.5 if answer["review"] else None)
    drawn = [answer["review"] for answer, _ in found if answer["decision"] == "pass"]
    assert 0.2 < sum(drawn) / len(drawn) < 0.8
    assert not any(answer["review"] for answer, _ in found if answer["decision"] == "flag")
    again = answers_of(store, record, rows)
    assert [answer["review"] for answer, _ in again] == [answer["review"] for answer, _ in found]


def test_nothing_is_drawn_where_every_fraud_is_told(
    store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[dict[str, Any]]
) -> None:
    complete = SELECTIVE.replace("dataset: terminals", "dataset: others")
    go_live(store, with_file(make_release(), "params.yaml", complete.encode()))
    assert {(answer["review"], chance) for answer, chance in answers_of(store, record, rows)} == {(False, None)}


def test_a_release_that_does_not_describe_its_data_set_is_refused() -> None:
    assert review_share({}) is None
    with pytest.raises(ReleaseRejected, match=r"params\.yaml does not describe its data set"):
        review_share({"params.yaml": b"dataset: terminals\ndatasets: {}\n"})
    with pytest.raises(SettingsError, match="needs `review_share:`"):
        review_share({"params.yaml": SELECTIVE.replace("review_share: 0.5, ", "").encode()})

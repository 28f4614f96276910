"""What OpenAPI says is so: its examples work, and what is generated from it is answered as it states."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.core.contract.bounds import Range
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.moments import read_text
from mlflow_fraud.core.contract.time_format import time_format
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.label_schema import LabelSchema
from mlflow_fraud.serving.schema import TransactionSchema
from mlflow_fraud.serving.stated import Last, label_stated, pattern_of, transaction_stated, written
from tests.serving.conftest import MakeRelease, Raw, as_json, kept_in
from tests.serving.service_process import Place, running_service

CASES = {"positive": 40, "negative": 20}
"""So many of each kind for every operation."""

LEAST = 200
"""So many requests at least."""


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_example_works_as_it_is_pasted(answering: TestClient) -> None:
    document = answering.get("/openapi.json").json()
    found: dict[str, Any] = {}
    for path, method, operation in sorted(operations(document), key=lambda each: each[0] != "/v1/score"):
        sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        assert (sent is not None) == (method == "post"), path
        if "{" in path:
            (link,) = document["paths"]["/v1/score"]["post"]["responses"]["200"]["links"].values()
            assert link["operationId"] == operation["operationId"]
            assert link["parameters"] == {"id": "$response.body#/prediction_id"}
            path = path.format(id=found["/v1/score"]["prediction_id"])
            answering.app.state.record.writer.flush()  # type: ignore[attr-defined]
        answer = answering.request(method, path, json=sent)
        assert answer.status_code == 200, (path, answer.text)
        found[path] = answer.json() if "json" in answer.headers["content-type"] else answer.text
    assert found["/v1/score/batch"] == [found["/v1/score"]]


def test_a_time_is_stated_up_to_the_year_that_is_taken_now(
    answering: TestClient, raw: Raw, stream: pl.DataFrame
) -> None:
    document = answering.get("/openapi.json").json()
    content = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]
    stated = content["schema"]["properties"]["trans_date_trans_time"]["pattern"]
    for row in stream.iter_rows(named=True):
        assert re.search(stated, raw(row)["trans_date_trans_time"])
    assert not re.search(stated, "2034-01-01 00:00:00")
    assert not re.search(stated, "2014-12-31 00:00:00")


FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y%m%d%H%M%S",
    "%d %b %Y %T%.3f",
    "%a %d %B %Y %R",
]
moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))


@given(st.sampled_from(FORMS), moments, moments, moments)
@settings(max_examples=200)
def test_a_stated_pattern_has_the_times_of_its_years_and_of_no_others(
    form: str, low: datetime, high: datetime, at: datetime
) -> None:
    low, high = sorted((low, high))
    pattern = pattern_of([time_format(form)], Range(low, high))
    text = written(at, form)
    found = read_text(text, time_format(form))
    assert found is not None
    assert abs(found - at) < timedelta(minutes=1)
    assert bool(re.search(pattern, text)) == (low.year <= at.year <= high.year)


NOW = datetime(2020, 6, 1)
TIMES = {
    "a text": {"format": "%Y-%m-%d %H:%M:%S"},
    "a text with the day first": {"format": "%d.%m.%Y %H:%M"},
    "a text with an offset": {"format": "%Y-%m-%dT%H:%M:%S%z", "timezone": "Europe/Berlin"},
    "hours since": {"format": "", "unit": "hours", "since": "2017-12-01"},
}


@pytest.mark.parametrize("kind", TIMES)
def test_the_example_of_a_contract_is_read_by_it_and_within_what_is_stated(contract: Contract, kind: str) -> None:
    columns = tuple(
        column.model_copy(update=TIMES[kind]) if column.role == "event_time" else column for column in contract.columns
    )
    other = contract.model_copy(update={"columns": columns})
    last = Last(NOW, NOW + timedelta(days=366))
    payment = transaction_stated(other, TransactionSchema(other).json_schema(), last)
    label = label_stated(other, LabelSchema(other).json_schema(), last)
    read = TransactionSchema(other).read(as_json(payment["example"]))
    assert read["event_time"] <= NOW
    assert LabelSchema(other).read(as_json(label["example"])).event_id == read["event_id"]
    for stated, shape in ((payment, payment["schema"]), (label, label["schema"]["oneOf"][0])):
        for name, value in shape["properties"].items():
            sent = stated["example"][name]
            assert "pattern" not in value or re.search(value["pattern"], sent), name
            assert value.get("minimum", sent) <= sent <= value.get("maximum", sent), name


class Seen(NamedTuple):
    """How often an operation was answered with which status."""

    statuses: Counter[int]

    def line(self, name: str) -> str:
        told = ", ".join(f"{status}: {number}" for status, number in sorted(self.statuses.items()))
        return f"| {name} | {self.statuses.total()} | {told} |"


@pytest.mark.slow
def test_what_is_generated_from_openapi_is_answered_as_it_says(
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    raw: Raw,
    location: Path,
    make_release: MakeRelease,
    tmp_path: Path,
) -> None:
    import schemathesis

    release = make_release()
    file = KeyFile(tmp_path / "keys.json")
    key = file.add("all", ["score", "label", "admin"], datetime(2026, 1, 1, tzinfo=UTC))
    environment = dict(os.environ) | {
        "FRAUD_API_KEYS": str(file.path),
        "FRAUD_LABELS_PER_HOUR": "100000",
    }
    place = Place(str(location), "", environment)
    place.store.put(release)
    place.promote(release.manifest.version)
    with kept_in(tmp_path, schema, recorded):
        pass
    with running_service(place, tmp_path) as service:
        url, headers = f"http://127.0.0.1:{service.port}", {"Authorization": f"Bearer {key}"}
        api = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers)
        known = _scored(url, headers, [raw(row) for row in stream.head(5).iter_rows(named=True)])
        seen = {each.label: _sent(each, headers, known) for each in (found.ok() for found in api.get_all_operations())}
        stated = {f"{method.upper()} {path}" for path, method, _ in operations(api.raw_schema)}
    print("\n| operation | requests | answers |\n| --- | --- | --- |")
    print("\n".join(each.line(name) for name, each in seen.items()))
    assert set(seen) == stated
    assert len(stated) >= 8
    for name, (statuses,) in seen.items():
        assert any(200 <= status < 300 for status in statuses), name
        open_to_all = name in ("GET /livez", "GET /readyz")
        assert any(400 <= status < 500 for status in statuses) or open_to_all, name
    assert sum(each.statuses.total() for each in seen.values()) >= LEAST
    assert {200, 401, 404, 422} <= {status for each in seen.values() for status in each.statuses}


class Scored(NamedTuple):
    """What a client knows of what it sent: ids of transactions and of answers."""

    transactions: list[str]
    predictions: list[str]


def _scored(url: str, headers: Mapping[str, str], rows: list[dict[str, Any]]) -> Scored:
    import requests

    answers = [requests.post(f"{url}/v1/score", json=row, headers=headers, timeout=20).json() for row in rows]
    return Scored([row["trans_num"] for row in rows], [answer["prediction_id"] for answer in answers])


def _sent(operation: Any, headers: Mapping[str, str], known: Scored) -> Seen:
    """Send what is generated for an operation, some with ids that are known; hold each answer to the document."""
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi import checks as of_openapi

    held_to = [
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
        of_openapi.response_headers_conformance,
    ]
    statuses: Counter[int] = Counter()

    def send(case: Any, mine: Mapping[str, str]) -> None:
        response = case.call(headers=dict(mine), timeout=20)
        case.validate_response(response, checks=held_to)
        assert response.status_code < 500 or response.status_code == 503, response.text
        statuses[response.status_code] += 1

    for mode, number in CASES.items():

        @given(operation.as_strategy(generation_mode=GenerationMode(mode)), st.integers(0, 2), st.integers(0, 4))
        @settings(
            max_examples=number,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def generated(case: Any, use: int, which: int) -> None:
            if use and "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = known.predictions[which]
            if use and operation.path == "/v1/labels" and isinstance(case.body, dict):
                case.body["trans_num"] = known.transactions[which]
            send(case, headers)

        try:
            generated()
        except Exception as error:  # nothing there to be wrong about
            if "Unsatisfiable" not in type(error).__name__:
                raise
    send(operation.Case(path_parameters={"id": "of-nobody"} if "{id}" in operation.path else {}), {})
    return Seen(statuses)


def test_a_correction_is_stated_to_be_observed_up_to_when_it_is_taken(
    answering: TestClient, rows: list[dict[str, Any]]
) -> None:
    assert answering.post("/v1/score", json=rows[0]).status_code == 200
    last = answering.app.state.model.current.history.clock.last_arrival()  # type: ignore[attr-defined]
    document = answering.get("/openapi.json").json()
    content = document["paths"]["/v1/corrections"]["post"]["requestBody"]["content"]["application/json"]
    observed = re.compile(content["schema"]["properties"]["observed"]["pattern"])
    for at, taken in ((last, True), (last.replace(year=last.year + 1), False)):
        correction = {"id": rows[0]["trans_num"], "observed": f"{at:%Y-%m-%d %H:%M:%S}", "transaction": None}
        assert bool(observed.match(correction["observed"])) is taken
        assert (answering.post("/v1/corrections", json=correction).status_code == 200) is taken

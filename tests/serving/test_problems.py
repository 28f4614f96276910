"""Every answer that is not good has the form of RFC 9457, and says nothing of what was sent."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import polars as pl
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.serving.problems import KINDS, MEDIA_TYPE, ProblemDocument, pointer
from tests.conftest import ROOT
from tests.serving.conftest import Raw


def problem(answer: Any) -> ProblemDocument:
    """Return the document, after holding it to its own answer."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    found = ProblemDocument.model_validate_json(answer.content, strict=True)
    kind = KINDS[answer.status_code]
    assert (found.status, found.type, found.title) == (answer.status_code, kind.type, kind.title)
    assert found.detail
    return found


def test_every_kind_of_refusal_is_a_problem(answering: TestClient, raw: Raw, stream: pl.DataFrame) -> None:
    row = raw(stream.row(0, named=True))
    label = {"trans_num": "none", "is_fraud": 1, "label_time": "2020-06-01 10:00:00"}
    json = {"content-type": "application/json"}
    for status, answer in {
        404: answering.get("/nothing"),
        405: answering.get("/v1/score"),
        413: answering.post("/v1/score", content=b"x" * 100_000, headers=json),
        415: answering.post("/v1/score", content=b"{}"),
        422: answering.post("/v1/score", json={**row, "amt": "much"}),
    }.items():
        assert answer.status_code == status
        problem(answer)
    assert problem(answering.post("/v1/labels", json=label)).status == 404
    assert answering.get("/v1/score").headers["allow"] == "POST"


def test_each_wrong_value_is_pointed_at_and_none_is_repeated(
    answering: TestClient, raw: Raw, stream: pl.DataFrame
) -> None:
    row = {**raw(stream.row(0, named=True)), "amt": "4111111111111111", "category": "anna-meier"}
    answer = answering.post("/v1/score", json=row)
    found = problem(answer)
    assert [wrong.pointer for wrong in found.errors or ()] == ["#/category", "#/amt"]
    assert found.detail == "expected what the contract says, found otherwise in 2 places"
    assert "4111111111111111" not in answer.text
    assert "anna" not in answer.text


@given(st.lists(st.text(max_size=8) | st.integers(0), max_size=4))
@settings(max_examples=50)
def test_a_pointer_leads_to_the_place_and_is_a_uri(steps: list[str | int]) -> None:
    made = pointer(["body", *steps])
    assert re.fullmatch(r"#[!-~]*", made)
    found = [step.replace("~1", "/").replace("~0", "~") for step in unquote(made[1:]).split("/")[1:]]
    assert found == [str(step) for step in steps]


def test_the_openapi_document_says_the_form_of_every_refusal(answering: TestClient) -> None:
    document = answering.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert {"ProblemDocument", "Wrong"} <= set(document["components"]["schemas"])
    refusals = [
        told
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, told in operation["responses"].items()
        if int(status) >= 400
    ]
    assert len(refusals) > 20
    for told in refusals:
        assert told["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}


def test_a_kind_is_named_once() -> None:
    assert len({kind.type for kind in KINDS.values()}) == len(KINDS)


def test_no_other_module_makes_an_error_of_its_own_form() -> None:
    modules = (ROOT / "src/mlflow_fraud/serving").glob("*.py")
    makers = [module.name for module in modules if re.search(r'"detail":|JSONResponse|PlainText', module.read_text())]
    assert makers == ["problems.py"]

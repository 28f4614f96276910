"""A schema's document is known by what it says itself, and read only where it still means the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_fraud.core.features.schema import FeatureSchema, read_schema, sha256_of
from mlflow_fraud.core.features.written import computed_otherwise
from tests.conftest import ROOT

KEPT = sorted((ROOT / "tests/releases").glob("*/releases/*/schema.json"))


def test_a_present_document_has_the_hash_of_its_schema(schema: FeatureSchema) -> None:
    assert sha256_of(json.loads(schema.to_json())) == schema.sha256


@pytest.mark.parametrize("path", KEPT, ids=lambda path: "/".join(path.parts[-4:-1:2]))
def test_a_document_of_an_earlier_version_has_the_hash_that_it_was_given(path: Path) -> None:
    document = json.loads(path.read_text())
    assert sha256_of(document) == document["sha256"]


def test_a_schema_in_which_silence_is_no_label_says_nothing_of_it(schema: FeatureSchema) -> None:
    silent = FeatureSchema.model_validate({**schema.model_dump(), "silence_days": 0})
    assert "silence_days" not in json.loads(schema.to_json())
    assert json.loads(silent.to_json())["silence_days"] == 0
    assert silent.sha256 != schema.sha256
    assert silent.definition != schema.definition
    assert read_schema(json.loads(silent.to_json()), where="schema.json") == silent


@pytest.mark.parametrize("key", ["names", "params", "contract", "categories", "label_delay_days"])
def test_whatever_a_document_says_is_in_its_hash(schema: FeatureSchema, key: str) -> None:
    document = json.loads(schema.to_json())
    assert sha256_of({**document, key: "other"}) != schema.sha256


@pytest.mark.parametrize("path", KEPT, ids=lambda path: "/".join(path.parts[-4:-1:2]))
def test_only_scores_of_the_first_versions_were_computed_otherwise(path: Path) -> None:
    document = json.loads(path.read_text())
    schema = read_schema(document, where=str(path))
    assert schema.names == document["names"]
    scores = sorted(schema.scores) if path.parts[-4] == "exact-scores" else []
    assert list(computed_otherwise(document, schema)) == scores

"""Every feature that can be defined has a reason, in both languages, whose code stays what it is."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from docs.made.engines import schema_of
from docs.made.statistics import Asked, everything
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.explaining.vocabulary import Vocabulary, read_vocabulary, to_json, vocabulary_of
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.settings import load_contract, load_params

PINNED = Path(__file__).with_name("codes.json")
"""The codes of the shipped features, each with its features. One that was told stays: this file only grows."""


@pytest.fixture(scope="module")
def shipped() -> FeatureSchema:
    params = load_params()
    return FeatureSchema(params=params.features, contract=load_contract(params.active.contract), categories={})


def test_each_feature_that_is_shipped_has_the_code_that_it_had(shipped: FeatureSchema) -> None:
    found = {code.code: list(code.features) for code in vocabulary_of(shipped).codes}
    assert sorted(chain.from_iterable(found.values())) == sorted(shipped.names)
    assert found == json.loads(PINNED.read_text())


@pytest.mark.parametrize("asked", everything(), ids=lambda each: f"{each.key} {each.what}")
def test_whatever_params_can_define_has_a_code_and_words_in_both_languages(asked: Asked) -> None:
    for code in vocabulary_of(schema_of(asked)).codes:
        assert code.code.replace("_", "").isalnum()
        assert code.code.islower()
        assert code.en != code.fr
        assert "_" not in code.en + code.fr


def test_spans_are_in_no_code(shipped: FeatureSchema) -> None:
    longer = json.loads(shipped.params.model_dump_json().replace("90d", "60d"))
    other = FeatureSchema(params=FeatureParams.model_validate(longer), contract=shipped.contract, categories={})
    assert [code.code for code in vocabulary_of(other).codes] == [code.code for code in vocabulary_of(shipped).codes]


def test_what_ships_is_read_again_and_has_one_sequence_of_bytes(shipped: FeatureSchema) -> None:
    made = vocabulary_of(shipped)
    assert read_vocabulary(to_json(made), shipped.names, version="v") == made
    assert to_json(vocabulary_of(shipped)) == to_json(made)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "release v: its reasons cannot be read"),
        (b'{"codes": []}', "expected a reason for each of its 1 features and for nothing else, .* for amount"),
        (
            b'{"codes": [{"code": "a", "en": "a", "fr": "a", "features": ["amount", "amount"]}]}',
            "a code or a feature is there twice",
        ),
    ],
)
def test_reasons_that_are_not_of_the_features_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ReleaseRejected, match=message):
        read_vocabulary(content, ["amount"], version="v")


def test_a_vocabulary_of_nothing_is_one() -> None:
    assert Vocabulary(codes=()).place_of == {}

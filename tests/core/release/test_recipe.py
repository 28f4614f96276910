"""A refresh is the same recipe on newer rows; whatever else changes makes it a change."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.release.recipe import Recipe, question
from mlflow_fraud.settings import load_contract, load_params
from tests.conftest import ROOT

PARAMS = {"train": {"seed": 7}}
CODE = {"src/fit.py": "0" * 32}


@pytest.fixture(scope="module")
def schema() -> FeatureSchema:
    """The shipped features on the card contract, with a category that was seen."""
    params: FeatureParams = load_params(ROOT / "params.yaml").features
    contract = load_contract(ROOT / "data/contracts/sparkov.yaml")
    return FeatureSchema(params=params, contract=contract, categories={"category": ("travel",)})


def test_newer_rows_with_categories_never_seen_are_still_a_refresh(schema: FeatureSchema) -> None:
    newer = schema.model_copy(update={"categories": {"category": ("grocery", "travel")}})
    asked, _ = question(*(Recipe.of(each.definition, PARAMS, CODE) for each in (newer, schema)))
    assert asked == "refresh"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param({"params": {"train": {"seed": 8}}}, "a change, of parameters: ", id="another seed"),
        pytest.param({"code": {"src/fit.py": "1" * 32}}, "a change, of code: ", id="other code"),
        pytest.param({"code": {}}, "a change, of code: ", id="code that is not known"),
        pytest.param({"delay": 30}, "a change, of features: ", id="labels known later"),
    ],
)
def test_anything_else_is_a_change_that_says_of_what(schema: FeatureSchema, other: dict[str, Any], said: str) -> None:
    live = Recipe.of(schema.definition, PARAMS, CODE)
    made = schema.model_copy(update={"label_delay_days": other.get("delay", 0)})
    told = other.get("params", PARAMS), other.get("code", CODE)
    ours = Recipe.of(made.definition, *told)
    asked, why = question(ours, live)
    assert asked == "change"
    assert why.startswith(said)

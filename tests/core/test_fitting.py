"""The shipped features said in the words of other contracts."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.contract import Contract, read_contract
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.fitting import fit_features

NEEDED = {
    "id": {"role": "event_id", "type": "integer"},
    "when": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d"},
    "eur": {"role": "amount", "type": "decimal"},
    "customer": {"role": "entity", "entity": "customer", "type": "integer"},
    "fraud": {"role": "label", "type": "integer"},
}
TERMINAL = {"terminal": {"role": "entity", "entity": "terminal", "type": "text"}}
CHANNEL = {"channel": {"role": "categorical", "type": "text"}}
AGE = {"account_age": {"role": "numeric", "type": "integer"}}


def names(params: FeatureParams, contract: Contract) -> list[str]:
    return [feature.name for feature in define(params, contract)]


def test_the_contract_that_the_features_were_written_for_keeps_them_and_gains_its_numbers(
    feature_params: FeatureParams, contract: Contract
) -> None:
    ours, fitted = names(feature_params, contract), names(fit_features(feature_params, contract), contract)
    assert [name for name in fitted if name != "city_pop"] == ours


@pytest.mark.parametrize("more", [{}, TERMINAL, CHANNEL, AGE, TERMINAL | CHANNEL | AGE])
def test_what_is_fitted_can_be_made_and_speaks_of_nothing_else(
    more: dict[str, dict[str, str]], feature_params: FeatureParams
) -> None:
    contract = read_contract({"name": "own", "columns": NEEDED | more}, where="test")
    fitted = names(fit_features(feature_params, contract), contract)
    assert "amount_sum_by_customer_24h" in fitted
    assert ("count_by_terminal_30d" in fitted) == ("terminal" in more)
    assert ("count_by_customer_channel_90d" in fitted) == ("channel" in more)
    assert ("account_age" in fitted) == ("account_age" in more)
    assert not [
        name for name in fitted if {"card", "merchant", "category", "age", "distance"} & set(name.split("_")) - {"age"}
    ]

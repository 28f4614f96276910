"""The shipped features said in the words of other contracts."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.fitting import fit_features

NEEDED = {
    "id": {"role": "event_id", "type": "integer"},
    "when": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
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
    own = {"city_pop", "frauds_by_merchant_7d", "fraud_rate_by_merchant_7d"}
    assert [name for name in fitted if name not in own] == ours


@pytest.mark.parametrize("more", [{}, TERMINAL, CHANNEL, AGE, TERMINAL | CHANNEL | AGE])
def test_what_is_fitted_can_be_made_and_speaks_of_nothing_else(
    more: dict[str, dict[str, str]], feature_params: FeatureParams
) -> None:
    contract = read_contract({"name": "own", "columns": NEEDED | more}, where="test")
    fitted = names(fit_features(feature_params, contract), contract)
    assert "amount_sum_by_customer_24h" in fitted
    assert ("count_by_terminal_30d" in fitted) == ("terminal" in more)
    assert ("fraud_rate_by_terminal_7d" in fitted) == ("terminal" in more)
    assert ("amount_mean_by_customer_channel_90d" in fitted) == ("channel" in more)
    assert ("account_age" in fitted) == ("account_age" in more)
    assert not [
        name for name in fitted if {"card", "merchant", "category", "age", "distance"} & set(name.split("_")) - {"age"}
    ]


@pytest.mark.parametrize("name", ["age", "hour", "night", "distance", "category", "card", "merchant", "seconds"])
@pytest.mark.parametrize(("role", "type"), [("numeric", "integer"), ("categorical", "text")])
def test_a_column_that_is_called_like_a_feature_is_asked_for_once(
    name: str, role: str, type: str, feature_params: FeatureParams
) -> None:
    own = {name: {"role": role, "type": type}} | CHANNEL
    contract = read_contract({"name": "own", "columns": NEEDED | own}, where="test")
    fitted = names(fit_features(feature_params, contract), contract)
    assert fitted.count(name) == 1
    assert fitted.count("channel") == 1


def test_a_category_of_that_name_is_the_category(feature_params: FeatureParams) -> None:
    kinds = {name: {"role": "categorical", "type": "text"} for name in ("age", "category")}
    contract = read_contract({"name": "own", "columns": NEEDED | kinds}, where="test")
    fitted = names(fit_features(feature_params, contract), contract)
    assert "amount_mean_by_customer_category_90d" in fitted
    assert "age" in fitted


ROOMY = FeatureParams.model_validate(
    {
        "windows": [
            {"by": ["card"], "spans": ["24h"], "take": ["distinct"], "of": "merchant"},
            {"by": ["card"], "spans": ["24h"], "take": ["distinct"], "of": "category"},
            {"by": ["card"], "spans": ["24h"], "take": ["max"], "of": "amount_score_by_category_90d"},
            {"by": ["merchant"], "spans": ["7d"], "take": ["mean"], "of": "amount_score_by_card_30d"},
            {"by": ["card"], "spans": ["7d"], "take": ["max"], "of": "city_pop"},
        ],
        "last": [
            {"by": ["card"], "take": ["seconds", "category", "amount_score_by_category_90d"]},
            {"by": ["card"], "take": ["amount_score_by_card_30d", "city_pop"], "back": 2},
            {"by": ["card"], "take": ["category"], "back": 3},
        ],
        "scores": [{"by": ["category"], "span": "90d"}, {"by": ["card"], "span": "30d"}],
        "ratios": [["distinct_merchant_by_card_24h", "amount_score_by_card_30d"]],
        "labels": [
            {"by": ["merchant"], "spans": ["7d", "30d"], "take": ["frauds", "fraud_rate"]},
            {"by": ["card", "category"], "spans": ["30d"], "take": ["labels"]},
        ],
    }
)


def test_labels_scores_and_what_is_counted_are_said_in_the_words_of_the_contract() -> None:
    contract = read_contract({"name": "own", "columns": NEEDED | TERMINAL | CHANNEL}, where="test")
    assert names(fit_features(ROOMY, contract), contract) == [
        "channel",
        "distinct_terminal_by_customer_24h",
        "distinct_channel_by_customer_24h",
        "amount_score_by_channel_90d_max_by_customer_24h",
        "amount_score_by_customer_30d_mean_by_terminal_7d",
        "frauds_by_terminal_7d",
        "fraud_rate_by_terminal_7d",
        "frauds_by_terminal_30d",
        "fraud_rate_by_terminal_30d",
        "labels_by_customer_channel_30d",
        "seconds_since_last_by_customer",
        "channel_of_last_by_customer",
        "amount_score_by_channel_90d_of_last_by_customer",
        "amount_score_by_customer_30d_of_last_2_by_customer",
        "channel_of_last_3_by_customer",
        "amount_score_by_channel_90d",
        "amount_score_by_customer_30d",
        "distinct_terminal_by_customer_24h_over_amount_score_by_customer_30d",
    ]


def test_hops_are_those_of_the_windows_that_they_were_said_of() -> None:
    contract = read_contract({"name": "own", "columns": NEEDED | CHANNEL}, where="test")
    params = FeatureParams.model_validate(
        {
            "windows": [
                {"by": ["category"], "spans": ["90d"], "take": ["mean"], "hop": "1d"},
                {"by": ["card"], "spans": ["24h"], "take": ["max"], "of": "amount_score_by_category_90d_hop_1d"},
            ],
            "scores": [{"by": ["category"], "span": "90d", "hop": "1d"}],
            "ratios": [["amount_score_by_category_90d_hop_1d", "amount_mean_by_category_90d_hop_1d"]],
        }
    )
    assert names(fit_features(params, contract), contract)[1:] == [
        "amount_mean_by_channel_90d_hop_1d",
        "amount_score_by_channel_90d_hop_1d_max_by_customer_24h",
        "amount_score_by_channel_90d_hop_1d",
        "amount_score_by_channel_90d_hop_1d_over_amount_mean_by_channel_90d_hop_1d",
    ]


def test_what_needs_a_category_or_a_number_that_is_not_there_goes() -> None:
    contract = read_contract({"name": "own", "columns": NEEDED | TERMINAL}, where="test")
    fitted = fit_features(ROOMY, contract)
    assert names(fitted, contract) == [
        "distinct_terminal_by_customer_24h",
        "amount_score_by_customer_30d_mean_by_terminal_7d",
        "frauds_by_terminal_7d",
        "fraud_rate_by_terminal_7d",
        "frauds_by_terminal_30d",
        "fraud_rate_by_terminal_30d",
        "seconds_since_last_by_customer",
        "amount_score_by_customer_30d_of_last_2_by_customer",
        "amount_score_by_customer_30d",
        "distinct_terminal_by_customer_24h_over_amount_score_by_customer_30d",
    ]
    assert all(last.take for last in fitted.last)


def test_without_a_second_entity_there_are_no_labels_of_it() -> None:
    contract = read_contract({"name": "own", "columns": NEEDED}, where="test")
    assert fit_features(ROOMY, contract).labels == ()

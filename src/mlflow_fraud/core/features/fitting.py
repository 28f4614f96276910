"""The features of one data set for another: what its contract has no columns for is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import FeatureParams, LabelParams, LastParams, ScoreParams, WindowParams

P = TypeVar("P", WindowParams, LastParams, ScoreParams, LabelParams)

PAYER, PAYEE, KIND = "card", "merchant", "category"

LABEL_SPANS = ("7d", "30d")
"""Over a week and a month: where fraud sits at a payee, its newest labels say most."""


def fit_features(params: FeatureParams, contract: Contract) -> FeatureParams:
    """Return `params`, which speak of card, merchant and category, in the words of another contract.

    Its first entity stands for the card, its second for the merchant, its `category` or else its first categorical
    column for the category; what it has none of goes. Its own numbers and categories come in as they are, and what the
    labels of its second entity say.
    """
    words = _words(contract)
    scores = _those_said(params.scores, words)
    windows = [w.model_copy(update={"of": _renamed(w.of, words)}) for w in _those_said(params.windows, words)]
    lasts = [
        last.model_copy(update={"take": _renamed_all(last.take, words)}) for last in _those_said(params.last, words)
    ]
    possible = [_without_the_impossible(last, scores, contract) for last in lasts]
    fitted = params.model_copy(
        update={
            "row": (*_row(params.row, contract, words), *_own_columns(params.row, contract, words)),
            "windows": tuple(w for w in windows if _can_be_made({"windows": (w,)}, scores, contract)),
            "last": tuple(last for last in possible if last.take),
            "scores": scores,
            "ratios": (),
            "labels": _those_said((*params.labels, *_payee_labels(params)), words),
        }
    )
    names = {feature.name for feature in define(fitted, contract)}
    ratios = tuple((_renamed(upper, words), _renamed(lower, words)) for upper, lower in params.ratios)
    return fitted.model_copy(update={"ratios": tuple(r for r in dict.fromkeys(ratios) if set(r) <= names)})


def _words(contract: Contract) -> dict[str, str]:
    """Return what card, merchant and category are called; empty where there is none."""
    entities = (*contract.entities, "", "")
    kinds = [column.name for column in contract.kept if column.role == "categorical"]
    kind = KIND if KIND in kinds else next(iter(kinds), "")
    return {PAYER: entities[0], PAYEE: entities[1], KIND: kind}


def _those_said(items: tuple[P, ...], words: Mapping[str, str]) -> tuple[P, ...]:
    """Return the items by the contract's entities, without those for which it has no word."""
    said = [(item, tuple(words.get(name, name) for name in item.by)) for item in items]
    return tuple(item.model_copy(update={"by": by}) for item, by in said if all(by))


def _payee_labels(params: FeatureParams) -> tuple[LabelParams, ...]:
    """Return the label rates of the payee over the spans that `params` does not ask for."""
    asked = {span for labels in params.labels if labels.by == (PAYEE,) for span in labels.spans}
    spans = tuple(span for span in LABEL_SPANS if span not in asked)
    return (LabelParams(by=(PAYEE,), spans=spans, take=("frauds", "fraud_rate")),) if spans else ()


def _can_be_made(asked: Mapping[str, object], scores: tuple[ScoreParams, ...], contract: Contract) -> bool:
    try:
        define(FeatureParams.model_validate({**asked, "scores": scores}), contract)
    except SettingsError:
        return False
    return True


def _without_the_impossible(last: LastParams, scores: tuple[ScoreParams, ...], contract: Contract) -> LastParams:
    """Return what of a last transaction the contract, or one of the scores, has."""
    each = [last.model_copy(update={"take": (take,)}) for take in last.take]
    return last.model_copy(
        update={"take": tuple(one.take[0] for one in each if _can_be_made({"last": (one,)}, scores, contract))}
    )


def _row(row: tuple[str, ...], contract: Contract, words: Mapping[str, str]) -> list[str]:
    said = dict.fromkeys(_renamed_all(row, words))  # a contract's column may be called like another's category
    return [name for name in said if _can_be_made({"row": (name,)}, (), contract)]


def _own_columns(row: tuple[str, ...], contract: Contract, words: Mapping[str, str]) -> list[str]:
    """Return the numbers of the contract, and the categories that `row` does not have yet."""
    there = {words.get(name, name) for name in row}
    return [c.name for c in contract.kept if c.role in ("numeric", "categorical") and c.name not in there]


def _renamed_all(names: tuple[str, ...], words: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_renamed(name, words) for name in names)


def _renamed(name: str, words: Mapping[str, str]) -> str:
    """Return a column's or a feature's name in the contract's words.

    >>> _renamed("distinct_merchant_by_card_24h", {"card": "customer", "merchant": "terminal"})
    'distinct_terminal_by_customer_24h'
    """
    head, by, tail = name.partition("_by_")
    if not by:
        return words.get(name, name)
    what = [words.get(word, word) for word in head.split("_")]
    return "_".join(what) + by + "_".join(words.get(word, word) for word in tail.split("_"))

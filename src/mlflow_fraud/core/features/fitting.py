"""The features of one data set for another: what its contract has no columns for is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mlflow_fraud.core.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.strict import Strict

P = TypeVar("P", bound=Strict)

PAYER, PAYEE, KIND = "card", "merchant", "category"


def fit_features(params: FeatureParams, contract: Contract) -> FeatureParams:
    """Return `params`, which speak of card, merchant and category, in the words of another contract.

    Its first entity stands for the card, its second for the merchant, its first categorical column for the category;
    what it has none of goes. Its own numbers and categories come in as they are.
    """
    words = _words(contract)
    said = {name: [_said(item.by, words) for item in getattr(params, name)] for name in ("windows", "last", "scores")}
    fitted = params.model_copy(
        update={
            "row": (*_row(params.row, contract, words), *_own_columns(params.row, contract, words)),
            "windows": _those_said(params.windows, said["windows"]),
            "last": tuple(
                last.model_copy(update={"take": tuple(words.get(t, t) for t in last.take if words.get(t, t))})
                for last in _those_said(params.last, said["last"])
            ),
            "scores": _those_said(params.scores, said["scores"]),
            "ratios": (),
        }
    )
    names = {feature.name for feature in define(fitted, contract)}
    ratios = tuple((_renamed(upper, words), _renamed(lower, words)) for upper, lower in params.ratios)
    return fitted.model_copy(update={"ratios": tuple(r for r in dict.fromkeys(ratios) if set(r) <= names)})


def _words(contract: Contract) -> dict[str, str]:
    """Return what card, merchant and category are called; empty where there is none."""
    entities = (*contract.entities, "", "")
    kinds = [column.name for column in contract.kept if column.role == "categorical"]
    return {PAYER: entities[0], PAYEE: entities[1], KIND: (kinds or [""])[0]}


def _said(by: tuple[str, ...], words: Mapping[str, str]) -> tuple[str, ...]:
    """Return the entities in the contract's words, or nothing when one has no word."""
    ours = tuple(words.get(name, name) for name in by)
    return ours if all(ours) else ()


def _those_said(items: tuple[P, ...], said: list[tuple[str, ...]]) -> tuple[P, ...]:
    pairs = zip(items, said, strict=True)
    return tuple(item.model_copy(update={"by": by}) for item, by in pairs if by)


def _row(row: tuple[str, ...], contract: Contract, words: Mapping[str, str]) -> list[str]:
    kept = []
    for name in (words.get(name, name) for name in row):
        try:
            define(FeatureParams(row=(name,)), contract)
        except SettingsError:
            continue
        kept.append(name)
    return kept


def _own_columns(row: tuple[str, ...], contract: Contract, words: Mapping[str, str]) -> list[str]:
    """Return the numbers of the contract, and the categories that `row` does not have yet."""
    there = {words.get(name, name) for name in row}
    return [c.name for c in contract.kept if c.role in ("numeric", "categorical") and c.name not in there]


def _renamed(feature: str, words: Mapping[str, str]) -> str:
    """Return a feature's name in the contract's words."""
    head, by, tail = feature.partition("_by_")
    return head + by + "_".join(words.get(word, word) for word in tail.split("_")) if by else feature

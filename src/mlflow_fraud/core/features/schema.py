"""The features of one model: definitions, order and category codes, with a hash that names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from pydantic import ConfigDict, Field

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import AMOUNT, Feature, FeatureParams, Labels, Last, Score, Window
from mlflow_fraud.core.strict import Strict, parse


class FeatureSchema(Strict):
    """Everything needed to compute a model's inputs again, wherever the model goes.

    `categories` lists each text column's known values; a value's code is its place in the list,
    and an unknown or missing value is missing to the model. After `silence_days` silence about a payment is a label,
    genuine; None where only what was told is one: with selective labels, and in schemas of before it could be stated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    params: FeatureParams
    contract: Contract
    categories: dict[str, tuple[str, ...]]
    label_delay_days: int = Field(default=0, ge=0)
    silence_days: int | None = Field(default=None, ge=0)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The definitions in the order of the model's columns."""
        return define(self.params, self.contract)

    @property
    def definition(self) -> dict[str, Any]:
        """How the features are made, whatever data they are made of: without the categories that a column had."""
        return {name: value for name, value in self._said().items() if name != "categories"}

    @property
    def label_delay(self) -> timedelta:
        """The time from a transaction to its label, where a label has no time of its own."""
        return timedelta(days=self.label_delay_days)

    @property
    def silence(self) -> timedelta | None:
        """After how long silence is a label; see `core.labels.silence_speaks`."""
        return None if self.silence_days is None else timedelta(days=self.silence_days)

    @cached_property
    def whole(self) -> frozenset[str]:
        """What is a whole number as it is: amounts, integer columns, and scores, which are whole thousandths."""
        integers = (c.name for c in self.contract.kept if c.role == "numeric" and c.type == "integer")
        return frozenset({AMOUNT, *integers, *self.scores})

    @cached_property
    def scores(self) -> frozenset[str]:
        """The names of the scores."""
        return frozenset(feature.name for feature in self.features if isinstance(feature, Score))

    @cached_property
    def label_windows(self) -> tuple[Labels, ...]:
        """The features that labels go into."""
        return tuple(feature for feature in self.features if isinstance(feature, Labels))

    @cached_property
    def in_thousandths(self) -> frozenset[str]:
        """The features that are computed in thousandths: scores, and sums, means and extremes of what is not whole."""
        return frozenset(feature.name for feature in self.features if self._is_in_thousandths(feature))

    def _is_in_thousandths(self, feature: Feature) -> bool:
        match feature:
            case Score():
                return True
            case Window(of=of, statistic=statistic):
                return statistic not in ("count", "distinct") and (of in self.scores or of not in self.whole)
            case Last(take=take):
                return take in self.scores
            case _:
                return False

    @property
    def large_amount(self) -> int:
        """From which amount on a transaction is a large one, in minor units."""
        return round(self.params.large_amount * float(10**self.contract.currency_decimals))

    @property
    def names(self) -> list[str]:
        """The model's column names, in order."""
        return [feature.name for feature in self.features]

    @cached_property
    def sha256(self) -> str:
        """The hash of the definitions, their order, their codes and the contract they stand on.

        Two schemas with the same hash give the same numbers for the same history.
        """
        return sha256_of({"names": self.names, **self._said()})

    def to_json(self) -> str:
        """Return the schema as the text of `schema.json`: the same schema, the same bytes."""
        document = {"sha256": self.sha256, "names": self.names, **self._said()}
        return json.dumps(document, indent=1) + "\n"

    def _said(self) -> dict[str, Any]:
        """Return what there is to say; nothing of silence where that is no label: older documents keep their hash."""
        return self.model_dump(mode="json", exclude={"silence_days"} if self.silence_days is None else None)


def sha256_of(document: Mapping[str, Any]) -> str:
    """Return the hash of what a schema's document says, but for the hash that it states."""
    said = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_schema(document: Mapping[str, Any], *, where: str) -> FeatureSchema:
    """Return the schema that `to_json` wrote."""
    rest = {key: value for key, value in document.items() if key not in ("sha256", "names")}
    return parse(FeatureSchema, rest, where=where)

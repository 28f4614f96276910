"""The reasons that a release can give: each code with its words and features, as a file that ships with the model."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.explaining.codes import coded
from mlflow_fraud.core.explaining.words import Words
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.strict import Strict

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Code(Strict):
    """A reason: its code, what a person is told in English and French, and the features whose contributions it adds."""

    code: Text
    en: Text
    fr: Text
    features: tuple[str, ...] = Field(min_length=1)


class Vocabulary(Strict):
    """The codes of one set of features, in the order of their first ones; each feature is of one code."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    codes: tuple[Code, ...]

    @cached_property
    def place_of(self) -> dict[str, int]:
        """The place of each feature's code."""
        return {name: place for place, code in enumerate(self.codes) for name in code.features}

    @model_validator(mode="after")
    def _has_each_once(self) -> Self:
        codes, names = [each.code for each in self.codes], [name for each in self.codes for name in each.features]
        if len(set(codes)) != len(codes) or len(set(names)) != len(names):
            raise ValueError("a code or a feature is there twice")
        return self


def vocabulary_of(schema: FeatureSchema) -> Vocabulary:
    """Return the reasons of a set of features, by the rule of `codes`."""
    features = dict(zip(schema.names, schema.features, strict=True))
    words: dict[str, Words] = {}
    members: dict[str, list[str]] = {}
    for name, feature in features.items():
        code, told = coded(feature, features)
        words.setdefault(code, told)
        members.setdefault(code, []).append(name)
    return Vocabulary(
        codes=tuple(
            Code(code=code, en=words[code].en, fr=words[code].fr, features=tuple(names))
            for code, names in members.items()
        )
    )


def to_json(vocabulary: Vocabulary) -> bytes:
    """Return the bytes of `reasons.json`: the same vocabulary, the same bytes."""
    return (json.dumps(vocabulary.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def read_vocabulary(content: bytes, names: list[str], *, version: str) -> Vocabulary:
    """Return the reasons that a release carries; raise `ReleaseRejected` unless each of its features has one code."""
    try:
        found = Vocabulary.model_validate_json(content)
    except ValidationError as error:
        raise ReleaseRejected(f"release {version}: its reasons cannot be read ({error}); promote again") from None
    odd = sorted(found.place_of.keys() ^ set(names))
    if odd:
        raise ReleaseRejected(
            f"release {version}: expected a reason for each of its {len(names)} features and for nothing else, found "
            f"otherwise for {', '.join(odd[:5])}; promote again"
        )
    return found

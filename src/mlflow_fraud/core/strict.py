"""Typed, frozen values from loose mappings; a misspelt key is refused with the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mlflow_fraud.core.errors import SettingsError, nearest

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse(model: type[M], values: Mapping[str, Any], *, where: str) -> M:
    """Return `values` as a `model`; raise `SettingsError` that names every mistake and `where` it is.

    >>> class Tree(Strict):
    ...     max_depth: int = 6
    >>> parse(Tree, {"max_dept": 4}, where="params.yaml")
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: params.yaml: max_dept is not known, did you mean max_depth?
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        mistakes = [_sentence(model, mistake) for mistake in error.errors()]
        raise SettingsError(f"{where}: " + "; ".join(mistakes)) from None


def _sentence(model: type[BaseModel], mistake: Mapping[str, Any]) -> str:
    loc: tuple[str | int, ...] = mistake["loc"]
    path = ".".join(str(part) for part in loc) or "the whole"
    if mistake["type"] == "extra_forbidden":
        return f"{path} is not known, {nearest(str(loc[-1]), _names_at(model, loc[:-1]))}"
    if mistake["type"] == "missing":
        return f"{path} is missing"
    found = "" if isinstance(mistake["input"], Mapping | list) else f", found {mistake['input']!r}"
    return f"{path}: {mistake['msg'].removeprefix('Value error, ')}{found}"


def _names_at(model: type[BaseModel], loc: Iterable[str | int]) -> set[str]:
    """Return the keys that may stand at `loc` inside `model`."""
    here: set[type[BaseModel]] = {model}
    for part in loc:
        inner = [
            field.annotation
            for each in here
            for name, field in each.model_fields.items()
            if name == part or part in _tags(field.annotation)
        ]
        here = {found for annotation in inner for found in _models_in(annotation)} or here
    return {name for each in here for name in each.model_fields}


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for inner in get_args(annotation) for found in _models_in(inner)}


def _tags(annotation: Any) -> set[str]:
    """Return the tags that pydantic puts into a location for the members of a union."""
    return {model.__name__ for model in _models_in(annotation)}

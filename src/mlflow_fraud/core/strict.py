"""Typed, frozen values from loose mappings; a misspelt key or value is refused with the nearest right one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mlflow_fraud.core.errors import SettingsError, nearest

M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
"""The keys and numbers that lead to a value in a document."""

_SENTENCES = {
    "missing": "is missing",
    "model_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "string_type": "expected text; put it in quotes",
    "date_parsing": "expected a day like 2020-01-31",
    "date_from_datetime_parsing": "expected a day like 2020-01-31",
    "finite_number": "expected a finite number",
}


class Strict(BaseModel):
    """A frozen value that refuses keys it does not know, and numbers that are none.

    No comparison with NaN is true and none with infinity is false, so a limit that is one of them guards nothing.

    >>> class Limit(Strict):
    ...     at_most: float
    >>> parse(Limit, {"at_most": float("nan")}, where="params.yaml")
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: params.yaml: at_most: expected a finite number, found nan
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse(
    model: type[M],
    values: Mapping[str, Any],
    *,
    where: str,
    lines: Mapping[Place, int] | None = None,
    stands: Callable[[Place], Place] = lambda place: place,
) -> M:
    """Return `values` as a `model`; raise `SettingsError` that names every mistake and `where` it is.

    `lines` has the line of each value, `stands` says where a value of the model stands in the document.

    >>> class Tree(Strict):
    ...     max_depth: int = 6
    >>> parse(Tree, {"max_dept": 4}, where="params.yaml", lines={("max_dept",): 7})
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: params.yaml, line 7: max_dept is not known, did you mean max_depth?
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        places = {_sentence(model, each, stands): stands(each["loc"]) for each in error.errors()}
    said = [(line_of(place, lines or {}), sentence) for sentence, place in places.items()]
    said.sort(key=lambda each: each[0] or 0)
    joined = "; ".join(f"line {line}: {sentence}" if line else sentence for line, sentence in said)
    raise SettingsError(f"{where}, {joined}" if said[0][0] else f"{where}: {joined}")


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """Return the line of a value, or else of what it would stand in; None for the whole.

    >>> line_of(("csv", "decimal"), {("csv",): 3})
    3
    """
    known = (lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines)
    return next(known, None)


def _sentence(model: type[BaseModel], mistake: Mapping[str, Any], stands: Callable[[Place], Place]) -> str:
    loc: Place = mistake["loc"]
    path = ".".join(str(part) for part in stands(loc))
    kind, given = mistake["type"], mistake["input"]
    if kind == "extra_forbidden":
        return f"{path} is not known, {nearest(str(loc[-1]), _names_at(model, loc[:-1]))}"
    found = "" if isinstance(given, Mapping | list | tuple) else f", found {given!r}"
    if kind == "literal_error":
        right = re.findall(r"'([^']*)'", mistake["ctx"]["expected"])
        return f"{path}: {found.removeprefix(', ') or 'expected one word'}, {nearest(str(given), filter(None, right))}"
    if kind == "missing":
        return f"{path} is missing"
    told = _SENTENCES.get(kind, mistake["msg"].removeprefix("Value error, "))
    return f"{path}: {told}{found}" if path else f"{told}{found}"


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

"""A YAML text as values, with the line on which each of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.strict import Place


class Document(NamedTuple):
    """The values of a YAML text, and the line of each key and each item."""

    values: Mapping[str, Any]
    lines: Mapping[Place, int]


def read_document(text: str, *, where: str) -> Document:
    """Return the keys and values of a YAML text; raise `SettingsError` where it is none, or has a key twice.

    Keys are text as they stand, so a column may be called `no` or `2020`.

    >>> read_document("name: cards\\ncsv:\\n  separator: ;\\n", where="x.yaml").lines[("csv", "separator")]
    3
    >>> read_document("name: [cards\\n", where="x.yaml")
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: x.yaml, line 2: is not YAML: expected ',' or ']', but got '<stream end>'
    """
    lines: dict[Place, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        values = _value(root, (), loader, lines) if root is not None else None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(f"{where}{line}: is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{where} is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SettingsError(f"{where}: a value is inside itself; write it out") from None
    if not isinstance(values, Mapping):
        raise SettingsError(f"{where}: expected keys and values, found {'nothing' if values is None else repr(values)}")
    twice = [f"line {line}: {_said(place)} is there twice" for place, line in _repeated(root, ())]
    if twice:
        raise SettingsError(f"{where}, {'; '.join(twice)}; keep one of them")
    return Document(values, lines)


def _value(node: yaml.Node, place: Place, loader: yaml.SafeLoader, lines: dict[Place, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        found = {}
        for key, inner in _merged(node, loader):
            lines[(*place, key.value)] = key.start_mark.line + 1
            found[key.value] = _value(inner, (*place, key.value), loader, lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            lines[(*place, number)] = item.start_mark.line + 1
        return [_value(item, (*place, number), loader, lines) for number, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except ValueError as error:  # a day that no calendar has
        raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None


def _merged(node: yaml.MappingNode, loader: yaml.SafeLoader) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Give the keys of a mapping, those it takes over by `<<` first."""
    whole = yaml.MappingNode(node.tag, list(node.value), node.start_mark, node.end_mark)
    loader.flatten_mapping(whole)
    for key, value in whole.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be a word or a number", problem_mark=key.start_mark)
        yield key, value


def _repeated(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in node.value:
            if key.value in seen:
                yield (*place, key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from _repeated(inner, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(item, (*place, number))


def _said(place: Place) -> str:
    return ".".join(str(part) for part in place)

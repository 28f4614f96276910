"""An ONNX graph before a session is made of it: operators that we write, nothing outside the file, bounded sizes.

The numbers of the fields are those of ONNX's `onnx.proto`. A field that is not named here is refused: functions,
graphs within graphs and training are such, and data that lies in another file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from mlflow_fraud.adapters.model_formats.graph_settings import Settings, settings_of
from mlflow_fraud.adapters.model_formats.graph_trees import TREES, check_trees
from mlflow_fraud.adapters.model_formats.protobuf import BYTES, fields, text, unpacked
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.release.release import LARGEST_FILE

NODES = 20_000
"""Operators, and as many numbers beside them: a linear model has 8 and 3 a feature."""

WIDEST = 2**25
"""Numbers beside an operator, at most."""

MADE = 2**20
"""Numbers that all operators together may make of a row, at most."""

OPERATORS = {
    "": {"Add", "ArgMax", "Cast", "Concat", "Less", "Mul", "Reshape"},
    "ai.onnx.ml": {"ArrayFeatureExtractor", "Imputer", "LinearClassifier", "OneHotEncoder", *TREES},
}
"""What `model_export` writes, by domain."""

_MODEL = {1, 2, 3, 4, 5, 6, 7, 8}
_GRAPH = {1, 2, 5, 10, 11, 12, 13}
_NODE = {1, 2, 3, 4, 5, 6, 7}
_TENSOR = {1: "dims", 2: "data_type", 4: "float_data", 5: "int32_data", 7: "int64_data", 8: "name", 9: "raw_data"}
_OUTSIDE = {13, 14}


@dataclass(frozen=True)
class Node:
    """An operator, what it takes and gives, and its settings."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Settings


def check_graph(content: bytes) -> None:
    """Raise `ReleaseRejected` unless the model is one that we could have written."""
    _require(len(content) <= LARGEST_FILE, f"it has {len(content):,} bytes, {LARGEST_FILE:,} are allowed")
    try:
        _check(content)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise ReleaseRejected(f"the graph is not one that we load: {error!r}") from None


def _check(content: bytes) -> None:
    model = _split(content, _MODEL, "the model")
    graph = _split(_one(model, 7, "graph"), _GRAPH, "the graph")
    for part in (1, 5):
        _require(len(graph.get(part, ())) <= NODES, f"it has more than {NODES:,} operators, or numbers beside them")
    widths = dict(map(_initialiser, graph.get(5, ())))
    features = dict(map(_input, graph.get(11, ())))
    _require(len(features) == 1, f"it has {len(features)} inputs; expected one, the rows")
    _require(len(graph.get(12, ())) == 1, f"it has {len(graph.get(12, ()))} outputs; expected one")
    (width,), made = features.values(), 0
    widths |= features
    for node in map(_node, graph.get(1, ())):
        _check_node(node, width, widths)
        for name in node.outputs:
            _require(name not in widths, f"{name!r} is made twice")
            widths[name] = _width(node, widths)
            made += widths[name]
            _require(made <= MADE, f"it would make more than {MADE:,} numbers of a row")


def _check_node(node: Node, features: int, widths: Mapping[str, int]) -> None:
    unknown = [name for name in node.inputs if name not in widths]
    _require(not unknown, f"{node.operator} takes {unknown[:3]}, which nothing before it makes")
    if node.operator in TREES:
        check_trees(node.operator, node.settings, features)
    if node.operator == "LinearClassifier":
        classes, coefficients = len(node.settings["intercepts"]), len(node.settings["coefficients"])
        _require(
            classes > 0 and coefficients % classes == 0, f"{coefficients} coefficients are not for {classes} classes"
        )


def _width(node: Node, widths: Mapping[str, int]) -> int:
    """Return how many numbers of a row come out, at most."""
    into = [widths[name] for name in node.inputs]
    if node.operator == "Concat":
        _require(node.settings.get("axis") == 1, "it puts rows together, not what is made of them")
        out = sum(into)
    elif node.operator == "ArrayFeatureExtractor":
        out = into[-1]
    elif node.operator == "OneHotEncoder":
        out = prod(into) * max(len(node.settings.get("cats_int64s", ())), 1)
    elif node.operator in {"Less", "Mul", "Add"}:
        out = prod(into)
    else:
        out = max(into, default=0)
    _require(out <= WIDEST, f"{node.operator} would make up to {out:,} numbers of a row, {WIDEST:,} are allowed")
    return out


def _node(message: bytes) -> Node:
    parts = _split(message, _NODE, "an operator")
    domain, name = text(_one(parts, 7, "domain", b"")), text(_one(parts, 4, "operator"))
    _require(name in OPERATORS.get(domain, ()), f"{domain or 'ai.onnx'} {name} is no operator of our models")
    told = settings_of(parts.get(5, ()))
    return Node(name, tuple(map(text, parts.get(1, ()))), tuple(map(text, parts.get(2, ()))), told)


def _initialiser(message: bytes) -> tuple[str, int]:
    """Return the name of the numbers beside an operator, and how many they are."""
    name, sizes = "", list[int]()
    for field in fields(message):
        _require(field.number not in _OUTSIDE, "it takes data from another file")
        _require(field.number in _TENSOR, "it holds numbers in a way that our models do not")
        if field.number == 1:
            sizes += unpacked(field.content).tolist() if field.kind == BYTES else [field.value]
        if field.number == 8:
            name = text(field.content)
    _require(all(0 <= size <= WIDEST for size in sizes), f"{name!r} has the shape {sizes[:4]}")
    count = prod(sizes)
    _require(count <= WIDEST, f"{name!r} has the shape {sizes[:4]}")
    return name, max(count, 1)


def _input(message: bytes) -> tuple[str, int]:
    """Return the name of the rows and how many features they have."""
    value = _split(message, {1, 2, 3}, "an input")
    tensor = _split(_one(_split(_one(value, 2, "type"), {1}, "an input"), 1, "tensor"), {1, 2}, "an input")
    sizes = _split(_one(tensor, 2, "shape"), {1}, "an input").get(1, [])
    _require(len(sizes) == 2, "its rows are no table")
    widths = [field.value for field in fields(sizes[-1]) if field.number == 1]
    _require(len(widths) == 1 and 0 < widths[0] < 2**20, "its rows have no number of features")
    return text(_one(value, 1, "name")), widths[0]


def _split(message: bytes, known: set[int], what: str) -> dict[int, list[bytes]]:
    """Return the texts and messages of a message by field; the whole numbers of a model say nothing about sizes."""
    found: dict[int, list[bytes]] = {}
    for field in fields(message):
        _require(field.number in known, f"{what} has a field {field.number}, which our models do not have")
        if field.kind == BYTES:
            found.setdefault(field.number, []).append(field.content)
    return found


def _one(parts: Mapping[int, list[bytes]], number: int, what: str, otherwise: bytes | None = None) -> bytes:
    """Return the field that there is once; one that is there twice is put together by some readers."""
    found = parts.get(number, [otherwise] if otherwise is not None else [])
    _require(len(found) == 1, f"its {what} is there {len(found)} times")
    return found[0]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReleaseRejected(f"the graph is not one that we load: {otherwise}")

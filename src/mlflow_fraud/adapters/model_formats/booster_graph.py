"""Boosted trees as an ONNX graph: one operator, which gives the log odds of each row.

The bytes are written here field by field (the numbers are those of ONNX's `onnx.proto`), so that one booster has one
file; in the order and form in which ONNX's own library writes them, so that what it keeps is the same file. A missing
value goes where the booster sends it, and is compared as there: in single precision, less than.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mlflow_fraud.adapters.model_formats.booster_file import Boosted
from mlflow_fraud.adapters.model_formats.protobuf import each_single, each_whole, nested, whole

LOG_ODDS = "log_odds"
"""The output's name of an ONNX model that says log odds; any other says probabilities."""

ROWS = "rows"
GRAPH = "boosted trees"

IR_VERSION = 8
OPERATORS = {"": 18, "ai.onnx.ml": 3}
"""The oldest versions that say all that is said here; by name, as a file must not depend on any other order."""

FLOAT = 1
_INT, _STRING, _FLOATS, _INTS, _STRINGS = 2, 3, 6, 7, 8


def booster_graph(boosted: Boosted) -> bytes:
    """Return the bytes of the graph, the same for the same trees."""
    node = [
        nested(1, ROWS),
        nested(2, LOG_ODDS),
        nested(4, "TreeEnsembleRegressor"),
        *(nested(5, attribute) for attribute in _attributes(boosted)),
        nested(7, "ai.onnx.ml"),
    ]
    graph = [
        nested(1, b"".join(node)),
        nested(2, GRAPH),
        nested(11, _table(ROWS, boosted.features)),
        nested(12, _table(LOG_ODDS, 1)),
    ]
    operators = [
        nested(8, (nested(1, domain) if domain else b"") + whole(2, number))
        for domain, number in sorted(OPERATORS.items())
    ]
    return b"".join([whole(1, IR_VERSION), nested(7, b"".join(graph)), *operators])


def _attributes(boosted: Boosted) -> list[bytes]:
    trees = boosted.trees
    sizes = [len(tree.left) for tree in trees]
    leaves = np.concatenate([tree.leaves for tree in trees])
    values = np.concatenate([tree.values for tree in trees])
    owners, numbers = np.repeat(np.arange(len(trees)), sizes), np.concatenate([np.arange(size) for size in sizes])
    modes = nested(9, "BRANCH_LT"), nested(9, "LEAF")
    return [
        _text("aggregate_function", "SUM"),
        _floats("base_values", np.array([boosted.start])),
        _number("n_targets", 1),
        _ints("nodes_falsenodeids", np.maximum(np.concatenate([tree.right for tree in trees]), 0)),
        _ints("nodes_featureids", np.concatenate([tree.features for tree in trees])),
        _ints("nodes_missing_value_tracks_true", np.concatenate([tree.missing_left for tree in trees])),
        _attribute("nodes_modes", _STRINGS, b"".join(modes[int(leaf)] for leaf in leaves)),
        _ints("nodes_nodeids", numbers),
        _ints("nodes_treeids", owners),
        _ints("nodes_truenodeids", np.maximum(np.concatenate([tree.left for tree in trees]), 0)),
        _floats("nodes_values", np.where(leaves, 0, values)),
        _text("post_transform", "NONE"),
        _ints("target_ids", np.zeros(int(leaves.sum()))),
        _ints("target_nodeids", numbers[leaves]),
        _ints("target_treeids", owners[leaves]),
        _floats("target_weights", values[leaves]),
    ]


def _ints(name: str, values: npt.ArrayLike) -> bytes:
    return _attribute(name, _INTS, each_whole(8, values))


def _floats(name: str, values: npt.ArrayLike) -> bytes:
    return _attribute(name, _FLOATS, each_single(7, values))


def _number(name: str, value: int) -> bytes:
    return _attribute(name, _INT, whole(3, value))


def _text(name: str, value: str) -> bytes:
    return _attribute(name, _STRING, nested(4, value))


def _attribute(name: str, kind: int, content: bytes) -> bytes:
    return nested(1, name) + content + whole(20, kind)


def _table(name: str, columns: int) -> bytes:
    """Return the description of a table of single-precision numbers with any number of rows."""
    shape = nested(1, b"") + nested(1, whole(1, columns))
    tensor = whole(1, FLOAT) + nested(2, shape)
    return nested(1, name) + nested(2, nested(1, tensor))

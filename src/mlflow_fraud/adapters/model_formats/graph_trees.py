"""The trees of an ONNX graph: found sound before the library follows a child's number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlflow_fraud.adapters.model_formats.trees import Ints, Tree, parents_of
from mlflow_fraud.core.errors import ReleaseRejected

TREES = {"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"}
"""The operators that are trees, and what their leaves' settings are called after."""

_MODES = {b"BRANCH_LT", b"BRANCH_LEQ", b"LEAF"}
_NODES = "featureids truenodeids falsenodeids nodeids treeids values modes missing_value_tracks_true".split()


def check_trees(operator: str, settings: Mapping[str, Any], features: int) -> None:
    """Raise `ReleaseRejected` unless the trees are whole, for rows of so many features, and of bounded depth.

    Trees and their nodes have to come in the order of their numbers, as those do that we write.
    """
    nodes = {name: settings.get(f"nodes_{name}", ()) for name in _NODES}
    count = len(nodes["modes"])
    if not count or any(len(values) != count for values in nodes.values()):
        _refuse(f"{operator} has lists of {sorted({len(values) for values in nodes.values()})} nodes")
    modes = nodes["modes"]
    if not set(modes) <= _MODES:
        _refuse(f"{operator} has nodes of other kinds than {sorted(_MODES)}")
    if not np.isfinite(nodes["values"]).all():
        _refuse(f"{operator} has a threshold that is not finite")
    leaves = np.array([mode == b"LEAF" for mode in modes])
    starts = _starts(operator, nodes["treeids"], nodes["nodeids"])
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], count], strict=True)):
        part, leaf = slice(start, end), leaves[start:end]
        tree = Tree(
            left=np.where(leaf, -1, np.maximum(nodes["truenodeids"][part], 0)),
            right=np.where(leaf, -1, np.maximum(nodes["falsenodeids"][part], 0)),
            features=nodes["featureids"][part],
            values=nodes["values"][part],
            missing_left=nodes["missing_value_tracks_true"][part],
        )
        parents_of(f"tree {number}", tree, features)
    _check_leaves(operator, settings, leaves, starts)


def _starts(operator: str, trees: Ints, numbers: Ints) -> list[int]:
    """Return where each tree begins."""
    begins = np.flatnonzero(numbers == 0)
    owners = np.cumsum(numbers == 0) - 1
    if numbers[0] != 0 or (owners != trees).any() or (np.arange(len(numbers)) - begins[owners] != numbers).any():
        _refuse(f"{operator} has trees whose nodes are not in order")
    return [int(begin) for begin in begins]


def _check_leaves(operator: str, settings: Mapping[str, Any], leaves: Any, starts: list[int]) -> None:
    kind = TREES[operator]
    numbers, trees, ids, weights = (
        settings.get(f"{kind}_{name}", ()) for name in ("nodeids", "treeids", "ids", "weights")
    )
    if not len(numbers) == len(trees) == len(ids) == len(weights) > 0:
        _refuse(f"{operator} has leaves without a number, or numbers without a leaf")
    outputs = int(settings["n_targets"][0]) if kind == "target" else len(settings["classlabels_int64s"])
    if not (0 < outputs <= 2 and ((ids >= 0) & (ids < outputs)).all()):
        _refuse(f"{operator} has leaves of more than two outputs")
    if not ((trees >= 0) & (trees < len(starts)) & (numbers >= 0) & (numbers < len(leaves))).all():
        _refuse(f"{operator} has leaves out of range")
    at = np.array(starts)[trees] + numbers
    ends = np.array([*starts[1:], len(leaves)])[trees]
    if not ((at < ends).all() and leaves[at].all()):
        _refuse(f"{operator} has leaves out of range")
    if not (np.isfinite(weights).all() and np.isfinite(settings.get("base_values", np.zeros(1))).all()):
        _refuse(f"{operator} has a leaf that is not finite")


def _refuse(reason: str) -> None:
    raise ReleaseRejected(f"the trees are not sound: {reason}")

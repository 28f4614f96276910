"""Decision trees as numbers, and what must hold before anything follows a child's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.errors import ReleaseRejected

DEEPEST = 128
"""Splits on the way to a leaf: what walks a tree by calling itself needs an end."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tree:
    """One tree, node by node: the root is first, children come after their parent, a leaf has the child -1.

    `values` is what a row's feature is less than to go left, and what a leaf adds to the log odds.
    """

    left: Ints
    right: Ints
    features: Ints
    values: Floats
    missing_left: Ints

    @property
    def leaves(self) -> npt.NDArray[np.bool_]:
        """Which nodes are leaves."""
        return self.left < 0


def parents_of(name: str, tree: Tree, features: int) -> Ints:
    """Return each node's parent, that of the root is 0.

    Raises `ReleaseRejected` unless each node but the root has one parent, which comes before it, each feature is one
    of so many, and no way to a leaf is longer than `DEEPEST`.
    """
    nodes, splits = len(tree.left), ~tree.leaves
    numbers = np.arange(nodes)
    for children in (tree.left, tree.right):
        _require(bool(((children >= 0) == splits).all()), f"{name} has a node with one child")
        inside = (children[splits] > numbers[splits]) & (children[splits] < nodes)
        _require(bool(inside.all()), f"{name} has a child that does not come after its parent, or is not there")
    children = np.concatenate([tree.left[splits], tree.right[splits]])
    _require(len(np.unique(children)) == len(children) == nodes - 1, f"{name} has a node with two parents, or none")
    _require(bool(((tree.features >= 0) & (tree.features < features)).all()), f"{name} asks for a feature out of range")
    parents = np.zeros(nodes, np.int64)
    parents[children] = np.concatenate([numbers[splits], numbers[splits]])
    _require_shallow(name, parents)
    return parents


def _require_shallow(name: str, parents: Ints) -> None:
    above = parents
    for _ in range(DEEPEST):
        if not above.any():
            return
        above = parents[above]
    _require(not above.any(), f"{name} is deeper than {DEEPEST}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReleaseRejected(f"the trees are not sound: {otherwise}")

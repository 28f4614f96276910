"""XGBoost's own model file, read without the library: what its loader takes on trust is checked here first.

The library's loader follows a child's number wherever it points: one that points at itself never ends, one out of
range ends the process. So no byte of a file goes to it that did not pass `read_booster`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlflow_fraud.adapters.model_formats.trees import Floats, Ints, Tree, parents_of
from mlflow_fraud.adapters.model_formats.ubjson import read_ubjson
from mlflow_fraud.core.errors import ReleaseRejected

if TYPE_CHECKING:
    import xgboost

BOOSTER_FILE = "booster.ubj"
"""The name in a release of the file for reasons and for training on; another file answers."""

NO_PARENT = 2**31 - 1


@dataclass(frozen=True)
class Boosted:
    """A booster for a probability: the log odds of a row are `start` and what one leaf of each tree adds."""

    features: int
    start: float
    trees: tuple[Tree, ...]


def read_booster(content: bytes) -> Boosted:
    """Return the trees of a booster's file (UBJ); raise `ReleaseRejected` unless it is whole and sound.

    Sound is: children after parents, every number in range, leaves finite, no way to a leaf too long.
    """
    try:
        document = read_ubjson(content)
        return _boosted(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReleaseRejected(f"the booster's document is not one of binary trees: {error!r}") from None


def load_booster(content: bytes) -> xgboost.Booster:
    """Return the library's own booster, once its file was found sound."""
    import xgboost

    read_booster(content)
    try:
        return xgboost.Booster(model_file=bytearray(content))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ReleaseRejected(f"the booster is not one that XGBoost loads: {str(error).strip()[:200]}") from None


def _boosted(document: Mapping[str, Any]) -> Boosted:
    _require_names("document", document, {"learner", "version"})
    learner = document["learner"]
    _require_names("learner", learner, _LEARNER)
    told, gradient = learner["learner_model_param"], learner["gradient_booster"]
    _require_names("learner_model_param", told, _LEARNER_PARAM)
    _require(learner["objective"]["name"] == "binary:logistic", "its objective is not binary:logistic")
    _require_names("objective", learner["objective"], {"name", "reg_loss_param"})
    _require_names("reg_loss_param", learner["objective"]["reg_loss_param"], {"scale_pos_weight"})
    float(learner["objective"]["reg_loss_param"]["scale_pos_weight"])
    _require(gradient["name"] == "gbtree", "it is not made of plain trees")
    _require_names("gradient_booster", gradient, {"model", "name"})
    _require((int(told["num_class"]), int(told["num_target"])) == (0, 1), "it has several outputs")
    _require(told["boost_from_average"] in {"0", "1"}, "boost_from_average is neither 0 nor 1")
    features = int(told["num_feature"])
    _require(0 < features < 2**20, f"it has {features} features")
    _require_texts(learner["attributes"].values(), "attributes")
    for name in ("feature_names", "feature_types"):
        _require_texts(learner[name], name)
        _require(len(learner[name]) in {0, features}, f"{name} are {len(learner[name])} of {features}")
    _require(set(learner["feature_types"]) <= {"float", "int", "q", "i"}, "a feature is not a number")
    return Boosted(features, _log_odds(told["base_score"]), _trees(gradient["model"], features))


def _log_odds(stated: str) -> float:
    """Return the start's log odds as the library makes them, in single precision, of its probability."""
    probability = np.float32(stated.strip("[]"))
    _require(bool(0 < probability < 1), f"its base score is {stated}")
    return 0.0 - float(np.log(np.float32(1) / probability - np.float32(1)))


def _trees(model: Mapping[str, Any], features: int) -> tuple[Tree, ...]:
    _require_names("model", model, _MODEL)
    told, trees = model["gbtree_model_param"], model["trees"]
    _require_names("gbtree_model_param", told, {"num_parallel_tree", "num_trees"})
    _require_names("cats", model["cats"], {"enc", "feature_segments", "sorted_idx"})
    _require(not any(len(part) for part in model["cats"].values()), "it has categories")
    _require(isinstance(trees, list) and 0 < len(trees) == int(told["num_trees"]), "its trees are not as many as told")
    _require(0 < int(told["num_parallel_tree"]) <= len(trees), "its rounds are not its trees")
    rounds, groups = _whole(model["iteration_indptr"], None), _whole(model["tree_info"], len(trees))
    _require(not groups.any(), "its trees are of several classes")
    _require(rounds.size > 1 and rounds[0] == 0 and rounds[-1] == len(trees), "its rounds are not its trees")
    _require(bool((np.diff(rounds) >= 0).all()), "its rounds are not in order")
    return tuple(_tree(number, tree, features) for number, tree in enumerate(trees))


def _tree(number: int, tree: Mapping[str, Any], features: int) -> Tree:
    _require_names(f"tree {number}", tree, _TREE)
    told = tree["tree_param"]
    _require_names(
        f"tree_param of tree {number}", told, {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}
    )
    nodes = int(told["num_nodes"])
    fitting = (int(told["num_deleted"]), int(told["num_feature"]), int(told["size_leaf_vector"]), tree["id"])
    _require(fitting == (0, features, 1, number), f"tree {number} is not as the others")
    _require(not any(len(tree[name]) for name in _CATEGORIES), f"tree {number} has categories")
    for name in ("base_weights", "loss_changes", "sum_hessian"):  # for reasons, not for scores
        _single(tree[name], nodes, f"{name} of tree {number}")
    _require(not _whole(tree["split_type"], nodes).any(), f"tree {number} has categories")
    found = Tree(
        left=_whole(tree["left_children"], nodes),
        right=_whole(tree["right_children"], nodes),
        features=_whole(tree["split_indices"], nodes),
        values=_single(tree["split_conditions"], nodes, f"thresholds or leaves of tree {number}"),
        missing_left=_whole(tree["default_left"], nodes),
    )
    _require(bool(np.isin(found.missing_left, (0, 1)).all()), f"tree {number} sends a missing value neither way")
    told_parents = np.where(np.arange(nodes) == 0, NO_PARENT, parents_of(f"tree {number}", found, features))
    _require(bool((_whole(tree["parents"], nodes) == told_parents).all()), f"tree {number} says other parents")
    _require(bool((np.minimum(found.left, found.right) >= -1).all()), f"tree {number} has a leaf that is none")
    beside = found.right[~found.leaves] == found.left[~found.leaves] + 1  # the library adds one to go right
    _require(bool(beside.all()), f"tree {number} has a right child that is not beside the left one")
    return found


def _whole(values: Any, length: int | None) -> Ints:
    found = np.asarray(values)
    _require(found.ndim == 1 and (found.dtype.kind in "iu" or not found.size), "what should be whole numbers is not")
    _require(length in {None, len(found)}, f"a list has {len(found)} entries, its tree {length} nodes")
    return found.astype(np.int64)


def _single(values: Any, length: int, name: str) -> Floats:
    found = np.asarray(values)
    _require(found.dtype == np.float32 and found.shape == (length,), f"{name} are not {length} numbers")
    _require(bool(np.isfinite(found).all()), f"{name} are not finite")
    return found


def _require_texts(values: Any, name: str) -> None:
    _require(all(isinstance(value, str) for value in values), f"{name} are not words")


def _require_names(where: str, found: Mapping[str, Any], expected: set[str]) -> None:
    odd = sorted(found.keys() ^ expected)
    _require(not odd, f"{where} has not the entries that it should: {', '.join(odd[:5])}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReleaseRejected(f"the booster is not sound: {otherwise}")


_LEARNER = set("attributes feature_names feature_types gradient_booster learner_model_param objective".split())
_LEARNER_PARAM = set("base_score boost_from_average num_class num_feature num_target".split())
_MODEL = set("cats gbtree_model_param iteration_indptr tree_info trees".split())
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE = set(
    "base_weights default_left id left_children loss_changes parents right_children split_conditions split_indices "
    "split_type sum_hessian tree_param".split()
) | set(_CATEGORIES)

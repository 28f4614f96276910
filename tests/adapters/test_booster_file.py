"""A booster's own file is found sound before the library sees it, and its graph is the booster."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_log_odds, load_scorer
from mlflow_fraud.adapters.model_formats.booster_file import load_booster, read_booster
from mlflow_fraud.adapters.model_formats.booster_graph import booster_graph
from mlflow_fraud.core.errors import ReleaseRejected

FEATURES = ("amount", "count of card", "f7", 'odd é "', "hour", "age")
PLACES = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.float32(1e-45), np.finfo(np.float32).max, np.finfo(np.float32).min]


@cache
def grown(seed: int, rounds: int = 30, depth: int = 6, start: float = 0.01) -> xgboost.Booster:
    rng = np.random.default_rng(seed)
    x = rng.choice(np.round(rng.normal(size=40), 2), size=(1500, len(FEATURES))).astype(np.float32)
    y = (x.sum(axis=1) + rng.normal(size=len(x)) > 2).astype(int)
    x[rng.random(x.shape) < 0.15] = np.nan
    told = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.4, "base_score": start, "seed": seed}
    return xgboost.train(told, xgboost.QuantileDMatrix(x, y, feature_names=list(FEATURES)), rounds)


def hard_rows(booster: xgboost.Booster, seed: int, count: int = 400) -> np.ndarray:
    """Return rows of the very numbers that the booster splits at, their neighbours, and those no number is."""
    trees = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    borders = np.array([value for tree in trees for value in tree["split_conditions"]], np.float32)
    near = [borders, np.nextafter(borders, np.float32(np.inf)), np.nextafter(borders, np.float32(-np.inf))]
    values = np.concatenate([*near, np.repeat(np.array(PLACES, np.float32), len(borders) // 8)])
    return np.random.default_rng(seed).choice(values, size=(count, len(FEATURES)))


def log_odds(content: bytes, rows: np.ndarray) -> np.ndarray:
    answer = load_log_odds("model.onnx", content)
    assert answer is not None
    return answer(rows)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10),
    rounds=st.sampled_from([1, 7, 60]),
    depth=st.integers(1, 9),
    start=st.sampled_from([0.5, 0.003]),
)
def test_the_graph_gives_each_row_the_log_odds_of_the_booster(seed: int, rounds: int, depth: int, start: float) -> None:
    booster = grown(seed, rounds, depth, start)
    rows = hard_rows(booster, seed)
    expected = booster.inplace_predict(rows, predict_type="margin")
    first = read_booster(bytes(booster.save_raw("ubj"))).trees[0]
    leaves = np.abs(first.values[first.leaves]).max()
    allowed = (rounds + 1) * np.finfo(np.float32).eps * (np.abs(expected).max() + leaves + 6)
    found = log_odds(model_bytes(booster)[1], rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)


def test_rows_that_no_rounding_parts_end_in_the_leaves_of_the_booster() -> None:
    booster = grown(3, rounds=1, depth=9, start=0.5)
    rows = hard_rows(booster, 1, 5000)
    found, expected = log_odds(model_bytes(booster)[1], rows), booster.inplace_predict(rows, predict_type="margin")
    assert len(np.unique(expected)) > 30
    np.testing.assert_array_equal(found.astype(np.float32), expected)


def test_a_row_alone_has_bitwise_the_score_that_it_has_among_many_by_any_number_of_threads() -> None:
    booster = grown(5, rounds=200)
    rows = hard_rows(booster, 5, 9000)
    together = load_scorer(*model_bytes(booster), threads=1).score(rows)
    for threads in (0, 2, 5):
        np.testing.assert_array_equal(load_scorer(*model_bytes(booster), threads=threads).score(rows), together)
    alone = load_scorer(*model_bytes(booster), threads=1)
    np.testing.assert_array_equal(np.concatenate([alone.score(rows[[at]]) for at in range(500)]), together[:500])
    np.testing.assert_array_equal(alone.score(rows[::-1])[::-1], together)


def test_the_smallest_probabilities_keep_their_differences() -> None:
    booster = grown(2, rounds=120, start=1e-4)
    rows = hard_rows(booster, 2, 5000)
    found, margins = (
        load_scorer(*model_bytes(booster)).score(rows),
        booster.inplace_predict(rows, predict_type="margin"),
    )
    assert len(np.unique(found)) == len(np.unique(log_odds(model_bytes(booster)[1], rows)))
    np.testing.assert_allclose(np.log(found / (1 - found)), margins, atol=1e-4)


def test_two_exports_of_one_booster_are_the_same_bytes_whatever_its_features_are_called() -> None:
    booster = grown(4)
    named_otherwise = xgboost.Booster(model_file=bytearray(booster.save_raw("ubj")))
    named_otherwise.feature_names = [f"f{number}" for number in range(len(FEATURES))]
    first = model_bytes(booster)[1]
    assert first == model_bytes(booster)[1] == model_bytes(named_otherwise)[1]
    assert first == booster_graph(read_booster(bytes(booster.save_raw("ubj"))))


def test_the_bytes_are_those_that_the_library_of_onnx_writes_of_the_graph() -> None:
    content = model_bytes(grown(4))[1]
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert model.SerializeToString() == content


def test_a_booster_that_was_written_by_hand_is_the_same_file() -> None:
    """The writer of spoilt files below writes sound ones as the library does."""
    raw = bytes(grown(1, 2, 2).save_raw("ubj"))
    assert written(document(raw)) == raw


def document(raw: bytes) -> Any:
    from mlflow_fraud.adapters.model_formats.ubjson import read_ubjson

    return read_ubjson(raw)


def written(value: Any) -> bytes:
    """Return the document as UBJ, whatever is in it."""
    kinds = {"int8": b"i", "uint8": b"U", "int32": b"l", "int64": b"L", "float32": b"d"}
    if isinstance(value, np.ndarray):
        kind = kinds[value.dtype.name]
        return (
            b"[$" + kind + b"#L" + struct.pack(">q", len(value)) + value.astype(value.dtype.newbyteorder(">")).tobytes()
        )
    if isinstance(value, str):
        return b"SL" + struct.pack(">q", len(value.encode())) + value.encode()
    if isinstance(value, dict):
        told = (
            (b"L" + struct.pack(">q", len(name.encode())) + name.encode() + written(each))
            for name, each in value.items()
        )
        return b"{" + b"".join(told) + b"}"
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(written, value))
    small = -128 <= value < 128
    return b"i" + struct.pack(">b", value) if small else b"l" + struct.pack(">i", value)


def set_in_a_tree(name: str, at: int, value: float) -> Callable[[Any], None]:
    def spoil(model: Any) -> None:
        model["trees"][1][name][at] = value

    return spoil


def a_chain(model: Any) -> None:
    """Let each split have the next one on its right: as deep as there are numbers."""
    tree, splits = model["trees"][0], 200
    nodes = 2 * splits + 1
    numbers = np.arange(nodes, dtype=np.int32)
    split = (numbers % 2 == 0) & (numbers < 2 * splits)
    tree["left_children"] = np.where(split, numbers + 1, -1).astype(np.int32)
    tree["right_children"] = np.where(split, numbers + 2, -1).astype(np.int32)
    tree["parents"] = np.where(numbers == 0, 2**31 - 1, (numbers - 1) // 2 * 2).astype(np.int32)
    for name in ("split_conditions", "base_weights", "loss_changes", "sum_hessian"):
        tree[name] = np.ones(nodes, np.float32)
    tree["split_indices"] = np.zeros(nodes, np.int32)
    tree["default_left"] = tree["split_type"] = np.zeros(nodes, np.uint8)
    tree["tree_param"]["num_nodes"] = str(nodes)


def fewer_hessians(model: Any) -> None:
    model["trees"][0]["sum_hessian"] = model["trees"][0]["sum_hessian"][:1]


def more_trees_than_there_are(model: Any) -> None:
    model["gbtree_model_param"]["num_trees"] = "1000000"


def a_class_out_of_range(model: Any) -> None:
    model["tree_info"] = np.array([0, 2**30], np.int32)


def rounds_beyond_the_trees(model: Any) -> None:
    model["iteration_indptr"] = np.array([0, 1, 2**30], np.int32)


def more_nodes_than_there_are(model: Any) -> None:
    model["trees"][0]["tree_param"]["num_nodes"] = str(2**30)


def a_split_on_categories(model: Any) -> None:
    model["trees"][0]["split_type"][0] = 1


def leaves_of_vectors(model: Any) -> None:
    model["trees"][0]["tree_param"]["size_leaf_vector"] = "9"


def children_apart(model: Any) -> None:
    """Let the root's right child be the leaf that is last: a tree in every other respect."""
    tree = model["trees"][0]
    tree["left_children"], tree["right_children"] = np.array([[1, 3, -1, -1, -1], [2, 4, -1, -1, -1]], np.int32)
    tree["right_children"][:2] = 4, 2
    tree["parents"] = np.array([2**31 - 1, 0, 1, 1, 0], np.int32)
    for name in ("split_conditions", "base_weights", "loss_changes", "sum_hessian"):
        tree[name] = np.ones(5, np.float32)
    tree["split_indices"] = np.zeros(5, np.int32)
    tree["default_left"] = tree["split_type"] = np.zeros(5, np.uint8)
    tree["tree_param"]["num_nodes"] = "5"


SPOILT = {
    "a child that points at itself": (set_in_a_tree("left_children", 0, 0), "come after its parent"),
    "a child that points back": (set_in_a_tree("left_children", 2, 1), "come after its parent"),
    "a child of 2^30": (set_in_a_tree("right_children", 0, 2**30), "come after its parent"),
    "a child of two parents": (set_in_a_tree("right_children", 0, 1), "two parents"),
    "one child": (set_in_a_tree("left_children", 0, -1), "one child"),
    "a leaf below -1": (set_in_a_tree("left_children", -1, -80), "leaf that is none"),
    "children apart": (children_apart, "not beside the left"),
    "another parent": (set_in_a_tree("parents", 3, 0), "other parents"),
    "a feature of 2^30": (set_in_a_tree("split_indices", 0, 2**30), "feature out of range"),
    "a feature below 0": (set_in_a_tree("split_indices", 0, -5), "feature out of range"),
    "a leaf that is no number": (set_in_a_tree("split_conditions", -1, np.nan), "not finite"),
    "an infinite leaf": (set_in_a_tree("split_conditions", -1, np.inf), "not finite"),
    "a chain": (a_chain, "deeper than"),
    "fewer hessians": (fewer_hessians, "sum_hessian"),
    "more trees": (more_trees_than_there_are, "not as many"),
    "more nodes": (more_nodes_than_there_are, "base_weights"),
    "a class out of range": (a_class_out_of_range, "several classes"),
    "rounds beyond": (rounds_beyond_the_trees, "rounds"),
    "categories": (a_split_on_categories, "categories"),
    "vectors": (leaves_of_vectors, "not as the others"),
}


def spoilt(name: str) -> bytes:
    found = document(bytes(grown(1, 2, 2).save_raw("ubj")))
    SPOILT[name][0](found["learner"]["gradient_booster"]["model"])
    return written(found)


@pytest.mark.parametrize("name", SPOILT)
def test_a_booster_that_is_not_sound_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ReleaseRejected, match=SPOILT[name][1]):
        load_scorer("model.ubj", spoilt(name))
    with pytest.raises(ReleaseRejected, match=SPOILT[name][1]):
        load_booster(spoilt(name))


def test_no_crafted_booster_ends_the_process_that_opens_it(tmp_path: Path) -> None:
    for name in SPOILT:
        (tmp_path / f"{name}.ubj").write_bytes(spoilt(name))
    program = """
import sys
from pathlib import Path
from mlflow_fraud.adapters.model_formats.booster_file import load_booster
from mlflow_fraud.core.errors import ReleaseRejected
for file in sorted(Path(sys.argv[1]).glob("*.ubj")):
    try:
        load_booster(file.read_bytes())
    except ReleaseRejected:
        print("refused", file.name)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.count("refused")) == (0, len(SPOILT)), done.stderr[-500:]


def test_the_library_takes_what_is_sound_and_answers_as_the_one_that_wrote_it() -> None:
    booster = grown(1)
    rows = hard_rows(booster, 3)
    again = load_booster(bytes(booster.save_raw("ubj")))
    np.testing.assert_array_equal(again.inplace_predict(rows), booster.inplace_predict(rows))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_altered_bytes_are_refused_or_read_but_never_end_otherwise(data: st.DataObject) -> None:
    raw = bytearray(grown(1, 2, 2).save_raw("ubj"))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for content in (bytes(raw), bytes(raw[:cut])):
        with suppress(ReleaseRejected):
            assert read_booster(content).trees

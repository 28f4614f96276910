"""A graph is one that we could have written, or no session is made of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from sklearn.pipeline import make_pipeline

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.adapters.model_formats.graph_check import MADE, NODES, check_graph
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.learning.fits import _imputer
from mlflow_fraud.core.release.release import LARGEST_FILE
from tests.adapters.test_booster_file import grown as boosted
from tests.adapters.test_model_export import binned, grown


def whole_line() -> bytes:
    """Return a linear model as it is fitted, with what stands for missing values before it."""
    pipeline = binned()
    x = np.zeros((2, 5), np.float32)
    return model_bytes(make_pipeline(_imputer().fit(x), *[step for _, step in pipeline.steps]))[1]


MODELS: dict[str, Callable[[], bytes]] = {
    "boosted": lambda: model_bytes(boosted(1))[1],
    "forest": lambda: model_bytes(grown(5))[1],
    "line": whole_line,
}


@pytest.mark.parametrize("name", MODELS)
def test_what_we_write_is_let_through(name: str) -> None:
    check_graph(MODELS[name]())


def graph_of(*nodes: onnx.NodeProto, initializers: list[onnx.TensorProto] | None = None) -> onnx.ModelProto:
    """Return a model of rows of three features."""
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 3])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph(list(nodes), "g", [rows], [answer], initializers or [])
    operators = [
        helper.make_opsetid("", 18),
        helper.make_opsetid("ai.onnx.ml", 3),
        helper.make_opsetid("com.microsoft", 1),
    ]
    return helper.make_model(graph, opset_imports=operators, ir_version=8)


def data_outside(folder: Path) -> onnx.ModelProto:
    (folder / "secret").write_bytes(np.ones(3, np.float32).tobytes())
    weights = numpy_helper.from_array(np.ones(3, np.float32), "w")
    onnx.external_data_helper.set_external_data(weights, "secret")
    weights.ClearField("raw_data")
    return graph_of(helper.make_node("Add", ["rows", "w"], ["answer"]), initializers=[weights])


def an_operator_of_another_kind(folder: Path) -> onnx.ModelProto:
    return graph_of(helper.make_node("Exp", ["rows"], ["answer"]))


def an_operator_of_another_domain(folder: Path) -> onnx.ModelProto:
    return graph_of(helper.make_node("Add", ["rows", "rows"], ["answer"], domain="com.microsoft"))


def a_graph_within(folder: Path) -> onnx.ModelProto:
    inner = helper.make_graph([], "inner", [], [])
    return graph_of(helper.make_node("Add", ["rows", "rows"], ["answer"], then_branch=inner))


def numbers_within(folder: Path) -> onnx.ModelProto:
    value = numpy_helper.from_array(np.ones(3, np.float32))
    return graph_of(helper.make_node("Add", ["rows", "rows"], ["answer"], value=value))


def a_function(folder: Path) -> onnx.ModelProto:
    model = graph_of(helper.make_node("Add", ["rows", "rows"], ["answer"]))
    add = helper.make_node("Add", ["a", "a"], ["b"])
    model.functions.append(helper.make_function("d", "F", ["a"], ["b"], [add], [helper.make_opsetid("", 18)]))
    return model


def many_operators(folder: Path) -> onnx.ModelProto:
    names = ["rows", *(f"v{number}" for number in range(NODES)), "answer"]
    return graph_of(*(helper.make_node("Add", [one, one], [two]) for one, two in pairwise(names)))


def doubling(folder: Path) -> onnx.ModelProto:
    names = ["rows", *(f"v{number}" for number in range(40)), "answer"]
    joins = (helper.make_node("Concat", [one, one], [two], axis=1) for one, two in pairwise(names))
    return graph_of(*joins)


def rows_put_together(folder: Path) -> onnx.ModelProto:
    return graph_of(helper.make_node("Concat", ["rows", "rows"], ["answer"], axis=0))


def a_little_too_much_often(folder: Path) -> onnx.ModelProto:
    half = numpy_helper.from_array(np.ones(MADE // 8, np.float32), "half")
    names = [f"v{number}" for number in range(4)]
    wide = (helper.make_node("Add", ["rows", "half"], [name]) for name in names)
    return graph_of(*wide, helper.make_node("Cast", [names[-1]], ["answer"]), initializers=[half])


def a_shape_of_terabytes(folder: Path) -> onnx.ModelProto:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    weights.dims[:] = [2**20, 2**20]
    return graph_of(helper.make_node("Add", ["rows", "w"], ["answer"]), initializers=[weights])


def a_value_from_nowhere(folder: Path) -> onnx.ModelProto:
    return graph_of(helper.make_node("Add", ["rows", "nowhere"], ["answer"]))


def a_loop(folder: Path) -> onnx.ModelProto:
    return graph_of(helper.make_node("Add", ["rows", "b"], ["a"]), helper.make_node("Add", ["rows", "a"], ["b"]))


CRAFTED: dict[str, tuple[Callable[[Path], onnx.ModelProto], str]] = {
    "data outside": (data_outside, "from another file"),
    "another operator": (an_operator_of_another_kind, "Exp is no operator of our models"),
    "another domain": (an_operator_of_another_domain, "com.microsoft Add is no operator"),
    "a graph within": (a_graph_within, "neither numbers nor words"),
    "numbers within": (numbers_within, "neither numbers nor words"),
    "a function": (a_function, "a field 25"),
    "many operators": (many_operators, f"more than {NODES:,} operators"),
    "doubling": (doubling, "numbers of a row"),
    "rows put together": (rows_put_together, "puts rows together"),
    "often": (a_little_too_much_often, f"more than {MADE:,} numbers of a row"),
    "terabytes": (a_shape_of_terabytes, "has the shape"),
    "from nowhere": (a_value_from_nowhere, "which nothing before it makes"),
    "a loop": (a_loop, "which nothing before it makes"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_another_graph_is_refused_with_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, says = CRAFTED[name]
    with pytest.raises(ReleaseRejected, match=re.escape(says)):
        load_scorer("model.onnx", make(tmp_path).SerializeToString())


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(ReleaseRejected, match="bytes, 268,435,456 are allowed"):
        check_graph(bytes(LARGEST_FILE + 1))


def two_graphs() -> bytes:
    """Return a model that says its graph twice: readers that put them together see operators that others do not."""
    return MODELS["boosted"]() + MODELS["forest"]()


def test_a_graph_that_is_said_twice_is_refused() -> None:
    with pytest.raises(ReleaseRejected, match="its graph is there 2 times"):
        check_graph(two_graphs())


def setting(name: str, at: int, value: float, kind: str = "ints") -> Callable[[onnx.NodeProto], None]:
    def spoil(node: onnx.NodeProto) -> None:
        (found,) = [each for each in node.attribute if each.name == name]
        getattr(found, kind)[at] = value

    return spoil


def fewer(name: str, kind: str = "ints") -> Callable[[onnx.NodeProto], None]:
    def spoil(node: onnx.NodeProto) -> None:
        (found,) = [each for each in node.attribute if each.name == name]
        del getattr(found, kind)[-1]

    return spoil


TREES = {
    "a child that points at itself": setting("nodes_truenodeids", 0, 0),
    "a child of 2^30": setting("nodes_falsenodeids", 0, 2**30),
    "a child below 0": setting("nodes_falsenodeids", 0, -7),
    "a feature of 2^30": setting("nodes_featureids", 0, 2**30),
    "a node number out of order": setting("nodes_nodeids", 3, 9),
    "a tree out of order": setting("nodes_treeids", 3, 4),
    "a threshold that is no number": setting("nodes_values", 0, np.nan, "floats"),
    "fewer nodes": fewer("nodes_values", "floats"),
    "fewer modes": fewer("nodes_modes", "strings"),
    "another mode": setting("nodes_modes", 0, b"BRANCH_EQ", "strings"),  # type: ignore[arg-type]
}
LEAVES = {
    "a leaf that is infinite": ("weights", lambda name: setting(name, 0, np.inf, "floats")),
    "a leaf of no tree": ("treeids", lambda name: setting(name, 0, 2**30)),
    "a leaf of no node": ("nodeids", lambda name: setting(name, 0, 2**30)),
    "a leaf that is a split": ("nodeids", lambda name: setting(name, 0, 0)),
    "a leaf of output 9": ("ids", lambda name: setting(name, 0, 9)),
    "fewer leaves": ("ids", lambda name: fewer(name)),
}


def spoilt_trees() -> Iterator[tuple[str, bytes]]:
    for model, kind in (("boosted", "target"), ("forest", "class")):
        spoils = TREES | {name: make(f"{kind}_{what}") for name, (what, make) in LEAVES.items()}
        for name, spoil in spoils.items():
            graph = onnx.load_model_from_string(MODELS[model]())
            spoil(graph.graph.node[-1])
            yield f"{model}, {name}", graph.SerializeToString()


def test_trees_that_are_not_sound_are_refused_in_a_process_that_goes_on(tmp_path: Path) -> None:
    for name, content in spoilt_trees():
        (tmp_path / f"{name}.onnx").write_bytes(content)
    program = """
import sys
from pathlib import Path
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.errors import ReleaseRejected
for file in sorted(Path(sys.argv[1]).glob("*.onnx")):
    try:
        load_scorer("model.onnx", file.read_bytes())
        print("taken", file.name)
    except ReleaseRejected as error:
        print("refused", file.name, error)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, timeout=60)
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-500:]
    assert len(said) == 2 * (len(TREES) + len(LEAVES))
    assert [line for line in said if not line.startswith("refused") or "the trees are not sound" not in line] == []


def test_the_library_itself_holds_the_coefficients_of_a_line_against_its_inputs() -> None:
    graph = onnx.load_model_from_string(MODELS["line"]())
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "coefficients":
                del attribute.floats[4:]
    scorer = load_scorer("model.onnx", graph.SerializeToString())
    with pytest.raises(Exception, match="coefficients size"):
        scorer.score(np.zeros((1, 5), np.float32))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_altered_bytes_are_refused_or_let_through_but_never_end_otherwise(data: st.DataObject) -> None:
    raw = bytearray(model_bytes(boosted(1, 2, 2))[1])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for content in (bytes(raw), bytes(raw[:cut])):
        with suppress(ReleaseRejected):
            check_graph(content)

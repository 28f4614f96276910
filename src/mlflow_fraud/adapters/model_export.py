"""Fitted models as the files that ship: reproducible bytes that cannot run code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mlflow_fraud.adapters.model_formats.booster_file import read_booster
from mlflow_fraud.adapters.model_formats.booster_graph import LOG_ODDS, booster_graph
from mlflow_fraud.core.measuring.digits import grain

Numbers = Mapping[str, MutableSequence[float]]


MODEL_FILE = "model.onnx"
"""The name of the file that is judged, shipped and served, whatever was fitted."""


def model_bytes(estimator: Any) -> tuple[str, bytes]:
    """Return the file name and reproducible bytes of a fitted XGBoost booster or scikit-learn pipeline."""
    booster = booster_bytes(estimator)
    return MODEL_FILE, booster_graph(read_booster(booster)) if booster else _to_onnx(estimator)


def booster_bytes(estimator: Any) -> bytes:
    """Return a booster's own file, for reasons and for training on; nothing of a fit that is no booster."""
    import xgboost

    return bytes(estimator.save_raw("ubj")) if isinstance(estimator, xgboost.Booster) else b""


def _to_onnx(pipeline: Any) -> bytes:
    """Return the graph of a fitted pipeline, cut so that the probabilities are its one output.

    Of a linear model it is the log odds: a sigmoid in single precision has zero for the smallest probabilities.
    What the graph adds up is whole, so that its scores depend on no order: not on threads, not on the rows beside.
    """
    from skl2onnx import to_onnx
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    row = np.zeros((1, pipeline.n_features_in_), np.float32)
    final = pipeline.steps[-1][1]
    linear = hasattr(final, "coef_")
    options = {"zipmap": False} | ({"raw_scores": True} if linear else {})
    with _dense_bins(pipeline):
        graph = to_onnx(pipeline, row, options={id(final): options})
    cut = select_model_inputs_outputs(graph, outputs=["probabilities"])
    for node in cut.graph.node:
        if node.op_type in _WHOLE:
            _WHOLE[node.op_type](_numbers(node), pipeline)
    if linear:
        _rename_output(cut, LOG_ODDS)
    operators = sorted(cut.opset_import, key=lambda opset: opset.domain)  # the converter lists them in a set's order
    del cut.opset_import[:]
    cut.opset_import.extend(operators)
    content: bytes = cut.SerializeToString(deterministic=True)
    return content


def _whole_coefficients(numbers: Numbers, pipeline: Any) -> None:
    """Let the coefficients be multiples of one grain; of each feature's bins one is taken."""
    coefficients, intercepts = numbers["coefficients"], numbers["intercepts"]
    size = grain(pipeline.n_features_in_ * float(np.abs(coefficients).max()) + float(np.abs(intercepts).max()))
    for values in (coefficients, intercepts):
        values[:] = np.rint(np.array(values) / size) * size


def _whole_leaves(numbers: Numbers, pipeline: Any) -> None:
    """Let what a leaf adds be a multiple of one grain, and no leaf more than an even part: probabilities end at 1."""
    size, trees = grain(1.0), len(pipeline.steps[-1][1].estimators_)
    leaves = numbers["class_weights"]
    leaves[:] = np.minimum(np.rint(np.array(leaves) / size), np.floor(1 / size / trees)) * size


_WHOLE: dict[str, Callable[[Numbers, Any], None]] = {
    "LinearClassifier": _whole_coefficients,
    "TreeEnsembleClassifier": _whole_leaves,
}


def _numbers(node: Any) -> Numbers:
    """Return the lists of numbers that a node holds, by name; what is done to them is done to the node."""
    return {attribute.name: attribute.floats for attribute in node.attribute}


def _rename_output(graph: Any, name: str) -> None:
    """Call the graph's one output what it is."""
    (output,) = graph.graph.output
    for node in graph.graph.node:
        node.output[:] = [name if each == output.name else each for each in node.output]
    output.name = name


@contextmanager
def _dense_bins(pipeline: Any) -> Iterator[None]:
    """Call bins dense while they are converted: ONNX has no sparse matrices, and fitting wants them."""
    sparse = [step for _, step in pipeline.steps if getattr(step, "encode", "") == "onehot"]
    for step in sparse:
        step.encode = "onehot-dense"
    try:
        yield
    finally:
        for step in sparse:
            step.encode = "onehot"

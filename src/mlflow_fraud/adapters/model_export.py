"""Fitted models as the files that ship: reproducible bytes that cannot run code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mlflow_fraud.adapters.model_file import LOG_ODDS


def model_bytes(estimator: Any) -> tuple[str, bytes]:
    """Return the file name and reproducible bytes of a fitted XGBoost booster or scikit-learn pipeline."""
    import xgboost

    if isinstance(estimator, xgboost.Booster):
        return "model.ubj", bytes(estimator.save_raw("ubj"))
    return "model.onnx", _to_onnx(estimator)


def _to_onnx(pipeline: Any) -> bytes:
    """Return the graph of a fitted pipeline, cut so that the probabilities are its one output.

    Of a linear model it is the log odds: a sigmoid in single precision has zero for the smallest probabilities.
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
    if linear:
        _rename_output(cut, LOG_ODDS)
    operators = sorted(cut.opset_import, key=lambda opset: opset.domain)  # the converter lists them in a set's order
    del cut.opset_import[:]
    cut.opset_import.extend(operators)
    content: bytes = cut.SerializeToString(deterministic=True)
    return content


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

"""Fitted models as the files that ship: reproducible bytes that cannot run code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def model_bytes(estimator: Any) -> tuple[str, bytes]:
    """Return the file name and reproducible bytes of a fitted XGBoost booster or scikit-learn pipeline."""
    import xgboost

    if isinstance(estimator, xgboost.Booster):
        return "model.ubj", bytes(estimator.save_raw("ubj"))
    return "model.onnx", _to_onnx(estimator)


def _to_onnx(pipeline: Any) -> bytes:
    """Return the graph of a fitted pipeline, cut so that the probabilities are its one output."""
    from skl2onnx import to_onnx
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    row = np.zeros((1, pipeline.n_features_in_), np.float32)
    final = pipeline.steps[-1][1]
    with _dense_bins(pipeline):
        graph = to_onnx(pipeline, row, options={id(final): {"zipmap": False}})
    cut = select_model_inputs_outputs(graph, outputs=["probabilities"])
    operators = sorted(cut.opset_import, key=lambda opset: opset.domain)  # the converter lists them in a set's order
    del cut.opset_import[:]
    cut.opset_import.extend(operators)
    content: bytes = cut.SerializeToString(deterministic=True)
    return content


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

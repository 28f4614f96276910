"""Model files that cannot run code: XGBoost as UBJ, scikit-learn as ONNX; the same file scores everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.ports import Scorer

BLOCK = 8192
"""Rows scored at once by an ONNX model."""

Rows = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]


def load_scorer(name: str, content: bytes, *, threads: int = 0) -> Scorer:
    """Return the model in the file `name` (`*.ubj` or `*.onnx`); `threads` 0 takes all cores.

    Check the content's hash first. Raises `ReleaseRejected` when it is no such model.
    """
    loaders: dict[str, Callable[[bytes, int], Scorer]] = {"ubj": _BoosterScorer, "onnx": _OnnxScorer}
    loader = loaders.get(name.rpartition(".")[2])
    if loader is None:
        raise ReleaseRejected(f"{name} is no model file we load; expected one of {sorted(loaders)}")
    try:
        return loader(content, threads)
    except Exception as error:  # both libraries raise kinds of their own for bad bytes
        raise ReleaseRejected(f"{name} is not a model that can be loaded: {_first_line(error)}") from error


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
    content: bytes = select_model_inputs_outputs(graph, outputs=["probabilities"]).SerializeToString(deterministic=True)
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


class _BoosterScorer:
    def __init__(self, content: bytes, threads: int) -> None:
        import xgboost

        self._booster = xgboost.Booster({"nthread": threads} if threads else {}, model_file=bytearray(content))

    def score(self, rows: Rows) -> Probabilities:
        scores: Probabilities = self._booster.inplace_predict(rows, validate_features=False).astype(np.float64)
        return scores


class _OnnxScorer:
    def __init__(self, content: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def score(self, rows: Rows) -> Probabilities:
        """Score in blocks: one-hot bins are wide, and a whole period of them would not fit."""
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        scored = [self._session.run(None, {self._input: block})[0][:, 1] for block in blocks]
        return np.concatenate(scored).astype(np.float64) if scored else np.empty(0)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""Models loaded from files that cannot run code: XGBoost as UBJ, scikit-learn as ONNX.

The same file scores in evaluation, comparison and serving; `model_export` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.calibration import Calibrated, Calibration, logistic
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.release.release import Manifest

BLOCK = 8192
"""Rows scored at once by an ONNX model."""

LOG_ODDS = "log_odds"
"""The output's name of an ONNX model that says log odds; any other says probabilities."""

Rows = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]


def load_calibrated(name: str, content: bytes, calibration: Calibration, *, threads: int = 0) -> Scorer:
    """Return the model in a file with its calibration: what it scores are probabilities.

    The one place where the two come together, for evaluation, comparison, serving and monitoring.
    """
    return Calibrated(load_scorer(name, content, threads=threads), calibration)


def load_released(manifest: Manifest, files: Mapping[str, bytes], *, threads: int = 0) -> Scorer:
    """Return the model of a release as it answers."""
    return load_calibrated(manifest.model_file, files[manifest.model_file], manifest.calibration, threads=threads)


def load_scorer(name: str, content: bytes, *, threads: int = 0) -> Scorer:
    """Return the model in the file `name` (`*.ubj` or `*.onnx`) without calibration; `threads` 0 takes all cores.

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
        self._says_log_odds = self._session.get_outputs()[0].name == LOG_ODDS

    def score(self, rows: Rows) -> Probabilities:
        """Score in blocks: one-hot bins are wide, and a whole period of them would not fit."""
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        scored = [self._session.run(None, {self._input: block})[0][:, 1] for block in blocks]
        scores = np.concatenate(scored).astype(np.float64) if scored else np.empty(0)
        return logistic(scores) if self._says_log_odds else scores


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

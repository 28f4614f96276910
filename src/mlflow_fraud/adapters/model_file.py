"""Models loaded from ONNX files, which cannot run code; the same file scores in evaluation, comparison and serving.

`model_export` writes it. A booster's own file, which is the model of releases up to format 3, is made the graph that it
would be written as today.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from mlflow_fraud.adapters.model_formats.booster_file import read_booster
from mlflow_fraud.adapters.model_formats.booster_graph import LOG_ODDS, booster_graph
from mlflow_fraud.adapters.model_formats.graph_check import check_graph
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.calibration import Calibrated, Calibration, logistic
from mlflow_fraud.core.ports import LogOdds, Scorer
from mlflow_fraud.core.release.release import Manifest, check_version

BLOCK = 4096
"""Rows scored at once: one-hot bins are wide, and a whole period of them would not fit."""

Rows = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]


def load_calibrated(name: str, content: bytes, calibration: Calibration, *, threads: int = 0) -> Scorer:
    """Return the model in a file with its calibration: what it scores are probabilities.

    The one place where the two come together, for evaluation, comparison, serving and monitoring.
    """
    return Calibrated(load_scorer(name, content, threads=threads), calibration)


def load_released(manifest: Manifest, files: Mapping[str, bytes], *, threads: int = 0) -> Scorer:
    """Return the model of a release as it answers; raise `ReleaseRejected` where the version is not its content's."""
    check_version(manifest)
    return load_calibrated(manifest.model_file, files[manifest.model_file], manifest.calibration, threads=threads)


def load_scorer(name: str, content: bytes, *, threads: int = 0) -> Scorer:
    """Return the model in the file `name` (`*.onnx` or `*.ubj`) without calibration; `threads` 0 takes all cores.

    Check the content's hash first. Raises `ReleaseRejected` when it is no such model.
    """
    graphs: dict[str, Callable[[bytes], bytes]] = {
        "onnx": bytes,
        "ubj": lambda booster: booster_graph(read_booster(booster)),
    }
    graph = graphs.get(name.rpartition(".")[2])
    if graph is None:
        raise ReleaseRejected(f"{name} is no model file we load; expected one of {sorted(graphs)}")
    try:
        model = graph(content)
        check_graph(model)
        return _OnnxScorer(model, threads or os.cpu_count() or 1)
    except ReleaseRejected as error:
        raise ReleaseRejected(f"{name} is not a model that can be loaded: {error}") from None
    except Exception as error:  # the library raises kinds of its own for bad bytes
        raise ReleaseRejected(f"{name} is not a model that can be loaded: {_first_line(error)}") from error


def load_log_odds(name: str, content: bytes) -> LogOdds | None:
    """Return what gives rows the log odds that a model adds up; None of one that adds up something else.

    It is of one thread. Raises as `load_scorer` does.
    """
    scorer = load_scorer(name, content, threads=1)
    return scorer.answer if isinstance(scorer, _OnnxScorer) and scorer.says_log_odds else None


class _OnnxScorer:
    """A session of one thread, since two add up a batch's trees in another order; rows are shared out in blocks."""

    def __init__(self, content: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self.says_log_odds = bool(self._output == LOG_ODDS)
        """Whether `answer` gives log odds, and not probabilities."""
        self._threads = threads

    def score(self, rows: Rows) -> Probabilities:
        """Score in blocks of rows, which are the same however many threads there are."""
        if len(rows) == 1:  # a payment alone: numbers take half the time of arrays of one, and are the same bits
            (score,) = self.answer(rows)
            return np.array([logistic(score) if self.says_log_odds else score])
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        if len(blocks) < 2 or self._threads == 1:
            scored = [self.answer(block) for block in blocks]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                scored = list(pool.map(self.answer, blocks))
        scores = np.concatenate(scored) if scored else np.empty(0)
        return logistic(scores) if self.says_log_odds else scores

    def answer(self, block: Rows) -> Probabilities:
        """Return the last column: of two, it is that of fraud."""
        (answer,) = self._session.run([self._output], {self._input: block})
        if len(answer) != len(block):
            raise ReleaseRejected(f"the model gives {len(answer)} answers to {len(block)} rows; promote another")
        return answer[:, -1].astype(np.float64)  # type: ignore[no-any-return]  # the library has no types


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

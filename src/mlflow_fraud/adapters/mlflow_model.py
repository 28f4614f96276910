"""What MLflow keeps of a candidate beside numbers: the model, byte for byte, and the data that it was made from."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mlflow_fraud.adapters.mlflow_runs import TrainingRun


def dataset(path: str, digest: str) -> Any:
    """Return a data set known by its DVC hash alone: hashing the rows again would take longer than logging."""
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset

    with warnings.catch_warnings():  # a relative path fits two of its kinds of source; either will do
        warnings.filterwarnings("ignore", "The specified dataset source can be interpreted")
        source = resolve_dataset_source(path)
    return MetaDataset(source=source, name=Path(path).stem, digest=digest[:36])  # type: ignore[abstract]  # it has the attribute


def log_model(training: TrainingRun) -> Any:
    """Log the very graph that would be released."""
    import mlflow
    import onnx
    import onnxruntime
    import pandas as pd
    from mlflow.models import infer_signature

    example = pd.DataFrame(np.asarray(training.example), columns=list(training.names))
    signature = infer_signature(example, np.zeros(1))
    told: dict[str, Any] = {"name": "model", "signature": signature, "input_example": example}
    pins = [f"onnx=={onnx.__version__}", f"onnxruntime=={onnxruntime.__version__}"]
    graph = onnx.load_from_string(training.model)
    told["onnx_execution_providers"] = ["CPUExecutionProvider"]
    return mlflow.onnx.log_model(graph, pip_requirements=pins, **told)

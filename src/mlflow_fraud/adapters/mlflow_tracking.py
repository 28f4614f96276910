"""MLflow: one run and one registered version per trained candidate, however often it is asked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlflow_fraud.core.metrics import Metrics

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

KEY = "fraud.key"
SQLITE = "sqlite:///"


@dataclass(frozen=True)
class TrainingRun:
    """What is logged of one candidate. `example` is one made-up row, (1, features): no real person's.

    `intervals` are those of the test metrics, `calibration` is how the model's scores become probabilities.

    `data` maps each file to its DVC hash; `group` is the same for candidates trained on the same data.
    """

    key: str
    group: str
    candidate: str
    model_file: str
    model: bytes
    names: Sequence[str]
    example: Any
    params: Mapping[str, Any]
    metrics: Mapping[str, Metrics]
    threshold: float
    intervals: Mapping[str, tuple[float, float] | None]
    calibration: Mapping[str, Any]
    rounds: Sequence[Mapping[str, float]]
    figures: Sequence[Path]
    data: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class PlainRun:
    """A run of numbers alone, such as a fold or a trial; `key` says what it is of, and it is logged once."""

    key: str
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    tags: Mapping[str, str]


class Logged(NamedTuple):
    """Where a candidate is found again: `page` is empty where MLflow is a file, `new` is False when it was there."""

    run_id: str
    model_version: str
    page: str
    new: bool


class Tracking:
    """An experiment and a registered model on one MLflow server or file."""

    def __init__(self, uri: str, experiment: str, artifact_location: str, model_name: str) -> None:
        self.uri = _absolute(uri)
        self._experiment = experiment
        self._artifact_location = artifact_location
        self._model_name = model_name

    def ensure_logged(self, training: TrainingRun) -> Logged:
        """Log the run and register the model, unless a finished run has the same key."""
        done = self._finished(training.key)
        if done is not None:
            return self._logged(done.info.run_id, done.data.tags["fraud.model_version"], new=False)
        import mlflow

        with (
            mlflow.start_run(run_id=self._parent(training)),
            mlflow.start_run(
                run_name=training.candidate,
                nested=True,
                experiment_id=self._experiment_id,
                tags={KEY: training.key, **training.tags},
            ) as run,
        ):
            self._log(run.info.run_id, training)
            version = self._register(run.info.run_id, training)
        return self._logged(run.info.run_id, version, new=True)

    def set_alias(self, alias: str, version: str) -> None:
        """Let `alias` name `version`; naming it again changes nothing."""
        self._client.set_registered_model_alias(self._model_name, alias, version)

    def alias(self, alias: str) -> str | None:
        """Return the version that `alias` names, or None."""
        model = self._client.get_registered_model(self._model_name)
        version = model.aliases.get(alias)
        return None if version is None else str(version)

    def ensure_window(self, name: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> str:
        """Log a monitored window as a run of its own, unless one with the same tags is there; return its id."""
        condition = " and ".join(f"tags.`fraud.{key}` = '{value}'" for key, value in tags.items())
        found = self._client.search_runs([self._experiment_id], condition, max_results=1)
        if found:
            return str(found[0].info.run_id)
        own = {f"fraud.{key}": value for key, value in tags.items()}
        run_id = self._client.create_run(self._experiment_id, run_name=name, tags=own).info.run_id
        for metric, value in metrics.items():
            self._client.log_metric(run_id, metric, value)
        self._client.set_terminated(run_id)
        return str(run_id)

    def ensure_run(self, run: PlainRun, parent: str = "") -> str:
        """Log the run, under `parent` where one is given, unless a finished one has the same key; return its id."""
        done = self._finished(run.key)
        if done is not None:
            return str(done.info.run_id)
        from mlflow.entities import Metric, Param

        tags = {KEY: run.key, **run.tags, **({"mlflow.parentRunId": parent} if parent else {})}
        run_id = str(self._client.create_run(self._experiment_id, run_name=run.name, tags=tags).info.run_id)
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, 0, 0) for name, value in run.metrics.items() if value is not None],
            params=[Param(name, str(value)) for name, value in run.params.items()],
        )
        self._client.set_terminated(run_id)
        return run_id

    def log_step(self, run_id: str, metric: str, value: float, step: int) -> None:
        """Add a point to a run's curve."""
        self._client.log_metric(run_id, metric, value, step=step)

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        if self.uri.startswith(SQLITE):
            Path(self.uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(self.uri)
        return mlflow.MlflowClient()

    @cached_property
    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        local = self.uri.startswith(SQLITE)
        location = Path(self._artifact_location).absolute().as_uri() if local else None
        return str(self._client.create_experiment(self._experiment, artifact_location=location))

    def _logged(self, run_id: str, version: str, *, new: bool) -> Logged:
        served = self.uri.startswith("http")
        page = f"{self.uri.rstrip('/')}/#/experiments/{self._experiment_id}/runs/{run_id}" if served else ""
        return Logged(run_id, version, page, new)

    def _finished(self, key: str) -> Any:
        condition = f"tags.`{KEY}` = '{key}' and attributes.status = 'FINISHED'"
        found = self._client.search_runs([self._experiment_id], condition, max_results=1)
        return found[0] if found else None

    def _parent(self, training: TrainingRun) -> str:
        """Return the run under which all candidates trained on the same data are gathered."""
        condition = f"tags.`fraud.group` = '{training.group}'"
        found = self._client.search_runs([self._experiment_id], condition, max_results=1)
        if found:
            return str(found[0].info.run_id)
        tags = {"fraud.group": training.group, **training.tags, **{f"dvc.{k}": v for k, v in training.data.items()}}
        name = f"training on {training.group[:12]}"
        return str(self._client.create_run(self._experiment_id, run_name=name, tags=tags).info.run_id)

    def _log(self, run_id: str, training: TrainingRun) -> None:
        import mlflow
        from mlflow.entities import Metric, RunTag

        client = self._client
        told = {"candidate": training.candidate, "calibration": training.calibration["method"], **training.params}
        for name, value in told.items():
            client.log_param(run_id, name, value)
        final = {f"{part}_{k}": v for part, values in training.metrics.items() for k, v in values.items()}
        final |= {**training.metrics["test"], "threshold": training.threshold}
        for name, bounds in training.intervals.items():
            final |= dict(zip((f"{name}_lower", f"{name}_upper"), bounds or (None, None), strict=True))
        measured = [Metric(name, value, 0, 0) for name, value in final.items() if value is not None]
        for row in training.rounds:
            step = int(row["round"])
            measured += [Metric(f"round_{k}_average_precision", v, 0, step) for k, v in row.items() if k != "round"]
        tags = [RunTag(f"dvc.{path}", digest) for path, digest in training.data.items()]
        for start in range(0, len(measured), 1000):
            client.log_batch(run_id, metrics=measured[start : start + 1000])
        client.log_batch(run_id, tags=tags)
        client.log_dict(run_id, dict(training.calibration), "calibration.json")
        for figure in training.figures:
            client.log_artifact(run_id, str(figure))
        for path, digest in training.data.items():
            mlflow.log_input(_dataset(path, digest), context=Path(path).stem)

    def _register(self, run_id: str, training: TrainingRun) -> str:
        from mlflow.exceptions import MlflowException

        logged = _log_model(training)
        try:
            self._client.create_registered_model(self._model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self._client.create_model_version(
            self._model_name,
            source=logged.model_uri,
            run_id=run_id,
            model_id=logged.model_id,
            tags={"candidate": training.candidate, KEY: training.key},
        ).version
        self._client.set_tag(run_id, "fraud.model_version", str(version))
        return str(version)


def _absolute(uri: str) -> str:
    """Return a SQLite address that means the same file from everywhere; others as they are."""
    return SQLITE + str(Path(uri.removeprefix(SQLITE)).absolute()) if uri.startswith(SQLITE) else uri


def _dataset(path: str, digest: str) -> Any:
    """Return a data set known by its DVC hash alone: hashing the rows again would take longer than logging."""
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset

    with warnings.catch_warnings():  # a relative path fits two of its kinds of source; either will do
        warnings.filterwarnings("ignore", "The specified dataset source can be interpreted")
        source = resolve_dataset_source(path)
    return MetaDataset(source=source, name=Path(path).stem, digest=digest[:36])  # type: ignore[abstract]  # it has the attribute


def _log_model(training: TrainingRun) -> Any:
    """Log the very bytes that would be released, in the flavour that reads them."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    example = pd.DataFrame(np.asarray(training.example), columns=list(training.names))
    signature = infer_signature(example, np.zeros(1))
    told: dict[str, Any] = {"name": "model", "signature": signature, "input_example": example}
    if training.model_file.endswith(".ubj"):
        import xgboost

        booster = xgboost.Booster(model_file=bytearray(training.model))
        pins = [f"xgboost=={xgboost.__version__}"]
        return mlflow.xgboost.log_model(booster, model_format="ubj", pip_requirements=pins, **told)
    import onnx
    import onnxruntime

    pins = [f"onnx=={onnx.__version__}", f"onnxruntime=={onnxruntime.__version__}"]
    graph = onnx.load_from_string(training.model)
    told["onnx_execution_providers"] = ["CPUExecutionProvider"]
    return mlflow.onnx.log_model(graph, pip_requirements=pins, **told)

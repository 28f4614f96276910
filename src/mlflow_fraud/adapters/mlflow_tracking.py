"""MLflow: one run and one registered version per trained candidate, however often it is asked."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_fraud.adapters.mlflow_database import check_database
from mlflow_fraud.adapters.mlflow_errors import NO_SERVER, Patience, explained, shown
from mlflow_fraud.adapters.mlflow_model import dataset, log_model
from mlflow_fraud.adapters.mlflow_moved import follow_project
from mlflow_fraud.adapters.mlflow_runs import PlainRun, TrainingRun, content_hash
from mlflow_fraud.core.errors import SettingsError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

KEY = "fraud.key"
VERSION = "fraud.model_version"
SQLITE = "sqlite:///"

LOOK_SECONDS = 10
"""How long the first answer may take: a server that is away is found out before anything is waited for."""

ANSWER_SECONDS = 20
"""How long each answer after the first may take; it is asked for once more."""


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
        self._answered = False

    def follow_project(self) -> Path | None:
        """Let a file in a project that was moved or copied name the folder of now; return where it was, or None."""
        if not self.uri.startswith(SQLITE):
            return None
        with explained(self.uri):
            return follow_project(Path(self.uri.removeprefix(SQLITE)), Path(self._artifact_location), Path.cwd())

    def check(self) -> None:
        """Raise `SettingsError` or `TrackingFailed` where nothing could be logged, in seconds and before any work."""
        with self._asking():
            self._find_experiment()

    def ensure_logged(self, training: TrainingRun) -> Logged:
        """Log the run and register the model, unless a finished run has the same key.

        One that was begun and never ended, as that of a process that was killed, is gone on with.
        """
        with self._asking() as patience:
            done = self._finished(training.key)
            if done is not None:
                version, new = self._registered(done, training)
                return self._logged(done.info.run_id, version, new=new)
            run_id, version = self._log_and_register(training, patience)
            return self._logged(run_id, version, new=True)

    def set_alias(self, alias: str, version: str) -> None:
        """Let `alias` name `version`; naming it again changes nothing."""
        with self._asking():
            self._client.set_registered_model_alias(self._model_name, alias, version)

    def set_tag(self, run_id: str, name: str, value: str) -> None:
        """Write a tag onto a run; writing it again changes nothing."""
        with self._asking():
            self._client.set_tag(run_id, name, value)

    def alias(self, alias: str) -> str | None:
        """Return the version that `alias` names, or None."""
        with self._asking():
            model = self._client.get_registered_model(self._model_name)
        version = model.aliases.get(alias)
        return None if version is None else str(version)

    def ensure_window(self, name: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> str:
        """Log a monitored window as a run of its own, unless one with the same tags is there; return its id."""
        with self._asking():
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
        with self._asking():
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

    def keep_run(self, run: PlainRun, steps: Mapping[int, Mapping[str, float]], at: int) -> str:
        """Add to a run that lives as long as what it is about; return its id.

        A step whose metrics are those that it has is not logged again. `at` is when, in milliseconds since 1970.
        """
        from mlflow.entities import Metric, RunTag

        with self._asking():
            condition = f"tags.`{KEY}` = '{run.key}'"
            found = self._client.search_runs([self._experiment_id], condition, max_results=1)
            tags = {KEY: run.key, **run.tags}
            kept = found[0] if found else self._client.create_run(self._experiment_id, run_name=run.name, tags=tags)
            for step, metrics in sorted(steps.items()):
                tag = RunTag(f"fraud.step.{step}", content_hash(metrics))
                if kept.data.tags.get(tag.key) != tag.value:
                    points = [Metric(name, value, at, step) for name, value in metrics.items()]
                    self._client.log_batch(kept.info.run_id, metrics=points, tags=[tag])
            self._client.set_terminated(kept.info.run_id)  # it is added to all the same, and nobody waits for it
            return str(kept.info.run_id)

    def log_step(self, run_id: str, metric: str, value: float, step: int) -> None:
        """Add a point to a run's curve."""
        with self._asking():
            self._client.log_metric(run_id, metric, value, step=step)

    @contextmanager
    def _asking(self) -> Iterator[Patience]:
        """Look first whether anybody answers, then wait longer for each answer; say what goes wrong in our words."""
        with explained(self.uri), Patience() as patience:
            if not self._answered:
                patience.be(seconds=LOOK_SECONDS, retries=0)
                self._client.search_experiments(max_results=1)
                self._answered = True
            patience.be(seconds=ANSWER_SECONDS, retries=1)
            yield patience

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        # it prints the traceback of what it raises, which is told in a sentence
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        if self.uri.startswith(SQLITE):
            Path(self.uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
        self.follow_project()
        if not self._served:
            check_database(self.uri, seconds=LOOK_SECONDS)
        mlflow.set_tracking_uri(self.uri)
        if not self.uri.startswith("databricks"):  # whose registry is another place than its runs
            mlflow.set_registry_uri(self.uri)  # else MLFLOW_REGISTRY_URI names another server for the versions
        return mlflow.MlflowClient()

    @property
    def _served(self) -> bool:
        return self.uri.startswith(("http:", "https:", "databricks"))

    @cached_property
    def _experiment_id(self) -> str:
        found = self._find_experiment()
        if found is not None:
            return str(found.experiment_id)
        location = None if self._served else _location(self._artifact_location)
        return str(self._client.create_experiment(self._experiment, artifact_location=location))

    def _find_experiment(self) -> Any:
        """Return the experiment, or None where it was not made yet; raise `SettingsError` when it was deleted."""
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None and not found.experiment_id:
            raise SettingsError(f"MLflow at {shown(self.uri)} {NO_SERVER}")
        if found is not None and found.lifecycle_stage != "active":
            raise SettingsError(
                f"the experiment `{self._experiment}` is deleted in MLflow at {shown(self.uri)}; bring it back with "
                f"`MLFLOW_TRACKING_URI={shown(self.uri)} mlflow experiments restore -x {found.experiment_id}`, "
                "or name another in FRAUD_EXPERIMENT"
            )
        return found

    def _logged(self, run_id: str, version: str, *, new: bool) -> Logged:
        served = self.uri.startswith("http")
        page = f"{shown(self.uri).rstrip('/')}/#/experiments/{self._experiment_id}/runs/{run_id}" if served else ""
        return Logged(run_id, version, page, new)

    def _finished(self, key: str) -> Any:
        return self._newest(key, "FINISHED")

    def _begun(self, key: str) -> str | None:
        found = self._newest(key, "RUNNING")
        return None if found is None else str(found.info.run_id)

    def _newest(self, key: str, status: str) -> Any:
        condition = f"tags.`{KEY}` = '{key}' and attributes.status = '{status}'"
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
        final |= {} if training.expected_loss is None else {"expected_loss": training.expected_loss}
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
            mlflow.log_input(dataset(path, digest), context=Path(path).stem)

    def _log_and_register(self, training: TrainingRun, patience: Patience) -> tuple[str, str]:
        import mlflow

        with (
            mlflow.start_run(run_id=self._parent(training)),
            mlflow.start_run(
                run_id=self._begun(training.key),
                run_name=training.candidate,
                nested=True,
                experiment_id=self._experiment_id,
                tags={KEY: training.key, **training.tags},
            ) as run,
        ):
            try:
                self._log(run.info.run_id, training)
                there = self._version(training)
                if there is None or there.run_id != run.info.run_id:
                    version = self._register(run.info.run_id, training, log_model(training))
                else:
                    version = str(there.version)
            except BaseException:
                patience.be(seconds=1, retries=0)  # both runs are ended on the way out, whoever is there to hear it
                raise
        return run.info.run_id, version

    def _registered(self, run: Any, training: TrainingRun) -> tuple[str, bool]:
        """Return the run's version and whether it was made now: one that was deleted, or is under another name, is."""
        found = self._version(training)
        if found:
            return str(found.version), False
        import mlflow

        with mlflow.start_run(run_id=run.info.run_id):
            return self._register(run.info.run_id, training, log_model(training)), True

    def _version(self, training: TrainingRun) -> Any:
        condition = f"name = '{self._model_name}' and tags.`{KEY}` = '{training.key}'"
        found = self._client.search_model_versions(condition, max_results=1, order_by=["version_number DESC"])
        return found[0] if found else None

    def _register(self, run_id: str, training: TrainingRun, logged: Any) -> str:
        from mlflow.exceptions import MlflowException

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
        self._client.set_tag(run_id, VERSION, str(version))
        return str(version)


def _absolute(uri: str) -> str:
    """Return a SQLite address that means the same file from everywhere; others as they are."""
    return SQLITE + str(Path(uri.removeprefix(SQLITE)).absolute()) if uri.startswith(SQLITE) else uri


def _location(given: str) -> str:
    """Return where artifacts go as an address; a path means the same folder from everywhere."""
    return given if "://" in given else Path(given).absolute().as_uri()

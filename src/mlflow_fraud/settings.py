"""What an experiment may change enters here, once: `params.yaml` and contracts become frozen typed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, model_validator

from mlflow_fraud.core.candidates import TrainParams
from mlflow_fraud.core.contract import Contract, read_contract
from mlflow_fraud.core.decision import CompareRule
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.evaluation import EvaluateParams
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.retrain import MonitorRule
from mlflow_fraud.core.split import SplitRule
from mlflow_fraud.core.strict import Strict, parse
from mlflow_fraud.core.threshold import ThresholdRule

PARAMS_FILE = Path("params.yaml")


class Dataset(Strict):
    """A data set: the contract that describes it, the protocol that splits it, and features of its own."""

    contract: Path
    split: SplitRule
    features: FeatureParams | None = None


class Simulation(Strict):
    """The built-in stream's size; its meaning is in `mlflow_fraud.simulation`."""

    seed: int = 7
    start: date = date(2019, 1, 1)
    days: int = Field(default=730, ge=1)
    transactions: int = Field(default=150_000, ge=1)
    cards: int = Field(default=250, ge=1)
    merchants: int = Field(default=500, ge=1)


class Params(Strict):
    """What an experiment may change: the whole of `params.yaml`."""

    dataset: str
    datasets: dict[str, Dataset]
    simulation: Simulation = Simulation()
    features: FeatureParams
    threshold: ThresholdRule
    train: TrainParams
    evaluate: EvaluateParams
    compare: CompareRule
    monitor: MonitorRule

    @property
    def active(self) -> Dataset:
        """The data set that `dataset` names."""
        return self.datasets[self.dataset]

    @property
    def active_features(self) -> FeatureParams:
        """The features of the active data set: its own, or else those of all."""
        return self.active.features or self.features

    @property
    def raw_folder(self) -> Path:
        """Where the active data set's raw batches lie."""
        return Path("data/raw") / self.dataset

    @model_validator(mode="after")
    def _dataset_is_described(self) -> Self:
        if self.dataset not in self.datasets:
            raise ValueError(f"dataset {self.dataset} is not described, {nearest(self.dataset, self.datasets)}")
        return self


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Return the parameters; raise `SettingsError` with the nearest right name for a misspelt key."""
    return parse(Params, _read_yaml(path), where=str(path))


def load_contract(path: Path) -> Contract:
    """Return the contract in a YAML file; raise `SettingsError` where it is wrong."""
    return read_contract(_read_yaml(path), where=str(path))


def _read_yaml(path: Path) -> Mapping[str, object]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing; run from the repository's top folder") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, Mapping):
        raise SettingsError(f"{path}: expected keys and values, found {type(document).__name__}")
    return document

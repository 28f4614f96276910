"""What an experiment may change enters here, once: `params.yaml` and contracts become frozen typed values."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.document import Document, read_document
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.labels import LABEL_CHANCE, LabelRule
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.chain import Refit, ShipRule
from mlflow_fraud.core.learning.protocols import EvaluateParams
from mlflow_fraud.core.learning.split import SplitRule
from mlflow_fraud.core.learning.training import JudgeRules
from mlflow_fraud.core.measuring.calibrating import CalibrationRule
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.threshold import ThresholdRule
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.core.strict import Strict, parse
from mlflow_fraud.core.watching.retrain import MonitorRule
from mlflow_fraud.paths import PARAMS_FILE, raw_folder


class Dataset(LabelRule):
    """A data set: the contract that describes it, the protocol that splits it, what ships, features of its own.

    `refit` is what the model that ships has learned from beside its train rows: `none`, those of `validation`, or
    `all` that is mature; then the practice is judged, on test blocks each for a model that had learned all before it.
    What silence about a payment says is in `labels`, `review_share` and `weight_cap`, as `LabelRule` has it.
    """

    contract: Path
    split: SplitRule
    refit: Refit = "all"
    features: FeatureParams | None = None

    @property
    def silence_days(self) -> int | None:
        """After how many days silence about a payment is a label, genuine; None where it says nothing."""
        return None if self.selective else self.split.horizon.days


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
    calibration: CalibrationRule = CalibrationRule()
    costs: CostRule
    train: TrainParams
    ship: ShipRule = ShipRule()
    evaluate: EvaluateParams
    compare: CompareRule
    monitor: MonitorRule

    @property
    def active(self) -> Dataset:
        """The data set that `dataset` names."""
        return self.datasets[self.dataset]

    def described(self, dataset: str) -> Dataset:
        """Return the data set of a name; raise `SettingsError` with the nearest right one where none has it."""
        if dataset not in self.datasets:
            raise SettingsError(f"no data set is called {dataset}, {nearest(dataset, self.datasets)}")
        return self.datasets[dataset]

    @property
    def active_features(self) -> FeatureParams:
        """The features of the active data set: its own, or else those of all."""
        return self.active.features or self.features

    @property
    def judging(self) -> JudgeRules:
        """How candidates are calibrated, cut and judged."""
        held = self.active.refit == "all"
        return JudgeRules(self.threshold, self.calibration, self.costs, self.compare.bootstrap, held=held)

    @property
    def raw_folder(self) -> Path:
        """Where the active data set's raw batches lie."""
        return raw_folder(self.dataset)

    @model_validator(mode="after")
    def _dataset_is_described(self) -> Self:
        if self.dataset not in self.datasets:
            raise ValueError(f"dataset {self.dataset} is not described, {nearest(self.dataset, self.datasets)}")
        return self


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Return the parameters; raise `SettingsError` with line and nearest right name for a misspelt key."""
    values, lines = _read_yaml(path)
    return parse(Params, values, where=str(path), lines=lines)


def read_judging(text: str, *, where: str) -> tuple[CompareRule, CostRule]:
    """Return the sections `compare` and `costs` of a `params.yaml`; raise `SettingsError` for what it lacks."""
    values, _ = read_document(text, where=where)
    for section in ("compare", "costs"):
        if not isinstance(values.get(section), dict):
            raise SettingsError(f"{where} has no section `{section}`; name a commit that has one")
    return (
        parse(CompareRule, values["compare"], where=f"{where}, compare"),
        parse(CostRule, values["costs"], where=f"{where}, costs"),
    )


def load_contract(path: Path) -> Contract:
    """Return the contract in a YAML file; raise `SettingsError` with line and nearest right name where it is wrong."""
    values, lines = _read_yaml(path)
    return read_contract(values, where=str(path), lines=lines)


def contract_of(dataset: Dataset) -> Contract:
    """Return a data set's contract; raise `SettingsError` where the two do not agree on what labels say."""
    contract = load_contract(dataset.contract)
    require_chance(contract, dataset, where=str(dataset.contract))
    return contract


def require_chance(contract: Contract, rule: LabelRule, *, where: str) -> None:
    """Raise `SettingsError` where labels are selective and the contract has no column that says with what chance."""
    if rule.selective and contract.column(LABEL_CHANCE) is None:
        raise SettingsError(
            f"{where}: `labels: selective` in params.yaml needs a column with the role label_chance, found none; add "
            "the one that says with which chance each label was looked for, or say `labels: complete`"
        )


def _read_yaml(path: Path) -> Document:
    try:
        return read_document(path.read_text(encoding="utf-8"), where=str(path))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing; run from the repository's top folder") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None

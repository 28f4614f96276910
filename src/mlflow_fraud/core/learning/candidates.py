"""The three candidates, and what each may be told: `fits` has how they are fitted, which takes seconds to import."""

from __future__ import annotations

from pydantic import Field

from mlflow_fraud.core.strict import Strict

CANDIDATES = ("logistic", "forest", "xgboost")


class LogisticParams(Strict):
    """Logistic regression on binned features."""

    c: float = Field(gt=0)
    bins: int = Field(ge=2)


class ForestParams(Strict):
    """A random forest."""

    trees: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)
    max_features: float = Field(gt=0, le=1)
    max_samples: float = Field(gt=0, le=1)


class XgboostParams(Strict):
    """Gradient-boosted trees, stopped early on validation average precision.

    A refit on more rows takes `refit_rounds` times as many rounds.
    """

    eta: float = Field(gt=0, le=1)
    max_depth: int = Field(ge=1)
    min_child_weight: float = Field(ge=0)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)
    reg_lambda: float = Field(ge=0)
    base_score: float = Field(gt=0, lt=1)
    rounds: int = Field(ge=1)
    early_stopping_rounds: int = Field(ge=1)
    refit_rounds: float = Field(default=1.1, ge=1)


class TrainParams(Strict):
    """The section `train` of `params.yaml`."""

    seed: int
    logistic: LogisticParams
    forest: ForestParams
    xgboost: XgboostParams

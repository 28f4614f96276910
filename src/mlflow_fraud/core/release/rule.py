"""The section `compare` of `params.yaml`: what a challenger has to show."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mlflow_fraud.core.errors import nearest
from mlflow_fraud.core.measuring.evaluation import HIGHER_IS_BETTER, LOWER_IS_BETTER
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.measures import DRAWN
from mlflow_fraud.core.release.twin import TwinRule
from mlflow_fraud.core.strict import Strict


class CompareRule(Strict):
    """What decides, and how surely. `min_gain` is in the unit of `metric`; the losses are per metric.

    Floors are for metrics where higher is better, ceilings for those where lower is; a loss is the bad
    direction of either. `max_loss` has each guardrail's margin; all of them together are wrong about a challenger
    that is as good with a probability of at most 1 - `guardrail_confidence`. `unproven` says whether a change may go
    live while a guardrail is not known to hold, and `twin` how alike what ships and the last judged model must be.
    """

    metric: Literal["f1", "average_precision", "expected_cost"] = "f1"
    select_by: str = "average_precision"
    floors: dict[str, float]
    ceilings: dict[str, float] = Field(default={})
    min_gain: float = 0.0
    max_loss: dict[str, float]
    guardrail_confidence: float = Field(default=0.9, gt=0.5, lt=1)
    unproven: Literal["allow", "refuse"] = "allow"
    min_frauds: int = Field(default=50, ge=1)
    bootstrap: BootstrapRule = BootstrapRule()
    twin: TwinRule = TwinRule()

    @model_validator(mode="after")
    def _names_metrics_that_it_can_judge(self) -> Self:
        for name in (self.select_by, *self.floors, *self.ceilings, *self.max_loss):
            if name not in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
                hint = nearest(name, (*HIGHER_IS_BETTER, *LOWER_IS_BETTER))
                raise ValueError(f"{name} is no metric that models are judged by, {hint}")
        for name in self.floors:
            if name in LOWER_IS_BETTER:
                raise ValueError(f"lower is better in {name}: it takes a ceiling, not a floor")
        for name in self.ceilings:
            if name in HIGHER_IS_BETTER:
                raise ValueError(f"higher is better in {name}: it takes a floor, not a ceiling")
        for name, margin in self.max_loss.items():
            if name not in DRAWN:
                raise ValueError(f"{name} has no interval, so its loss cannot be judged; {nearest(name, DRAWN)}")
            if margin < 0:
                raise ValueError(f"{name} may lose at most {margin}: a margin is 0 or more")
        return self

"""What is to be otherwise, as a person says it: a threshold, a policy with its number, a budget, a release."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import get_args

from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.threshold import Policy, ThresholdRule
from mlflow_fraud.core.strict import parse

OPTIONS = "the command's options"


@dataclass(frozen=True)
class Asked:
    """What the command was given; `cut` and `costs` are what it comes to. None and empty: as it is."""

    threshold: float | None = None
    policy: str = ""
    precision: float | None = None
    alerts_per_day: float | None = None
    release: str = ""
    test_period: bool = False

    @property
    def rule(self) -> ThresholdRule | None:
        """The policy that is to settle from what on is flagged; None where a threshold, or the release itself, says."""
        if not self._policy:
            return None
        told = {"precision": self.precision}
        if self._policy != "expected-loss":
            told["alerts_per_day"] = self.alerts_per_day
        given = {name: value for name, value in told.items() if value is not None}
        return parse(ThresholdRule, {"policy": self._policy, **given}, where=OPTIONS)

    def costs(self, costs: CostRule) -> CostRule:
        """Return the costs, with the budget within which an expected loss is to be settled where one was given."""
        if self._policy != "expected-loss" or self.alerts_per_day is None:
            return costs
        return parse(CostRule, {**costs.model_dump(), "alerts_per_day": self.alerts_per_day}, where=OPTIONS)

    def check(self, costs: CostRule) -> None:
        """Raise `SettingsError` where nothing is otherwise, or what is said cannot be, also with these costs."""
        self._check_numbers()
        if self.threshold is None and not self._policy and not self.release:
            raise SettingsError(
                "nothing is to be otherwise; say --threshold, --policy, --alerts-per-day or --release, or several"
            )
        if self.threshold is not None and not 0 <= self.threshold <= 1:  # so that NaN is refused
            raise SettingsError(f"--threshold {self.threshold} is no probability; expected a number from 0 to 1")
        if self.policy and self.policy not in get_args(Policy):
            raise SettingsError(f"no policy is called {self.policy}, {nearest(self.policy, get_args(Policy))}")
        if self.threshold is not None and self._policy:
            raise SettingsError(
                "a threshold or a policy says from what on is flagged, not both, and --alerts-per-day alone is a "
                "policy; take one out"
            )
        _ = self.rule, self.costs(costs)

    def _check_numbers(self) -> None:
        """Raise `SettingsError` where a policy lacks its number, or a number has no policy, in the options' names."""
        if self.alerts_per_day is not None and not 0 < self.alerts_per_day < inf:  # so that NaN is refused
            raise SettingsError(f"--alerts-per-day {self.alerts_per_day:g} is no budget; expected a number over 0")
        if self.precision is not None and self._policy != "min-precision":
            raise SettingsError("--precision belongs to --policy min-precision; take it out, or say that policy")
        if self.precision is None and self._policy == "min-precision":
            raise SettingsError("--policy min-precision needs --precision, the share of alerts that are to be frauds")
        if self.alerts_per_day is None and self._policy == "alert-budget":
            raise SettingsError("--policy alert-budget needs --alerts-per-day")
        if self.alerts_per_day is not None and self._policy in ("max-f1", "min-precision", "min-cost"):
            raise SettingsError(
                f"--alerts-per-day belongs to --policy alert-budget or expected-loss, not to {self._policy}; take it "
                "out, or say one of those"
            )

    @property
    def _policy(self) -> str:
        """The policy; a number of alerts alone is a budget."""
        return self.policy or ("alert-budget" if self.alerts_per_day is not None else "")

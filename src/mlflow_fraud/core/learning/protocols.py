"""The protocols by which a candidate is judged, and what its folds say together."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.learning.prequential import PrequentialRule
from mlflow_fraud.core.learning.split import Days, SplitRule
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.strict import Strict

PROTOCOLS = ("official", "holdout", "prequential")


class HoldoutDays(Strict):
    """The holdout for a data set whose own split is another one."""

    validation_days: Days
    test_days: Days


class EvaluateParams(Strict):
    """The section `evaluate` of `params.yaml`."""

    holdout: HoldoutDays
    prequential: PrequentialRule


def split_for(protocol: str, own: SplitRule, params: EvaluateParams) -> SplitRule:
    """Return the rule of a protocol with one test period: the data set's own where it is that protocol.

    Raises `SettingsError` for the official protocol on a data set that names no test batch.
    """
    if protocol == own.protocol:
        return own
    if protocol == "holdout":
        days = params.holdout.model_dump()
        return SplitRule(protocol="holdout", label_delay_days=own.label_delay_days, **days)
    raise SettingsError(
        f"the data set's split is {own.protocol} and names no test batch; the official protocol needs "
        "`split: {protocol: official, test_batch: <name of the raw batch>, …}` in params.yaml"
    )


def check_protocol(protocol: str) -> None:
    """Raise `SettingsError` where no protocol has that name."""
    if protocol not in PROTOCOLS:
        raise SettingsError(f"no protocol is called {protocol}, {nearest(protocol, PROTOCOLS)}")


def over_folds(folds: Sequence[Metrics]) -> dict[str, Metrics]:
    """Return each metric's mean over the folds and its standard deviation (n - 1), missing where one fold is alone.

    A metric that one fold lacks has neither.

    >>> over_folds([{"f1": 0.5}, {"f1": 0.75}])["mean"]
    {'f1': 0.625}
    >>> over_folds([{"f1": 0.5}])["standard deviation"]
    {'f1': None}
    """
    columns = {name: [fold.get(name) for fold in folds] for name in folds[0]}
    known = {name: [value for value in values if value is not None] for name, values in columns.items()}
    whole = {name: values if len(values) == len(folds) else [] for name, values in known.items()}
    return {
        "mean": {name: fmean(values) if values else None for name, values in whole.items()},
        "standard deviation": {name: stdev(values) if len(values) > 1 else None for name, values in whole.items()},
    }

"""Validation settles calibration and threshold; the test period only measures."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_fraud.core.calibrating import CalibrationRule
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.threshold import ThresholdRule, choose_threshold, in_few_digits
from mlflow_fraud.core.training import Assessment, JudgeRules, Scored, assess, settle
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
RULES = JudgeRules(ThresholdRule(policy="max-f1"), CalibrationRule(), COSTS, BootstrapRule(samples=100))


def scored(seed: int, *, rows: int = 3000) -> Scored:
    draw = np.random.default_rng(seed)
    true = 1 / (1 + np.exp(-draw.normal(-3, 2, rows)))
    period = make_period((draw.random(rows) < true).astype(int).tolist(), cards=draw.integers(0, 100, rows).tolist())
    return Scored(period, true**2)


def assessed(validation: Scored, test: Scored) -> Assessment:
    settled = settle(validation, RULES)
    calibrated = [Scored(part.period, settled.calibration(part.scores)) for part in (validation, test)]
    return assess(settled, calibrated[0], calibrated[1], RULES)


def test_the_test_labels_have_no_say_in_what_is_settled() -> None:
    validation, test = scored(1), scored(2)
    period = test.period
    turned = Scored(Period(1 - period.labels, period.cards, period.times, period.amounts), test.scores)
    one, other = assessed(validation, test), assessed(validation, turned)
    assert (one.threshold, one.calibration, one.validation) == (other.threshold, other.calibration, other.validation)
    assert one.test != other.test


def test_the_threshold_is_on_the_calibrated_probability() -> None:
    validation = scored(1)
    settled = settle(validation, RULES)
    assert settled.calibration.method != "none"
    probabilities = settled.calibration(validation.scores)
    assert settled.threshold == in_few_digits(
        choose_threshold(validation.period, probabilities, RULES.threshold, COSTS), probabilities
    )


def test_an_assessment_survives_its_file() -> None:
    found = assessed(scored(1), scored(2))
    assert Assessment.model_validate(found.model_dump(mode="json")) == found
    assert found.intervals["f1"] is not None


def test_validation_without_fraud_settles_nothing() -> None:
    with pytest.raises(DataError, match="make validation_days longer"):
        settle(Scored(make_period([0, 0]), np.array([0.1, 0.2])), RULES)
    with pytest.raises(DataError, match="make validation_days longer"):
        settle(Scored(make_period([]), np.empty(0)), RULES)

"""`mlflow-fraud record show` reads, and makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlflow_fraud.adapters.explanation import Explanation, load_explanation
from mlflow_fraud.adapters.prediction_log.entries import Payment, Reasoned
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.cli import app
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.explaining.reasons import Reason, Reasons
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.show import show_prediction
from tests.records import answered, note_of, payments
from tests.serving.conftest import MakeRelease, make_release, recorded

__all__ = ["make_release", "recorded"]
from tests.runbook import typed


def test_where_no_record_is_it_says_so_and_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{tmp_path / 'there/record.db'}")
    done = CliRunner().invoke(app, ["record", "show", "xgboost-1.abc"])
    assert done.exit_code == 1
    assert isinstance(done.exception, DataError)
    assert f"there is no record at {tmp_path / 'there/record.db'}" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_reasons_that_the_record_has_are_told_in_words_of_both_languages(
    log: PredictionLog, filled: list[Payment], desk: Path
) -> None:
    why = Reason(code="amount", en="the amount", fr="le montant", contribution=2.5)
    reasons = Reasons(base=-5.0, strongest=(why,), others=-0.25)
    first = filled[0]
    assert first.answer is not None
    log.append([Reasoned(first.place, first.answer.prediction, reasons.model_dump_json())])
    said = show_prediction(first.answer.prediction)
    assert "reasons, in log odds before calibration: -2.750, beginning at -5.000" in said
    assert "  +2.500  amount: the amount / le montant" in said
    assert "  -0.250  all others" in said


def test_reasons_of_another_answer_to_the_payment_change_nothing(log: PredictionLog, filled: list[Payment]) -> None:
    log.append([Reasoned(filled[0].place, "another", "{}")])
    assert filled[0].answer is not None
    told = log.by_prediction(filled[0].answer.prediction)
    assert told is not None
    assert told.payment["reasons"] is None


def test_reasons_that_the_record_lacks_are_worked_out_from_the_release_in_the_store_and_nothing_is_written(
    log: PredictionLog, schema: FeatureSchema, desk: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = make_release()
    version = release.manifest.version
    monkeypatch.setenv("FRAUD_RELEASE_STORE", str(desk / "releases"))
    open_store(str(desk / "releases")).put(release)
    (payment,) = answered(payments(1), schema, version)
    log.append([note_of(schema, version), payment])
    assert payment.answer is not None
    explanation = load_explanation(release.manifest, release.files, schema.names)
    assert isinstance(explanation, Explanation)
    expected = explanation.reasons(payment.answer.features)

    command = typed("mlflow-fraud record show PREDICTION_ID", prediction_id=payment.answer.prediction)
    said = CliRunner().invoke(app, command.split()[1:]).output

    assert f"before calibration: {expected.log_odds:+.3f}, beginning at {expected.base:+.3f}" in said
    for each in expected.strongest:
        assert f"  {each.contribution:+.3f}  {each.code}: {each.en} / {each.fr}" in said
    told = log.by_prediction(payment.answer.prediction)
    assert told is not None
    assert told.payment["reasons"] is None


def test_where_the_release_cannot_be_had_it_is_said_and_all_else_is_told(filled: list[Payment], desk: Path) -> None:
    assert filled[1].answer is not None
    said = show_prediction(filled[1].answer.prediction)
    assert "reasons\n  none: release xgboost-1 is not in " in said
    assert "features, as they were served" in said

"""What if: the same payments under another threshold, policy or release, and what cannot be told is one sentence."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from mlflow_fraud.adapters.prediction_log.entries import Label
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import LABEL, PAYMENT
from mlflow_fraud.adapters.release_files import SCHEMA_FILE, schema_of
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import DataError, NoRecord, ReleaseRejected, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.release.release import Release, entry, version_of
from mlflow_fraud.operations.monitoring.figures import budget
from mlflow_fraud.operations.record.seed import seed
from mlflow_fraud.operations.whatif.asked import Asked
from mlflow_fraud.operations.whatif.what_if import FILE, PAGE, what_if
from mlflow_fraud.paths import PREDICTION_LOG
from tests.operations.monitoring.conftest import HORIZON_DAYS, live

RECORD = f"sqlite:///{PREDICTION_LOG}"
FIGURES = ("net_saved", "loss_prevented", "alert_cost", "loss_missed", "alerts_per_day", "recall", "precision", "f1")
COSTS = CostRule(alert=5.0, missed_share=1.0, burst_gap_days=7)


def told() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text())
    return document


def test_the_threshold_that_is_live_makes_no_difference_on_the_record(served: ReleaseStore) -> None:
    threshold = live(served).manifest.threshold
    page = what_if(served, Asked(threshold=threshold))
    found = told()
    for name in FIGURES:
        assert found["changes"][name] == {"estimate": 0.0, "lower": 0.0, "upper": 0.0}
    assert found["live"]["metrics"] == found["instead"]["metrics"]
    assert found["live"]["slices"] == found["instead"]["slices"]
    assert "saved a day no difference" in page


def test_a_lower_threshold_has_more_alerts_and_recall_and_the_page_shows_it_with_its_parts(
    served: ReleaseStore,
) -> None:
    page = what_if(served, Asked(threshold=0.001))
    found = told()
    for name in ("alerts_per_day", "recall", "alert_cost", "loss_prevented"):
        assert found["changes"][name]["lower"] <= found["changes"][name]["estimate"]
        assert found["instead"]["metrics"][name] > found["live"]["metrics"][name]
    parts = found["live"]["slices"]
    assert {each["of"] for each in parts} == {"category", "amount", "new card", "age"}
    for of in {each["of"] for each in parts}:
        assert sum(each["rows"] for each in parts if each["of"] == of) == found["live"]["metrics"]["rows"]
    assert found["of"] == "the record"
    html = PAGE.read_text()
    assert 'src="data:image/png;base64,' in html
    assert "known for longer" in html
    assert "| alerts a day |" in page


@pytest.mark.slow
def test_labels_that_were_reversed_count_as_the_newest_by_arrival(served: ReleaseStore) -> None:
    what_if(served, Asked(threshold=0.001))
    before = told()["live"]["metrics"]
    log = PredictionLog(RECORD)
    with log.reading() as connection:
        rows = connection.execute(LABEL.select()).mappings().all()
    mature = [row for row in rows if row["arrived"] + timedelta(days=HORIZON_DAYS) < max(r["arrived"] for r in rows)]
    reversed_ = [Label((row["contract"], row["event_id"]), 0, row["arrived"] + timedelta(days=1)) for row in mature[:3]]
    log.take_in([([], reversed_)], received=rows[0]["received"], source="service")
    log.close()
    what_if(served, Asked(threshold=0.001))
    after = told()["live"]["metrics"]
    assert after["frauds"] == before["frauds"] - 3
    assert after["rows"] == before["rows"]
    lost = before["loss_prevented"] + before["loss_missed"] - after["loss_prevented"] - after["loss_missed"]
    assert lost > 0


@pytest.mark.slow
def test_a_policy_is_settled_on_rows_before_those_that_are_replayed(served: ReleaseStore) -> None:
    what_if(served, Asked(policy="expected-loss"))
    assert told()["instead"]["cutoff"].startswith("expected-loss: an expected loss of 5.00, ")
    by_money = told()["instead"]["metrics"]
    assert by_money["net_saved"] > told()["live"]["metrics"]["net_saved"]
    what_if(served, Asked(alerts_per_day=1))
    assert told()["instead"]["cutoff"].startswith("alert-budget: threshold ")
    assert told()["instead"]["metrics"]["alerts_per_day"] < by_money["alerts_per_day"]


def test_no_label_is_mature_yet_says_until_when(served: ReleaseStore) -> None:
    first = live(served).manifest.learned_until
    assert first is not None
    log = PredictionLog(RECORD)
    with log.writing() as connection:
        connection.execute(delete(PAYMENT).where(PAYMENT.c.event_time > first + timedelta(days=9)))
        connection.execute(delete(LABEL))
    log.close()
    with pytest.raises(DataError, match=r"no label is mature yet: one counts 10 days .*--test-period replays") as said:
        what_if(served, Asked(threshold=0.3))
    assert "replay the record from" in str(said.value)
    assert not FILE.exists()


def test_without_a_record_the_way_out_is_named(served: ReleaseStore) -> None:
    PREDICTION_LOG.unlink()
    with pytest.raises(NoRecord, match="--test-period replays the test period instead"):
        what_if(served, Asked(threshold=0.3))


def test_figures_of_the_test_period_are_those_of_its_evaluation_to_the_bit(served: ReleaseStore) -> None:
    what_if(served, Asked(threshold=0.3, test_period=True))
    found = told()["live"]
    shipped = json.loads(Path("data/models/shipped/metrics.json").read_text())
    assert {name: found["metrics"][name] for name in shipped["test"]} == shipped["test"]
    for name in ("f1", "precision", "recall"):
        assert found["intervals"][name] == shipped["intervals"][name]
    assert told()["of"] == "the test period"
    assert found["cutoff"].endswith("as it went live, and in each block of the test its own")


def test_a_policy_on_the_test_period_is_settled_as_training_settled_it(served: ReleaseStore) -> None:
    what_if(served, Asked(policy="max-f1", test_period=True))
    candidate = live(served).manifest.candidate
    trained = json.loads(Path(f"data/models/{candidate}/metrics.json").read_text())
    assert told()["instead"]["cutoff"] == f"max-f1: threshold {trained['threshold']:.4f}"


def again(release: Release, *, threshold: float, schema: FeatureSchema | None = None) -> Release:
    """Return a release that is another one in its threshold, and where given in its features."""
    content = dict(release.files)
    if schema is not None:
        content[SCHEMA_FILE] = schema.to_json().encode()
    said = {
        "threshold": threshold,
        "files": {name: entry(each) for name, each in content.items()},
        "feature_schema_sha256": (schema or schema_of(release)).sha256,
    }
    manifest = release.manifest.model_copy(update=said)
    version = version_of(manifest.candidate, content, manifest.cutoff, manifest.calibration)
    return Release(manifest.model_copy(update={"version": version}), content)


@pytest.mark.slow
def test_another_release_of_the_store_scores_the_features_that_were_served(served: ReleaseStore) -> None:
    other = again(live(served), threshold=0.001)
    served.put(other)
    what_if(served, Asked(release=other.manifest.version))
    found = told()
    assert found["instead"]["name"] == other.manifest.version
    assert found["instead"]["metrics"]["average_precision"] == found["live"]["metrics"]["average_precision"]
    assert found["changes"]["alerts_per_day"]["estimate"] > 0
    what_if(served, Asked(release=other.manifest.version, threshold=live(served).manifest.threshold))
    assert told()["changes"]["f1"]["estimate"] == 0.0


@pytest.mark.slow
def test_a_release_with_other_features_has_them_made_of_the_record_or_says_what_that_lacks(
    served: ReleaseStore,
) -> None:
    own = schema_of(live(served))
    params = own.params.model_copy(update={"large_amount": own.params.large_amount + 1})
    larger = FeatureSchema(**dict(own) | {"params": params})
    other = again(live(served), threshold=live(served).manifest.threshold, schema=larger)
    served.put(other)
    with pytest.raises(DataError, match=r"reads other features than were served, .* `mlflow-fraud record seed --add`"):
        what_if(served, Asked(release=other.manifest.version))
    seed(add=True)
    what_if(served, Asked(release=other.manifest.version))
    found = told()
    assert found["instead"]["metrics"]["rows"] == found["live"]["metrics"]["rows"] > 0
    assert found["instead"]["metrics"]["f1"] == pytest.approx(found["live"]["metrics"]["f1"], abs=0.05)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param(Asked(), "nothing is to be otherwise; say --threshold", id="nothing"),
        pytest.param(Asked(threshold=1.5), "threshold 1.5 is no probability; expected a number from 0 to 1", id="1.5"),
        pytest.param(Asked(threshold=float("nan")), "threshold nan is no probability", id="nan"),
        pytest.param(Asked(policy="max-f2"), r"no policy is called max-f2, did you mean max-f1\?", id="policy"),
        pytest.param(Asked(policy="min-precision"), "min-precision needs --precision", id="number"),
        pytest.param(Asked(policy="alert-budget"), "alert-budget needs --alerts-per-day", id="no budget"),
        pytest.param(Asked(precision=0.9), "precision belongs to --policy min-precision", id="precision alone"),
        pytest.param(Asked(release="v", precision=0.9), "precision belongs to --policy min-pre", id="of a release"),
        pytest.param(Asked(policy="max-f1", precision=0.9), "precision belongs to --policy min-pre", id="precision"),
        pytest.param(
            Asked(policy="max-f1", alerts_per_day=3), "--alerts-per-day belongs to --policy alert-budget", id="budget"
        ),
        pytest.param(Asked(threshold=0.3, policy="max-f1"), "a threshold or a policy", id="both"),
        pytest.param(Asked(alerts_per_day=0), "--alerts-per-day 0 is no budget; expected a number over 0", id="0"),
        pytest.param(Asked(alerts_per_day=float("nan")), "--alerts-per-day nan is no budget", id="nan alerts"),
        pytest.param(Asked(policy="expected-loss", alerts_per_day=-1), "-1 is no budget", id="less than none"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(asked: Asked, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        asked.check(COSTS)


def test_half_an_alert_is_no_budget_within_which_a_loss_could_be_settled() -> None:
    with pytest.raises(SettingsError, match="alerts_per_day: "):
        Asked(policy="expected-loss", alerts_per_day=2.5).check(COSTS)
    asked = Asked(policy="expected-loss", alerts_per_day=3)
    asked.check(COSTS)
    assert asked.costs(COSTS).alerts_per_day == 3


def test_where_neither_the_release_nor_validation_says_a_budget_the_way_to_one_is_told(
    served: ReleaseStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest = live(served).manifest
    early = manifest.model_copy(update={"metrics": {**manifest.metrics, "validation": {}}})
    derived = CostRule(alert=5.0, missed_share=1.0, burst_gap_days=7)
    assert budget(early, derived).derived
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=f"{manifest.version} does not say how many .* state costs.alerts_per_day"):
        budget(early, derived)
    assert budget(early, derived.model_copy(update={"alerts_per_day": 3})).alerts_per_day == 3


def test_a_release_that_is_not_in_the_store_is_named_with_the_nearest(served: ReleaseStore) -> None:
    version = live(served).manifest.version
    with pytest.raises(SettingsError, match=rf"is called {version}x in .*, did you mean {version}\?"):
        what_if(served, Asked(release=f"{version}x"))
    assert not FILE.exists()


def test_where_nothing_is_live_there_is_nothing_to_hold_anything_against(workspace: Path) -> None:
    with pytest.raises(ReleaseRejected, match="nothing is live yet"):
        what_if(open_store(str(workspace / "empty")), Asked(threshold=0.3))

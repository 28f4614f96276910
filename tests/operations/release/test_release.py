"""Comparing and promoting: once, for a reason, and never behind somebody's back."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
import yaml
from mlflow.entities import Run

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import DataError, PromotionConflict, PublicationRefused, SettingsError
from mlflow_fraud.core.measuring.evaluation import gain
from mlflow_fraud.core.release.recipe import what_differs
from mlflow_fraud.core.release.release import CHAIN_FILE, GOLDEN_FILE, Golden, check_golden
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.challenger import recipe_of
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.contest import enter_champion
from mlflow_fraud.operations.release.promote import mirror_champion, promote
from mlflow_fraud.operations.release.rollback import put_back, rollback
from mlflow_fraud.operations.release.store import require_store
from mlflow_fraud.operations.reporting.summary import verdict_summary
from mlflow_fraud.operations.tracking.mirror import mark_challenger
from mlflow_fraud.paths import REPORT
from mlflow_fraud.simulation import simulate
from mlflow_fraud.stages.logged import open_tracking, track
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.ship import ship
from mlflow_fraud.stages.shipped import SHIPPING, read_shipped
from mlflow_fraud.stages.train import train
from tests.conftest import write_pointer
from tests.store_suite import make_release, put_and_promote
from tests.workspace import PLAN, pin, run_all_stages


@pytest.fixture
def store(workspace: Path) -> ReleaseStore:
    """An empty release store beside the workspace."""
    return open_store(str(workspace / "live"))


def change(*place: str, **to: object) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    section = params
    for name in place:
        section = section[name]
    section |= to
    Path("params.yaml").write_text(yaml.safe_dump(params))


def ship_other(**xgboost: object) -> None:
    """Train and ship another XGBoost than the one before."""
    change("train", "xgboost", **xgboost)
    train("xgboost")
    ship()
    pin()


Months = Callable[[Path, int], None]


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Months:
    """Let so many days come after the data of a workspace, and retrain; so many again are the same, and made once."""
    made: dict[int, Path] = {}

    def pass_by(workspace: Path, days: int) -> None:
        if days in made:
            shutil.copytree(made[days], workspace, dirs_exist_ok=True)
            return
        later = PLAN.following(days)
        simulate(later).write_csv(workspace / "data/raw/simulated/later.csv")
        write_pointer(workspace / "data/raw/simulated/later.csv")
        run_all_stages()
        made[days] = tmp_path_factory.mktemp("months")
        shutil.copytree(workspace / "data", made[days] / "data", ignore=shutil.ignore_patterns("decision"))
        shutil.copy(workspace / "dvc.lock", made[days])

    return pass_by


def git(*words: str) -> None:
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@bank.example")
    subprocess.run(["git", *who, *words], check=True)


def pictures_of(run: Run) -> set[str]:
    from mlflow import MlflowClient

    return {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}


def test_the_first_challenger_goes_live_and_explains_itself(store: ReleaseStore) -> None:
    found = compare(store, first=True)
    assert found.verdict.promote
    parts = found.slices["challenger"]
    assert sum(each["rows"] for each in parts if each["of"] == "amount") == found.challenger.metrics["rows"]
    assert "known for longer" in REPORT.read_text()
    outcome = promote(store)
    assert outcome.moved
    assert outcome.version is not None
    release = store.fetch(outcome.version)
    manifest = release.manifest
    assert manifest.verdict == ("there is no champion yet and every floor holds",)
    assert {"data/transactions.parquet", "data/features/train.parquet"} <= set(manifest.data)
    assert {"schema.json", GOLDEN_FILE, "params.yaml", manifest.model_file} <= set(manifest.files)
    golden = Golden.model_validate_json(release.files[GOLDEN_FILE])
    check_golden(manifest, golden, list(load_released(manifest, release.files).score(golden.matrix)))


def test_what_is_no_twin_of_what_was_judged_does_not_go_live(store: ReleaseStore) -> None:
    change("compare", twin={"rank": 1.0, "alerts": 3.0, "mean": 8.0})
    comparison = compare(store, first=True)
    assert not comparison.verdict.promote
    (said,) = comparison.verdict.reasons
    assert said.startswith("rank correlation 0.")
    assert said.endswith(" with the last judged model, at least 1.00 is needed")
    assert promote(store) == (False, None, (said,))
    assert store.latest() is None


def test_what_has_learned_all_goes_live_with_its_twin_check_and_not_without(store: ReleaseStore) -> None:
    compare(store, first=True)
    shipping = read_json(SHIPPING)
    assert (shipping["refit"], "rank" in shipping["twin"]) == ("all", True)
    write_json(SHIPPING, {**shipping, "twin": None})
    for ask in (partial(compare, store, first=True), partial(promote, store)):
        with pytest.raises(DataError, match="has learned all and has no twin check; run `dvc repro"):
            ask()
    assert store.latest() is None
    write_json(SHIPPING, shipping)
    assert promote(store).moved


def test_where_nothing_is_live_the_verdict_is_no_until_a_first_release_is_asked_for(store: ReleaseStore) -> None:
    verdict = compare(store).verdict
    assert not verdict.promote
    assert verdict.reasons == (f"there is no champion yet in {store}; a first release needs to be asked for: --first",)
    assert promote(store) == (False, None, verdict.reasons)
    assert store.latest() is None


def test_a_store_that_was_named_and_is_empty_is_an_error_at_promotion(
    store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(store)
    monkeypatch.setenv("FRAUD_RELEASE_STORE", str(store))
    with pytest.raises(SettingsError, match=r"no champion yet in .*--first; or FRAUD_RELEASE_STORE names the wrong"):
        promote(store)
    assert compare(store, first=True).verdict.promote
    assert promote(store).moved


def test_a_store_that_lost_what_says_which_release_is_live_has_no_first_one(
    store: ReleaseStore, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(store, first=True)
    live = promote(store).version
    assert live is not None
    put_and_promote(store, make_release("xgboost-1"))
    (workspace / "live/latest").unlink()
    monkeypatch.setenv("FRAUD_RELEASE_STORE", str(store))
    asked = (
        partial(compare, store),
        partial(compare, store, first=True),
        partial(promote, store),
        partial(require_store, first=True),
    )
    for ask in asked:
        with pytest.raises(PromotionConflict, match=r"ledger record 2 xgboost-1 is live in .*live, .*--to xgboost-1"):
            ask()
    assert store.latest() is None
    rollback(store, reason="the other one was a try", to=live)
    assert compare(store, first=True).verdict.reasons == ("the challenger is the live release: nothing has changed",)


def test_a_verdict_holds_for_no_other_store(store: ReleaseStore, workspace: Path) -> None:
    compare(store, first=True)
    other = open_store(str(workspace / "lvie"))
    with pytest.raises(PromotionConflict, match=r"in .*live, not in .*lvie; compare again"):
        promote(other)
    assert other.latest() is None


def test_a_no_about_another_store_is_not_told_of_this_one(store: ReleaseStore, workspace: Path) -> None:
    compare(store, first=True)
    assert promote(store).moved
    compare(open_store(str(workspace / "other")))
    with pytest.raises(PromotionConflict, match=r"what is live in .*other, not in .*live; compare again"):
        promote(store)


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS"])
def test_on_a_runner_nothing_goes_live_on_its_own_disk(
    store: ReleaseStore, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(store, first=True)
    monkeypatch.setenv(variable, "true")
    with pytest.raises(SettingsError, match="FRAUD_RELEASE_STORE is not set"):
        promote(store)
    assert store.latest() is None


def test_the_same_model_again_is_no_second_release(store: ReleaseStore) -> None:
    compare(store, first=True)
    promote(store)
    assert compare(store, first=True).verdict.reasons == ("the challenger is the live release: nothing has changed",)
    assert not promote(store).moved
    assert len(store.ledger()) == 1


@pytest.mark.slow
def test_a_challenger_that_is_not_surely_better_stays_out(store: ReleaseStore) -> None:
    compare(store, first=True)
    live = promote(store).version
    ship_other(max_depth=1, rounds=3)
    comparison = compare(store, first=True)
    assert not comparison.verdict.promote
    assert comparison.question.startswith("a change, of parameters: ")
    assert promote(store).version == live


@pytest.mark.slow
def test_a_no_to_a_change_is_a_look_that_the_ledger_counts_once(store: ReleaseStore) -> None:
    compare(store, first=True)
    promote(store)
    ship_other(max_depth=3)
    for _ in range(2):
        assert compare(store).verdict.look == 1
        promote(store)
    actions = [(record.action, record.judged.look if record.judged else None) for record in store.ledger()]
    assert actions == [("promote", 1), ("verdict", 1)]
    ship_other(max_depth=5)
    again = compare(store)
    assert again.verdict.look == 2
    assert "Look 2 since something last won by proof" in verdict_summary()
    assert not promote(store).moved
    assert [record.action for record in store.ledger()] == ["promote", "verdict", "verdict"]


@pytest.mark.slow
def test_the_live_recipe_on_newer_rows_is_a_refresh_and_goes_live_unless_it_is_worse(
    store: ReleaseStore, workspace: Path, months: Months
) -> None:
    compare(store, first=True)
    first = promote(store).version
    change("compare", max_loss={"precision": 0.5, "recall": 0.5})  # of 49 frauds little is known
    months(workspace, 21)
    comparison = compare(store)
    assert comparison.question.startswith("a refresh, ")
    assert (comparison.against, comparison.anchor) == (first, first)
    assert comparison.champion is not None
    assert comparison.verdict.promote, comparison.verdict
    assert promote(store).moved
    newest = store.ledger()[-1]
    assert newest.judged is not None
    assert (newest.judged.kind, newest.judged.proven) == ("refresh", False)
    months(workspace, 42)
    again = compare(store)
    assert again.anchor == first != again.against
    assert any(reason.startswith("against the anchor: ") for reason in again.verdict.in_favour)


@pytest.mark.slow
def test_what_was_rolled_back_from_goes_live_again_by_its_name_alone(
    store: ReleaseStore, workspace: Path, months: Months
) -> None:
    compare(store, first=True)
    first = promote(store).version
    change("compare", max_loss={"precision": 0.5, "recall": 0.5})
    months(workspace, 21)
    compare(store)
    second = promote(store).version
    assert second is not None
    assert second != first
    rollback(store, reason="alerts doubled")
    for judged_again in (False, True):
        if judged_again:
            assert compare(store).verdict.reasons[0].startswith(f"held: {second} was rolled back on ")
            assert not compare(store).verdict.is_a_look
        moved, live, (said,) = promote(store)
        assert (moved, live) == (False, first)
        assert "because alerts doubled; `mlflow-fraud promote --held " in said
    assert [record.action for record in store.ledger()] == ["promote", "promote", "rollback"]
    months(workspace, 42)
    assert compare(store).against == first
    assert "held" not in " ".join(compare(store).verdict.reasons)
    put_back(store, second, reason="it was the feed")
    assert compare(store).against == second


def test_a_rule_that_a_change_brings_does_not_judge_it(store: ReleaseStore) -> None:
    git("add", "params.yaml")
    git("commit", "--quiet", "--message", "The rule")
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["compare"]["floors"] = {"average_precision": 0.99999}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert not compare(store, first=True).verdict.promote
    by_base = compare(store, first=True, base="HEAD")
    assert by_base.verdict.promote
    assert by_base.rule == "params.yaml in HEAD"
    with pytest.raises(SettingsError, match=r"git has no params.yaml in 'nowhere'"):
        compare(store, first=True, base="nowhere")


@pytest.mark.slow
def test_another_way_to_choose_the_candidate_is_a_change_and_another_rule_is_none(store: ReleaseStore) -> None:
    live = recipe_of(read_shipped())
    change("compare", min_gain=0.01, max_loss={"recall": 0.5})
    ship()
    pin()
    assert recipe_of(read_shipped()) == live
    change("compare", select_by="f1")
    ship()
    pin()
    assert what_differs(recipe_of(read_shipped()), live) == ["parameters"]


@pytest.mark.slow
def test_a_contest_with_too_few_frauds_says_when_there_will_be_enough_and_is_no_look(store: ReleaseStore) -> None:
    compare(store, first=True)
    live = promote(store).version
    ship_other(max_depth=1, rounds=3)
    change("compare", min_frauds=100_000)
    comparison = compare(store)
    assert comparison.verdict.waits
    assert any("make test_days longer, or min_frauds less" in reason for reason in comparison.verdict.against)
    assert promote(store) == (False, live, comparison.verdict.against)
    assert len(store.ledger()) == 1


def test_a_verdict_on_another_champion_is_not_carried_out(store: ReleaseStore) -> None:
    compare(store, first=True)
    document = json.loads(Path("data/decision/verdict.json").read_text())
    document["challenger"]["version"] = "xgboost-000000000000"
    Path("data/decision/verdict.json").write_text(json.dumps(document))
    with pytest.raises(PromotionConflict, match="compare again"):
        promote(store)
    assert store.latest() is None


@pytest.mark.slow
def test_the_champion_is_judged_with_the_features_it_carries(store: ReleaseStore) -> None:
    compare(store, first=True)
    promote(store)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["features"]["row"] = ["amount", "hour", "night"]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    preprocess()
    for candidate in ("logistic", "forest", "xgboost"):
        train(candidate)
    ship()
    comparison = compare(store, first=True)
    assert comparison.champion is not None
    release = store.fetch(comparison.champion.version)
    live, test = release.manifest, pl.read_parquet("data/features/test.parquet")
    entry, chain = enter_champion(release, test, read_shipped().trained.schema), read_shipped().test
    assert entry.honest.all()
    learned = (test["event_time"] <= live.learned_until).to_numpy()
    old = pl.read_parquet(BytesIO(release.files[CHAIN_FILE]))
    assert 0 < learned.sum() < len(test)
    assert entry.scores[learned].tolist() == old["probability"].to_numpy()[learned].tolist()
    assert entry.thresholds[learned].tolist() == old["threshold"].to_numpy()[learned].tolist()
    assert set(entry.thresholds[~learned]) == {live.threshold}
    assert entry.scores.tolist() != chain["probability"].to_list()

    pl.read_parquet("data/transactions.parquet").drop("merchant").write_parquet("data/transactions.parquet")
    blind = compare(store, first=True)
    assert blind.against == live.version
    assert blind.champion is None
    assert "cannot be made from this data" in blind.verdict.reasons[0]
    assert not promote(store).moved


def test_the_report_is_one_page_with_its_pictures_inside(store: ReleaseStore) -> None:
    compare(store, first=True)
    page = Path("data/decision/report.html").read_text()
    assert page.count("data:image/png;base64,") == 12
    assert "money saved" in page
    assert "http" not in page.replace("http-equiv", "")


def test_mlflow_has_each_candidate_once_under_one_parent_and_the_aliases(store: ReleaseStore) -> None:
    import mlflow

    compare(store, first=True)
    mark_challenger()
    promote(store)
    mirror_champion(store)
    first = [track(name) for name in ("logistic", "forest", "xgboost", "shipped")]
    assert not any(logged.new for logged in first)
    mlflow.set_tracking_uri(open_tracking(load_environment()).uri)
    runs = mlflow.search_runs(experiment_names=["fraud"], output_format="list")
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(children) == 4
    assert len({run.data.tags["mlflow.parentRunId"] for run in children}) == 1
    for run in children:
        assert {"f1", "precision", "recall", "average_precision", "roc_auc", "threshold"} <= set(run.data.metrics)
        assert {"test_money_saved", "f1_lower", "f1_upper"} <= set(run.data.metrics)
        assert run.data.params["calibration"] in ("none", "platt", "beta", "isotonic")
        assert "reliability.png" in pictures_of(run)
        assert run.data.tags["dvc.data/transactions.parquet"]
        assert {each.dataset.name for each in run.inputs.dataset_inputs} == {
            "transactions",
            "train",
            "validation",
            "test",
            "between",
        }
    tracking = open_tracking(load_environment())
    assert tracking.alias("champion") == tracking.alias("challenger") is not None


def test_a_model_in_mlflow_is_the_shipped_file_and_no_pickle(store: ReleaseStore) -> None:
    import mlflow

    compare(store, first=True)
    mark_challenger()
    mlflow.set_tracking_uri(open_tracking(load_environment()).uri)
    logged = Path(mlflow.artifacts.download_artifacts("models:/fraud@challenger"))
    shipped = next(Path("data/models/shipped/model").glob("model.*"))
    assert (logged / shipped.name).read_bytes() == shipped.read_bytes()
    assert not [path for path in logged.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]


def test_comparing_before_training_says_what_to_run(store: ReleaseStore) -> None:
    Path("data/models/forest/metrics.json").unlink()
    with pytest.raises(DataError, match="run `dvc repro` or `make retrain` first"):
        compare(store, first=True)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["average_precision", "expected_cost"])
def test_the_verdict_may_be_about_another_metric(store: ReleaseStore, metric: str) -> None:
    compare(store, first=True)
    promote(store)
    change("compare", metric=metric, select_by="f1")
    ship_other(max_depth=1, rounds=3)
    comparison = compare(store, first=True)
    assert comparison.champion is not None
    assert comparison.gain is not None
    gained = comparison.challenger.metrics[metric], comparison.champion.metrics[metric]
    assert comparison.gain.estimate == pytest.approx(gain(metric, gained[1], gained[0]))
    assert any(metric.replace("_", " ") in reason for reason in comparison.verdict.reasons)


def test_why_was_trained_goes_along_and_the_same_contest_again_leaves_the_same_decision(
    store: ReleaseStore, workspace: Path
) -> None:
    version = compare(store, first=True, asked="f1 below 0.8").challenger.version
    decision = workspace / f"data/decision/{version}.json"
    first = decision.read_bytes()
    mark_challenger()

    assert compare(store, first=True, asked="by hand, later").asked == "f1 below 0.8"
    assert decision.read_bytes() == first
    promote(store)
    compare(store)  # the challenger is live: what was decided on it stays

    assert decision.read_bytes() == first
    assert json.loads(first)["promote"]
    assert store.ledger()[-1].reasons[0] == "asked for: f1 below 0.8"
    from mlflow import MlflowClient

    run = MlflowClient().get_run(store.manifest(version).mlflow_run_id)
    assert run.data.tags["fraud.asked"] == "f1 below 0.8"


@pytest.mark.parametrize(
    ("way", "said"), [("pull-request", "the merge promotes"), ("branch", "not in main of the remote|not reached")]
)
def test_what_is_to_be_published_goes_live_only_where_everybody_has_its_commit(
    store: ReleaseStore, way: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(store, first=True)
    monkeypatch.setenv("FRAUD_PUBLISH", way)
    with pytest.raises(PublicationRefused, match=said):
        promote(store)
    assert store.latest() is None

"""Each stage leaves the files it promises, the same ones for the same input, and no half of them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.ingest import ingest
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.train import read_part, train
from mlflow_fraud.stages.trained import read_trained
from mlflow_fraud.stages.validate import validate
from tests.conftest import write_pointer

PROMISED = {"f1", "precision", "recall", "average_precision", "roc_auc"}


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_candidate_leaves_the_promised_metrics_and_a_model_that_scores_like_them(
    candidate: str, workspace: Path
) -> None:
    metrics = json.loads((workspace / "data/models" / candidate / "metrics.json").read_text())
    assert set(metrics) >= {"validation", "test", "threshold", "intervals", "calibration"}
    assert set(metrics["test"]) == set(metrics["validation"]) >= PROMISED
    for name, (lower, upper) in metrics["intervals"].items():
        assert lower <= metrics["test"][name] <= upper
    params = load_params()
    trained = read_trained(candidate)
    scores = trained.scorer.score(read_part("test", trained.schema).examples.x)
    period = read_period(pl.read_parquet("data/features/test.parquet"))
    costs = params.costs.within(trained.assessment.budget)
    assert rounded_figures(evaluate(period, scores, metrics["threshold"], costs)) == metrics["test"]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_one_row_scores_as_it_does_among_many(candidate: str, workspace: Path) -> None:
    trained = read_trained(candidate)
    rows = read_part("test", trained.schema).examples.x[:50]
    scorer = trained.scorer
    alone = np.concatenate([scorer.score(rows[[place]]) for place in range(len(rows))])
    np.testing.assert_allclose(alone, scorer.score(rows), rtol=1e-5, atol=1e-7)


def test_the_candidates_are_three() -> None:
    assert list(CANDIDATES) == ["logistic", "forest", "xgboost"]


def test_the_probabilities_are_not_distorted_by_the_rarity_of_fraud(workspace: Path) -> None:
    for candidate in CANDIDATES:
        metrics = json.loads((workspace / "data/models" / candidate / "metrics.json").read_text())["validation"]
        assert metrics["calibration_error"] < 0.01


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(workspace: Path) -> None:
    before = hashes(workspace / "data")
    ingest()
    validate()
    preprocess()
    for candidate in CANDIDATES:
        train(candidate)
    assert hashes(workspace / "data") == before


def test_the_features_hold_no_personal_data_and_no_card_number(workspace: Path) -> None:
    table = pl.read_parquet("data/features/train.parquet")
    assert not {"card", "merchant", "birth_date", "first", "street"} & set(table.columns)
    cards = pl.read_parquet("data/transactions.parquet")["card"].unique()
    assert not set(table["block"]) & set(cards)


def test_validation_stops_a_duplicate_and_a_negative_amount_with_counts_and_examples(workspace: Path) -> None:
    table = pl.read_parquet("data/transactions.parquet")
    first, second = table["event_id"][0], table["event_id"][1]
    row = pl.int_range(pl.len())
    table.with_columns(
        event_id=pl.when(row == 1).then(pl.lit(first)).otherwise("event_id"),
        amount=pl.when(row < 3).then(-420).otherwise("amount"),
    ).write_parquet("data/transactions.parquet")
    with pytest.raises(DataError, match="breaks the contract sparkov") as caught:
        validate()
    message = str(caught.value)
    assert "amount is in range: 3 rows do not comply, for example -4.20" in message
    assert "event_id is unique: 2 rows do not comply" in message
    assert first not in message
    assert second not in message
    assert not json.loads(Path("data/validation/report.json").read_text())["passed"]


def test_no_features_are_made_of_data_that_did_not_pass(workspace: Path) -> None:
    report = json.loads(Path("data/validation/report.json").read_text())
    Path("data/validation/report.json").write_text(json.dumps(report | {"passed": False}))
    with pytest.raises(DataError, match="has not passed validation"):
        preprocess()


def test_a_bad_batch_leaves_the_previous_table_untouched(workspace: Path) -> None:
    before = hashes(workspace / "data")
    bad = workspace / "data/raw/simulated/later.csv"
    bad.write_text("a,b\n1,2\n")
    write_pointer(bad)
    with pytest.raises(DataError, match=r"later\.csv: 13 columns of the contract sparkov are missing"):
        ingest()
    bad.unlink()
    bad.with_name("later.csv.dvc").unlink()
    assert hashes(workspace / "data") == before


def test_no_batch_at_all_says_what_to_do(workspace: Path) -> None:
    (workspace / "data/raw/simulated/2020.csv").unlink()
    with pytest.raises(DataError, match="`make demo` makes or adds one, `dvc pull` fetches"):
        ingest()


def test_an_unknown_candidate_is_named_with_the_nearest(workspace: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean xgboost"):
        train("xgbost")


def test_no_page_of_the_data_docs_shows_a_person_or_asks_another_host(workspace: Path) -> None:
    table = pl.read_parquet("data/transactions.parquet")
    one, born, card = table["event_id"][0], table["birth_date"][0], table["card"][0]
    row = pl.int_range(pl.len())
    table.with_columns(
        event_id=pl.when(row == 1).then(pl.lit(one)).otherwise("event_id"),
        card=pl.when(row == 0).then(-card).otherwise("card"),
        birth_date=pl.when(row == 0).then(pl.lit(born.replace(year=1801))).otherwise("birth_date"),
        amount=pl.when(row == 0).then(-4242).otherwise("amount"),
    ).write_parquet("data/transactions.parquet")
    with pytest.raises(DataError, match="birth_date is in range"):
        validate()
    pages = "".join(page.read_text() for page in Path("data/validation/docs").rglob("*.html"))
    assert "-4242" in pages
    assert not [secret for secret in (one, "1801", str(card)) if secret in pages]
    index = Path("data/validation/docs/index.html")
    links = set(re.findall(r'href="([^"]+)"', index.read_text()))
    assert links == {
        *(f"expectations/{of}.html" for of in ("rows", "batches")),
        *(f"validations/{of}/{of}/20000101T000000.000000Z/sparkov-{of}.html" for of in ("rows", "batches")),
    }
    assert [link for link in links if not (index.parent / link).is_file()] == []
    assert 'src="http' not in pages
    assert 'rel="stylesheet" href="http' not in pages


def test_metrics_left_by_another_version_of_the_program_say_what_to_do(workspace: Path) -> None:
    file = Path("data/models/forest/metrics.json")
    document = json.loads(file.read_text())
    del document["calibration"]
    file.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"look at \['calibration'\]; run `dvc repro` again"):
        read_trained("forest")


def test_amounts_stay_exact_beside_the_features(workspace: Path) -> None:
    transactions = pl.read_parquet("data/transactions.parquet").select("event_id", "amount")
    table = pl.read_parquet("data/features/test.parquet")
    assert table.join(transactions, on="event_id").select((pl.col("amount") == pl.col("amount_minor")).all()).item()
    assert table.schema["amount_minor"] == pl.Int64


@pytest.mark.parametrize(
    "rule",
    [
        {"policy": "min-precision", "precision": 0.8},
        {"policy": "alert-budget", "alerts_per_day": 1},
        {"policy": "min-cost"},
    ],
    ids=lambda rule: str(rule["policy"]),
)
def test_each_policy_trains_to_the_end_and_is_kept_on_validation(workspace: Path, rule: dict[str, object]) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump({**params, "threshold": rule}))
    train("xgboost")
    validation = read_trained("xgboost").assessment.validation
    assert (validation["precision"] or 0) >= rule.get("precision", 0)
    assert (validation["alerts_per_day"] or 0) <= rule.get("alerts_per_day", 1e9)

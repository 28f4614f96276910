"""With the card called secret, no file of a whole loop has a card's number: it is looked for in every one of them."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from fastapi.testclient import TestClient

from mlflow_fraud.core.contract.pseudonym import is_pseudonym
from mlflow_fraud.core.contract.pseudonym_key import read_key
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.data.add import add, check
from mlflow_fraud.operations.monitoring.monitor import log_window, watch
from mlflow_fraud.operations.record.seed import seed
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import mirror_champion, promote
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.show import show
from mlflow_fraud.operations.reporting.summary import retraining_summary
from mlflow_fraud.operations.tracking.mirror import track_all
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.secret_contract import KEY, left_in, secret_document
from tests.workspace import run_all_stages, small_params

PLAN = SimulationPlan(start=date(2020, 1, 1), days=240, transactions=8_000, cards=40, merchants=40, fraud_rate=0.02)
WHO = ("-c", "user.name=A Tester", "-c", "user.email=tester@bank.example")


def git(*words: str) -> None:
    subprocess.run(["git", *WHO, *words], check=True)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose contract calls the card secret, without data yet; the feeds lie beside it."""
    folder = tmp_path / "desk"
    (folder / "data/contracts").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FRAUD_PSEUDONYM_KEY", KEY)
    (folder / "data/contracts/sparkov.yaml").write_text(yaml.safe_dump(secret_document(), sort_keys=False))
    (folder / "params.yaml").write_text(yaml.safe_dump(small_params()))
    git("init", "--quiet")
    subprocess.run(["dvc", "init", "--quiet"], check=True)
    git("commit", "--quiet", "--allow-empty", "--message", "First")
    return folder


def feed(plan: SimulationPlan, name: str) -> tuple[Path, list[int]]:
    """Write a plan's payments beside the desk; return the file and the cards that it names."""
    rows = simulate(plan)
    file = Path("..") / name
    rows.write_parquet(file) if name.endswith(".parquet") else rows.write_csv(file)
    return file, rows["cc_num"].unique().to_list()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_whole_loop_leaves_no_plain_card_number_anywhere(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    batch, cards = feed(PLAN, "2020.csv")
    later, more = feed(PLAN.following(30), "later.parquet")
    wanted = {*cards, *more}
    assert left_in(desk.parent, wanted), "the search finds what is there"

    check(batch, "simulated", desk / ".local/gate")
    add(batch, "simulated")
    run_all_stages()
    track_all()
    store = open_configured_store()
    compare(store, first=True)
    promote(store)
    mirror_champion(store)
    log_window(watch(later, [], store))
    Path("summary.md").write_text(show() + retraining_summary(""))
    assert "payments of sparkov added" in seed()
    with open_record(load_environment().prediction_log) as record:
        told: dict[str, Any] = {"record": record, "last_good": desk / ".local/last-good"}
        with TestClient(create_app(store, poll_seconds=3600, key=read_key(KEY), **told)) as client:
            client.app.state.model.poll()  # type: ignore[attr-defined]
            rows = pl.read_parquet(later).head(20).with_columns(pl.col(pl.Date, pl.Datetime).cast(pl.String))
            answers = [client.post("/v1/score", json=row) for row in rows.to_dicts()]
            assert [answer.status_code for answer in answers] == [200] * len(answers)
            past = client.app.state.model.current.history._past.snapshot().events  # type: ignore[attr-defined]
    git("add", "--all")
    git("commit", "--quiet", "--message", "All of it")

    files = [path.relative_to(desk) for path in desk.rglob("*") if path.is_file()]
    assert {".csv", ".parquet", ".db", ".html", ".json", ".onnx"} <= {file.suffix for file in files}
    assert {".dvc", ".git", ".local", "data"} <= {file.parts[0] for file in files}
    assert left_in(desk, wanted) == []
    assert KEY not in "".join(path.read_text(errors="replace") for path in desk.rglob("*") if path.is_file())
    printed = "".join(capfd.readouterr())
    assert not any(str(card) in printed for card in wanted)
    assert KEY not in printed
    held = pl.read_parquet(TRANSACTIONS)["card"].unique().to_list()
    assert all(map(is_pseudonym, held))
    assert len(held) == len(cards)
    served = {read_key(KEY).pseudonyms("card").of(str(card)) for card in rows["cc_num"]}
    assert served <= set(past["card"]) & set(held), "pinned and served payments of one card meet"
    assert os.environ["FRAUD_PSEUDONYM_KEY"] == KEY

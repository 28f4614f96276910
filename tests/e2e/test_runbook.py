"""What the runbook says to type does what it says there: in a clone in which the loop has run, beside its service.

Commands that need a server of Prefect are typed in test_worker.py; tests/test_runbook.py has the rest of the list.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import yaml

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from stack.place import free_ports
from tests.conftest import ROOT
from tests.e2e.conftest import FirstRun, copied
from tests.e2e.desk import Desk
from tests.e2e.reader import made_environment
from tests.runbook import typed
from tests.secret_contract import CHECK, KEY, secret_document
from tests.serving.service_process import until
from tests.store_suite import make_release, put_and_promote

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def desk(first_run: FirstRun, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A copy of the clone, in which each test types one part of the page."""
    desk = copied(first_run.desk.folder, tmp_path_factory.mktemp("runbook"))
    made_environment(desk.folder)
    desk.environ |= {"NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
    return desk


@pytest.fixture(scope="module")
def port(desk: Desk) -> Iterator[int]:
    """Where the clone's service answers; it has scored one payment."""
    (port,) = free_ports(1)
    service = desk.starts("mlflow-fraud", "serve", "--port", str(port), FRAUD_POLL_SECONDS="0.1")
    try:
        until(lambda: asked(desk, port, "readyz").get("status") == "ready", 120)
        payment = "--header 'content-type: application/json' --data @docs/transaction.json"
        assert '"recorded":true' in desk.types(f"curl -s localhost:{port}/v1/score {payment}").replace(" ", "")
        yield port
    finally:
        service.terminate()
        service.communicate()


def asked(desk: Desk, port: int, path: str) -> dict[str, object]:
    """Return what the service says, nothing while it does not listen."""
    ended = desk.tries("curl", "-s", f"localhost:{port}/{path}")
    return dict(json.loads(ended.stdout)) if ended.returncode == 0 else {}


def live(store: ReleaseStore) -> str:
    pointer = store.latest()
    assert pointer is not None
    return pointer.version


def test_a_bad_release_is_kept_out_left_and_held_until_it_is_put_back_by_its_name(desk: Desk, port: int) -> None:
    store = open_store(str(desk.path(".local/releases")))
    good, bad = live(store), "xgboost-bad"
    put_and_promote(store, make_release(bad))
    until(lambda: bad in str(asked(desk, port, "v1/model")))
    told = desk.types(typed("curl localhost:8000/readyz").replace("8000", str(port)))
    assert bad in told
    assert asked(desk, port, "v1/model")["version"] == good
    assert desk.types(typed("curl localhost:8000/livez").replace("8000", str(port)))

    assert f"live: {good}; held: {bad}" in desk.types(
        typed('mlflow-fraud rollback --reason "alerts doubled since noon"')
    )
    until(lambda: bad not in str(asked(desk, port, "v1/model")))
    assert good in desk.types(typed("mlflow-fraud show"))
    assert "champion" in desk.types(typed("mlflow-fraud alias"))
    assert good in desk.types(typed("mlflow-fraud history"))
    on = typed("mlflow-fraud history --on 2026-03-05").replace("2026-03-05", str(datetime.now(UTC).date()))
    assert "alerts doubled since noon" in desk.types(on)
    assert bad in desk.types(typed("mlflow-fraud ledger"))

    desk.types(typed("mlflow-fraud promote --held VERSION --reason …", version=bad, reason="'it was a feed'"))
    assert live(store) == bad
    desk.types(typed('mlflow-fraud rollback --reason "…"', reason="the model after all"))
    assert live(store) == good


def test_the_record_is_kept_pruned_forgotten_in_quarantined_and_restored_while_the_service_runs(
    desk: Desk, port: int, tmp_path: Path
) -> None:
    assert asked(desk, port, "readyz")["waiting"] == 0
    backup = typed("mlflow-fraud record backup /backups/record-<day>.db", day="monday").replace(
        "/backups", str(tmp_path)
    )
    assert "1 payment" in desk.types(backup)
    desk.types(typed("mlflow-fraud record prune --older-than 400"))
    span = {"first": "2020-12-01", "last": "2020-12-02", "why": "zeros"}
    desk.types(typed("mlflow-fraud record quarantine --from … --to … --reason …", **span))
    card = json.loads((ROOT / "docs/transaction.json").read_text())["cc_num"]
    forgotten = desk.types(f"echo {card} | {typed('mlflow-fraud record forget --card -')}")
    assert "of this card are gone" in forgotten or "of this card is gone" in forgotten
    assert desk.path("data/contracts/sparkov.forgotten").is_file()

    restore = typed("mlflow-fraud record restore /backups/record-<day>.db", day="monday")
    empty = {"FRAUD_PREDICTION_LOG": f"sqlite:///{tmp_path / 'new.db'}"}
    said = desk.types(restore.replace("/backups", str(tmp_path)), **empty)
    assert "is of step" in desk.types(typed("mlflow-fraud record upgrade"), **empty)
    desk.path("data/contracts/sparkov.forgotten").unlink()
    assert "0 payments" in said, "who was forgotten since the backup does not come back"


def test_a_key_is_made_shown_and_taken_away(desk: Desk, tmp_path: Path) -> None:
    file = {"FRAUD_API_KEYS": str(tmp_path / "keys.json")}
    desk.types(typed("mlflow-fraud keys add NAME --scope score", name="till"), **file)
    assert "till" in desk.types(typed("mlflow-fraud keys list"), **file)
    desk.types(typed("mlflow-fraud keys remove NAME", name="till"), **file)
    assert "no keys" in desk.types(typed("mlflow-fraud keys list"), **file)


def test_the_pseudonym_key_is_held_to_what_the_contract_pins(desk: Desk) -> None:
    contract = desk.path("data/contracts/secret.yaml")
    contract.write_text(yaml.safe_dump(secret_document(), sort_keys=False))
    expected = desk.types(typed("grep pseudonym_key_check data/contracts/*.yaml"))
    assert CHECK in expected
    assert CHECK in desk.types(typed("mlflow-fraud contract key"), FRAUD_PSEUDONYM_KEY=KEY)
    assert CHECK not in desk.types(typed("mlflow-fraud contract key --new"))
    contract.unlink()


def test_a_lock_with_marks_of_a_conflict_becomes_what_the_files_say(desk: Desk) -> None:
    desk.does("git", "checkout", "--quiet", "-B", "ours")
    made, ours = desk.path("dvc.lock").read_text(), desk.lock()
    desk.does("git", "branch", "theirs")
    desk.does("git", "commit", "--quiet", "--all", "--message", "Ours")
    desk.does("git", "checkout", "--quiet", "theirs")
    desk.path("dvc.lock").write_text(made.replace("md5: ", "md5: 0"))
    desk.does("git", "commit", "--quiet", "--all", "--message", "Theirs")
    desk.does("git", "checkout", "--quiet", "ours")
    assert desk.tries("git", "merge", "--quiet", "theirs").returncode != 0
    assert "<<<<<<<" in desk.path("dvc.lock").read_text()

    desk.types(typed("git checkout --ours dvc.lock"))
    assert "Running stage" not in desk.types("dvc repro")
    assert desk.lock() == ours
    desk.does("git", "commit", "--quiet", "--all", "--message", "Both")


def test_what_a_stage_had_made_comes_back(desk: Desk) -> None:
    made = desk.path("data/transactions.parquet")
    rows = made.read_bytes()
    made.unlink()
    desk.types(typed("dvc checkout"))
    assert made.read_bytes() == rows


def test_an_unpacked_archive_becomes_a_repository(desk: Desk, tmp_path: Path) -> None:
    subprocess.run(f"git archive HEAD | tar -x -C '{tmp_path}'", shell=True, check=True, cwd=desk.folder)
    unpacked = Desk(tmp_path)
    refused = unpacked.tries("make", "repository")
    assert refused.returncode != 0
    assert "this folder is in no git repository" in refused.stdout
    unpacked.types(typed("git init && git add --all && git commit -m start"))
    unpacked.types("make repository")


def test_where_nothing_was_ever_live_a_first_release_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    empty = {"FRAUD_RELEASE_STORE": str(tmp_path / "empty")}
    assert desk.types(typed("echo $FRAUD_RELEASE_STORE"), **empty).strip() == str(tmp_path / "empty")
    desk.types(typed("mlflow-fraud promote --first"), **empty)
    assert live(open_store(str(tmp_path / "empty"))) == live(open_store(str(desk.path(".local/releases"))))


def test_an_experiment_that_was_deleted_comes_back_by_the_command_that_the_error_says(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.path(".local/mlflow.db"))) as database, database:
        database.execute("update experiments set lifecycle_stage = 'deleted' where name != 'Default'")
    refused = desk.tries("bash", "-c", typed("mlflow-fraud track"))
    assert refused.returncode == 1
    (said,) = [part for part in refused.stderr.split("`") if typed("mlflow experiments restore") in part]
    desk.types(said)
    with closing(sqlite3.connect(desk.path(".local/mlflow.db"))) as database:
        found = database.execute("select lifecycle_stage from experiments where name = 'fraud'").fetchall()
    assert found == [("active",)]


def test_the_pages_of_a_copied_folder_show_its_own_runs(desk: Desk) -> None:
    (port,) = free_ports(1)
    makefile = desk.path("Makefile")
    makefile.write_text(makefile.read_text().replace("--port 5000", f"--port {port}"))
    pages = desk.starts("bash", "-c", typed("make mlflow"))
    try:
        until(
            lambda: '"experiments"' in page(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=9"),
            seconds=120,
        )
    finally:
        for process in [*psutil.Process(pages.pid).children(recursive=True), psutil.Process(pages.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        pages.communicate()


def page(url: str) -> str:
    """Return what a server answers, nothing while it does not listen."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())
    return ""

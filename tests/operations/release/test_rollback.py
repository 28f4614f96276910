"""A rollback moves the pointer to a whole release of before, in a process that knows no training tool."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.adapters.run_lock import one_at_a_time
from mlflow_fraud.core.errors import PromotionConflict, ReleaseRejected, SettingsError
from mlflow_fraud.core.release.ledger import Judged
from mlflow_fraud.operations.release.history import history
from mlflow_fraud.operations.release.rollback import let_alias_follow, put_back, rollback
from mlflow_fraud.paths import RUN_LOCK
from tests.mlflow_server import MlflowServer
from tests.runbook import typed
from tests.store_suite import Crash, InterruptedBlobs, make_release, promote, put_and_promote

HEAVY = ("mlflow", "sklearn", "xgboost", "great_expectations", "dvc", "prefect", "pandas", "scipy", "onnxruntime")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseStore:
    """A store in which three releases went live, one after the other."""
    monkeypatch.chdir(tmp_path)
    opened = open_store(str(tmp_path / "live"))
    for number in (1, 2, 3):
        put_and_promote(opened, make_release(f"xgboost-{number}"))
    return opened


def live(store: ReleaseStore) -> str:
    pointer = store.latest()
    assert pointer is not None
    return pointer.version


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, which ends by saying what it has imported."""
    code = "import sys, atexit; atexit.register(lambda: print(*sys.modules)); from mlflow_fraud.cli import main; main()"
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=100, check=False)


def test_a_rollback_goes_to_the_one_before_and_the_ledger_says_who_and_why(store: ReleaseStore) -> None:
    moved = rollback(store, reason="alerts  doubled\novernight")
    assert (moved.left, moved.version, moved.held) == ("xgboost-3", "xgboost-2", ("xgboost-3",))
    assert live(store) == "xgboost-2"
    record = store.ledger()[-1]
    assert (record.action, record.from_version, record.to_version) == ("rollback", "xgboost-3", "xgboost-2")
    assert record.reasons == ("alerts doubled overnight",)
    assert record.who
    assert rollback(store, reason="still").version == "xgboost-1"


def test_a_rollback_needs_a_reason(store: ReleaseStore) -> None:
    with pytest.raises(SettingsError, match="say in --reason why"):
        rollback(store, reason=" ")
    assert live(store) == "xgboost-3"


def test_a_release_that_was_put_and_never_live_is_no_way_back(store: ReleaseStore) -> None:
    store.put(make_release("xgboost-9"))
    with pytest.raises(SettingsError, match="xgboost-9 was never live; give --to one that was: xgboost-1, xgboost-2"):
        rollback(store, reason="so", to="xgboost-9")


def test_a_release_that_was_altered_is_no_way_back(store: ReleaseStore, tmp_path: Path) -> None:
    (tmp_path / "live/releases/xgboost-2/model.ubj").write_bytes(b"other")
    with pytest.raises(ReleaseRejected, match=r"xgboost-2 says model\.ubj has"):
        rollback(store, reason="so")
    assert live(store) == "xgboost-3"
    assert len(store.ledger()) == 3
    assert rollback(store, reason="so", to="xgboost-1").held == ("xgboost-2", "xgboost-3")


def test_of_a_rollback_and_a_promotion_at_the_same_time_one_wins_and_the_other_is_told(
    store: ReleaseStore, tmp_path: Path
) -> None:
    store.put(make_release("xgboost-4"))
    files = FileStore(tmp_path / "live")
    rival = InterruptedBlobs(files, before=1, happens=lambda: promote(store, "xgboost-4", store.latest()))
    with pytest.raises(PromotionConflict, match="xgboost-2 did not become live: somebody else promoted"):
        rollback(ReleaseStore(rival), reason="so")
    assert live(store) == "xgboost-4"


def test_a_lost_pointer_is_no_empty_store_and_comes_back_by_the_name_of_what_was_live(
    store: ReleaseStore, tmp_path: Path
) -> None:
    rollback(store, reason="alerts doubled")
    before = history(store).splitlines()[:-1]
    (tmp_path / "live/latest").unlink()
    said = r"by ledger record 4 xgboost-2 is live .*`latest`.* missing.*`mlflow-fraud rollback --to xgboost-2"
    with pytest.raises(PromotionConflict, match=said):
        put_and_promote(store, make_release("xgboost-4"))
    with pytest.raises(PromotionConflict, match=said):
        history(store)
    with pytest.raises(SettingsError, match=r"nobody said .*--to xgboost-2 .*: xgboost-1, xgboost-2, xgboost-3$"):
        rollback(store, reason="the pointer was lost")
    with pytest.raises(SettingsError, match="xgboost-4 was never live, and `latest` is missing"):
        rollback(store, reason="the pointer was lost", to="xgboost-4")
    command = typed('mlflow-fraud rollback --to VERSION --reason "latest was lost"', version="xgboost-2")
    ended = run(*shlex.split(command)[1:], FRAUD_RELEASE_STORE=str(store))
    assert ended.stdout.startswith("live: xgboost-2; held: xgboost-3\n"), ended.stderr
    assert live(store) == "xgboost-2"
    assert history(store).splitlines()[:-2] == before
    assert store.ledger()[-1].from_version == "xgboost-2"
    assert put_and_promote(store, make_release("xgboost-4")).version == "xgboost-4"


def test_where_a_pointer_is_lost_another_release_of_before_may_take_its_place(
    store: ReleaseStore, tmp_path: Path
) -> None:
    no = Judged(kind="change", rows="a" * 64, look=1, proven=False)
    pointer = store.latest()
    assert pointer is not None
    store.note("xgboost-9", who="ann", at="2026-01-01T00:00:00+00:00", reasons=["worse"], live=pointer, judged=no)
    (tmp_path / "live/latest").unlink()
    moved = rollback(store, reason="it was lost", to="xgboost-1")
    assert (moved.left, moved.version, moved.held) == ("xgboost-3", "xgboost-1", ("xgboost-2", "xgboost-3"))
    assert live(store) == "xgboost-1"


def test_a_first_promotion_that_a_crash_stopped_goes_on_with_what_it_began_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    files = FileStore(tmp_path / "begun")
    for version in ("xgboost-1", "xgboost-2"):
        ReleaseStore(files).put(make_release(version))
    with pytest.raises(Crash):
        promote(ReleaseStore(InterruptedBlobs(files, before=2)), "xgboost-1", None)
    begun = ReleaseStore(files)
    assert (begun.latest(), len(begun.ledger())) == (None, 1)
    with pytest.raises(PromotionConflict, match="no first release: by ledger record 1 xgboost-1 is live"):
        promote(begun, "xgboost-2", None)
    assert promote(begun, "xgboost-1", None).version == "xgboost-1"


def test_where_nothing_is_live_there_is_nothing_to_go_back_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing is live in .*empty"):
        rollback(open_store(str(tmp_path / "empty")), reason="so")


def test_only_what_is_held_is_put_back_and_nothing_is_held_for_it(store: ReleaseStore) -> None:
    rollback(store, reason="alerts doubled")
    with pytest.raises(SettingsError, match=r"xgboost-1 is not held, in .* xgboost-3 is"):
        put_back(store, "xgboost-1", reason="so")
    assert put_back(store, "xgboost-3", reason="it was a feed, not the model") == "xgboost-2"
    assert live(store) == "xgboost-3"
    assert rollback(store, reason="it was the model").held == ("xgboost-3",)


def test_back_and_back_again_by_name_wait_for_no_run_and_import_no_training_tool(
    store: ReleaseStore, tmp_path: Path
) -> None:
    with one_at_a_time(tell=print, place=tmp_path / RUN_LOCK):  # a retraining is at work in this folder
        back = run("rollback", "--reason", "alerts doubled", FRAUD_RELEASE_STORE=str(store))
        again = run("promote", "--held", "xgboost-3", "--reason", "a feed", FRAUD_RELEASE_STORE=str(store))
    for ended, told in ((back, "live: xgboost-2; held: xgboost-3"), (again, "live: xgboost-3, in place of xgboost-2")):
        assert ended.returncode == 0, ended.stderr
        said, alias, modules = ended.stdout.splitlines()
        assert said == told
        assert "the alias champion in MLflow is behind" in alias
        assert "`mlflow-fraud alias` sets it" in alias
        assert not set(HEAVY) & set(modules.split())
    assert [record.to_version for record in store.ledger()[-2:]] == ["xgboost-2", "xgboost-3"]


def test_an_alias_in_mlflows_file_moves_to_a_version_that_is_there_and_to_no_other(
    store: ReleaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("create table model_versions (name, version)")
        database.execute("create table registered_model_aliases (name, alias, version)")
        database.execute("insert into model_versions values ('fraud', 1)")
        database.execute("insert into registered_model_aliases values ('fraud', 'champion', 2)")
    monkeypatch.setenv("FRAUD_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert let_alias_follow(store, "xgboost-2") == "the alias champion in MLflow names version 1"
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        assert database.execute("select version from registered_model_aliases").fetchall() == [(1,)]
        database.execute("delete from model_versions")
    assert "has no version 1 of fraud" in let_alias_follow(store, "xgboost-2")


@pytest.mark.slow
def test_the_alias_in_mlflows_file_follows_as_mlflow_itself_sees_it(
    store: ReleaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    client.create_registered_model("fraud")
    for _ in range(2):
        client.create_model_version("fraud", source=f"file://{tmp_path}")
    client.set_registered_model_alias("fraud", "champion", "2")
    rollback(store, reason="alerts doubled")
    monkeypatch.setenv("FRAUD_TRACKING_URI", uri)
    assert let_alias_follow(store, "xgboost-2") == "the alias champion in MLflow names version 1"
    assert str(client.get_model_version_by_alias("fraud", "champion").version) == "1"


@pytest.mark.slow
def test_the_alias_on_a_server_follows_by_one_request(
    store: ReleaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with MlflowServer(tmp_path) as server:
        client = MlflowClient(server.uri, server.uri)
        client.create_registered_model("fraud")
        run = client.create_run("0").info
        client.create_model_version("fraud", source=f"{run.artifact_uri}/model", run_id=run.run_id)
        monkeypatch.setenv("FRAUD_TRACKING_URI", server.uri)
        for _ in range(2):
            assert let_alias_follow(store, "xgboost-2") == "the alias champion in MLflow names version 1"
        assert str(client.get_model_version_by_alias("fraud", "champion").version) == "1"
        monkeypatch.setenv("FRAUD_MODEL_NAME", "nobody")
        assert "answers 404" in let_alias_follow(store, "xgboost-2")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql+psycopg://fraud:secret@127.0.0.1:9/mlflow"])
def test_an_mlflow_that_cannot_be_asked_is_said_without_its_password(
    store: ReleaseStore, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_TRACKING_URI", uri)
    said = let_alias_follow(store, "xgboost-2")
    assert said.startswith("the alias champion in MLflow is behind")
    assert "secret" not in said


def told_at(store: ReleaseStore, version: str, at: str, action: str = "promote") -> None:
    release = make_release(version)
    store.put(release)
    store.promote(version, action=action, who="ann", at=at, reasons=["so"], expected=store.latest())


@pytest.fixture
def told(tmp_path: Path) -> ReleaseStore:
    """A store with three moves on known days."""
    opened = open_store(str(tmp_path / "told"))
    told_at(opened, "xgboost-1", "2026-03-01T10:00:00+00:00")
    told_at(opened, "xgboost-2", "2026-03-05T09:00:00+00:00")
    told_at(opened, "xgboost-1", "2026-03-05T23:30:00-02:00", "rollback")
    return opened


def test_the_history_says_from_when_to_when_who_and_why(told: ReleaseStore) -> None:
    lines = [line.split("  ") for line in history(told).splitlines()]
    assert [[cell.strip() for cell in line if cell] for line in lines] == [
        ["from (UTC)", "to (UTC)", "version", "who", "why"],
        ["2026-03-01 10:00:00", "2026-03-05 09:00:00", "xgboost-1", "ann", "promote: so"],
        ["2026-03-05 09:00:00", "2026-03-06 01:30:00", "xgboost-2", "ann", "promote: so"],
        ["2026-03-06 01:30:00", "now", "xgboost-1", "ann", "rollback: so"],
    ]


@pytest.mark.parametrize(
    ("day", "at_its_end", "rows"),
    [("2026-03-04", "xgboost-1", 1), ("2026-03-05", "xgboost-2", 2), ("2026-03-06", "xgboost-1", 2)],
)
def test_what_was_live_on_a_day_is_said_with_what_was_at_its_end(
    told: ReleaseStore, day: str, at_its_end: str, rows: int
) -> None:
    first, empty, _, *found = history(told, day).splitlines()
    assert first == f"{at_its_end} was live at the end of {day}"
    assert (empty, len(found)) == ("", rows)


def test_a_day_before_the_first_release_has_none_and_one_to_come_is_refused(told: ReleaseStore, tmp_path: Path) -> None:
    assert history(told, "2026-02-28") == (
        "nothing was live on 2026-02-28: the first release went live on 2026-03-01 10:00:00 UTC"
    )
    with pytest.raises(SettingsError, match="is still to come, expected a day until"):
        history(told, "9999-01-01")
    with pytest.raises(SettingsError, match="--on March is no day, expected one like 2026-03-05"):
        history(told, "March")
    assert history(open_store(str(tmp_path / "empty"))).startswith("nothing was ever live in ")

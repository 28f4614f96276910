"""The whole loop in fresh clones: what a run leaves, what a second one does, what a change and a kill do."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sqlite3
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.e2e.conftest import FirstRun, copied
from tests.e2e.desk import Desk, fresh_clone
from tests.e2e.reader import made_environment
from tests.runbook import typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CANDIDATES = ("logistic", "forest", "xgboost")
TRAINS = [f"train@{candidate}" for candidate in CANDIDATES]
AFTER = ["preprocess", *TRAINS, "ship"]


def ran(printed: str) -> list[str]:
    """Return the stages that DVC says it ran, in order."""
    return re.findall(r"Running stage '([^']+)'", printed)


def runs(desk: Desk) -> list[tuple[str, str]]:
    """Return name and status of every MLflow run of a clone."""
    with sqlite3.connect(desk.path(".local/mlflow.db")) as database:
        return database.execute("select name, status from runs order by name").fetchall()


def content(folder: Path) -> dict[str, str]:
    """Return the hash of every file that a person would miss."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_first_run_leaves_a_live_release_five_mlflow_runs_and_the_tasks_in_prefect(first_run: FirstRun) -> None:
    desk = first_run.desk
    store = open_store(str(desk.path(".local/releases")))
    pointer = store.latest()
    assert pointer is not None
    manifest = store.fetch(pointer.version).manifest
    assert ran(first_run.printed) == ["ingest", "validate", "preprocess", *TRAINS, "ship"]
    assert f"{pointer.version} is live now" in first_run.printed
    assert [status for _, status in runs(desk)] == ["FINISHED"] * 5
    assert {name for name, _ in runs(desk)} > set(CANDIDATES)
    assert manifest.git_sha == desk.does("git", "rev-parse", "HEAD").strip()
    with sqlite3.connect(desk.path(".prefect/prefect.db")) as database:
        tasks = {name for (name,) in database.execute("select name from task_run where state_type = 'COMPLETED'")}
        artifacts = {key for (key,) in database.execute("select key from artifact")}
        flows = database.execute("select count(*) from flow_run where state_type = 'COMPLETED'").fetchone()
    assert tasks >= {
        "dvc-ingest",
        "dvc-validate",
        "dvc-preprocess",
        "dvc-ship",
        "mlflow-shipped",
        *(f"dvc-train@{c}" for c in CANDIDATES),
    }
    assert tasks >= {f"mlflow-{c}" for c in CANDIDATES}
    assert artifacts >= {"validation", "candidates", "mlflow-runs", "verdict"}
    assert flows == (6,)


def test_a_second_run_trains_logs_and_releases_nothing_and_says_so(desk: Desk) -> None:
    logged, lock = runs(desk), desk.path("dvc.lock").read_bytes()
    releases = content(desk.path(".local/releases"))

    made_environment(desk.folder)
    no_server = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    printed = desk.types(f"{typed('unset PREFECT_API_URL')} && {typed('make retrain')}", **no_server)

    assert ran(printed) == []
    assert "trained: nothing, no input of any model has changed" in printed
    assert "stays live: the challenger is the live release: nothing has changed" in printed
    assert runs(desk) == logged
    assert desk.path("dvc.lock").read_bytes() == lock
    assert content(desk.path(".local/releases")) == releases


def test_the_second_of_two_runs_waits_names_the_first_and_asks_no_proxy(desk: Desk) -> None:
    first = desk.starts("python", "-m", "flows.validation")
    lock = desk.path(".local/run.lock")
    while not (lock.is_file() and lock.read_text()):
        time.sleep(0.05)

    os.kill(first.pid, signal.SIGSTOP)  # or else it may be over when the second one asks
    desk.environ |= {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "bank.example"}
    second = desk.starts("python", "-m", "flows.validation")
    assert second.stdout is not None
    waits = next(line for line in second.stdout if "waiting: " in line)
    assert str(first.pid) in desk.types(typed("ps -p <process>", process=str(first.pid)))
    os.kill(first.pid, signal.SIGCONT)

    assert f"waiting: process {first.pid} (`python -m flows.validation`, since 2" in waits
    assert first.wait(60) == 0
    assert "Finished in state Completed()" in second.stdout.read()
    assert second.wait(60) == 0


def test_a_prefect_server_that_is_away_is_said_at_once(desk: Desk) -> None:
    ended = desk.tries("python", "-m", "flows.retraining", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: PREFECT_API_URL is http://127.0.0.1:9/api, and no Prefect server answers there")


def test_two_clones_make_the_same_bytes_by_the_flow_and_by_dvc_alone(first_run: FirstRun, tmp_path: Path) -> None:
    second = fresh_clone(tmp_path / "second")
    second.does("mlflow-fraud", "data", "simulate")
    second.does("dvc", "repro")

    lock = second.lock()
    assert len(lock) > 20
    assert lock == first_run.desk.lock()
    assert "Data and pipelines are up to date" in second.does("dvc", "repro")


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        pytest.param("params.yaml", "eta: 0.2", "eta: 0.3", ["train@xgboost", "ship"], id="one candidate"),
        pytest.param("params.yaml", "min_gain: 0.0", "min_gain: 0.1", [], id="a parameter of the verdict"),
        pytest.param("params.yaml", "large_amount: 200", "large_amount: 150", AFTER, id="a feature"),
        pytest.param(
            "src/mlflow_fraud/core/measuring/threshold.py",
            '"""\n',
            '"""\n# a remark\n',
            [*TRAINS, "ship"],
            id="code behind three stages",
        ),
        pytest.param("flows/training.py", '"""\n', '"""\n# a remark\n', [], id="code of a flow"),
    ],
)
def test_a_change_runs_again_exactly_what_depends_on_it(
    desk: Desk, file: str, old: str, new: str, again: list[str]
) -> None:
    path = desk.path(file)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    assert ran(desk.does("dvc", "repro")) == again


def month_after(clone: Path) -> Path:
    """Return the first of the months that follow a clone's data."""
    return min(clone.glob(".local/stream/stable/*.csv"))


def test_a_new_batch_runs_everything_again_in_a_preview_of_its_pull_request_and_leaves_all_as_it_was(
    desk: Desk, with_months: Path
) -> None:
    base = desk.does("git", "rev-parse", "HEAD").strip()
    desk.does("mlflow-fraud", "data", "add", str(month_after(with_months)), "--dataset", "simulated")
    before = content(desk.path("data")), content(desk.path(".local/releases")), runs(desk)
    state = desk.does("git", "status", "--porcelain")

    printed = desk.makes("pr-preview", f"BASE={base}")

    assert ran(printed) == ["ingest", "validate", "preprocess", *TRAINS, "ship"]
    comment = desk.path(".local/preview/summary.md").read_text()
    assert re.match(r"### xgboost-[0-9a-f]{12}: (do not )?promote", comment), comment
    assert f"| new: {month_after(with_months).stem} | " in comment
    assert "Against the live release, F1 on the same rows: " in comment
    page = desk.path(".local/preview/index.html").read_text()
    assert len(re.findall(r'<img alt="[^"]+" src="data:image/png;base64,', page)) == 3
    assert (content(desk.path("data")), content(desk.path(".local/releases")), runs(desk)) == before
    assert desk.does("git", "status", "--porcelain") == state
    assert not desk.path(".local/preview/clone").exists()
    assert ran(desk.does("dvc", "repro")) == []  # the cache has it all by now


def test_dvc_shows_metrics_plots_and_experiments(desk: Desk) -> None:
    assert "average_precision" in desk.does("dvc", "metrics", "show", "--md")
    assert "index.html" in desk.does("dvc", "plots", "show", "--out", "plots")
    assert set(content(desk.path("plots/static"))) == {
        f"workspace_data_models_{candidate}_{picture}.png"
        for candidate in (*CANDIDATES, "shipped")
        for picture in ("confusion", "precision_recall", "reliability")
    }
    desk.does("git", "add", "dvc.lock", "data/models")
    desk.does("git", "commit", "--quiet", "--message", "Pin")

    assert ran(desk.does("dvc", "exp", "run", "--set-param", "train.xgboost.max_depth=3")) == ["train@xgboost", "ship"]
    assert "| data/models/xgboost/metrics.json | validation.average_precision |" in " ".join(
        desk.does("dvc", "metrics", "diff", "--md").split()
    )


def test_a_run_that_is_stopped_and_then_killed_in_training_is_finished_by_the_next_one_with_the_same_bytes(
    first_run: FirstRun, with_months: Path, tmp_path: Path
) -> None:
    desk = copied(with_months, tmp_path)
    ended_in_training(desk, "forest", signal.SIGTERM)
    assert left_in(desk.folder) == []
    ended_in_training(desk, "xgboost", signal.SIGKILL)

    printed = desk.types(typed("python -m flows.retraining --first"))

    assert "is live now" in printed
    assert ran(printed) == ["train@xgboost", "ship"]
    assert desk.lock() == first_run.desk.lock()
    assert [status for _, status in runs(desk)] == ["FINISHED"] * 5
    assert left_in(desk.folder) == []  # Prefect's temporary server neither


def ended_in_training(desk: Desk, candidate: str, how: signal.Signals) -> None:
    """Start a first retraining, and end it while it fits a candidate."""
    flow = desk.starts("python", "-m", "flows.retraining", "--first")
    assert flow.stdout is not None
    for line in flow.stdout:
        if f"stages.train {candidate}" in line:
            break
    os.kill(flow.pid, how)
    flow.wait(60)
    assert flow.returncode != 0


def left_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that still work in a folder."""
    return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def spoil(good: Path, bad: Path, how: str) -> None:
    """Write `good` spoilt into `bad`."""
    head, *rows = good.read_text().splitlines()[:500]
    if how == "a missing column":
        head = head.replace(",amt,", ",sum,")
    if how == "a text as amount":
        rows[3] = re.sub(r",(\w+),[\d.]+,", r",\1,plenty,", rows[3], count=1)
    if how == "a negative amount":
        rows[3] = re.sub(r",(\w+),([\d.]+),", r",\1,-\2,", rows[3], count=1)
    if how == "a transaction twice":
        rows[4] = rows[3]
    text = "" if how == "an empty file" else "\n".join([head, *rows]) + "\n"
    if how == "a zip cut short":
        with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("fraudTrain.csv", text)
        bad.write_bytes(bad.read_bytes()[:-2000])
    else:
        bad.write_text(text)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a missing column", "amt"),
        ("a text as amount", "amt: 1 value is not a decimal, it looks like 'aaaaaa'"),
        ("a negative amount", "amount is in range: 1 row"),
        ("a transaction twice", "2 rows"),
        ("an empty file", "is empty; expected a header line and rows"),
        ("a zip cut short", "zip"),
    ],
)
def test_a_bad_batch_stops_at_the_door_with_one_sentence_and_changes_nothing(
    desk: Desk, with_months: Path, how: str, said: str
) -> None:
    good = month_after(with_months)
    bad = desk.path("../incoming").resolve() / ("archive.zip" if "zip" in how else "2031.csv")
    bad.parent.mkdir()
    spoil(good, bad, how)
    before = content(desk.path("data")) | {"lock": desk.path("dvc.lock").read_text()}

    refused = desk.tries("bash", "-c", f"{typed('mlflow-fraud data add')} '{bad}' --dataset simulated")

    lines = [line for line in refused.stderr.splitlines() if line.strip()]
    assert refused.returncode == 1
    assert len(lines) == 1, refused.stderr
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert "Traceback" not in refused.stdout + refused.stderr
    assert content(desk.path("data")) | {"lock": desk.path("dvc.lock").read_text()} == before


def test_a_bad_batch_that_was_pinned_past_the_door_stops_the_pipeline_and_what_is_live_stays(desk: Desk) -> None:
    (good,) = desk.path("data/raw/simulated").glob("*.csv")
    bad = desk.path("data/raw/simulated/2031.csv")
    spoil(good, bad, "a negative amount")
    desk.does("dvc", "add", "--quiet", str(bad))
    lock, releases = desk.path("dvc.lock").read_bytes(), content(desk.path(".local/releases"))

    refused = desk.tries("python", "-m", "flows.retraining")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stdout + refused.stderr
    assert ran(refused.stdout + refused.stderr) == ["ingest", "validate"]
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert "amount is in range: 1 row" in sentence
    assert content(desk.path(".local/releases")) == releases
    bad.unlink()
    bad.with_name("2031.csv.dvc").unlink()
    assert "is the live release" in desk.does("python", "-m", "flows.retraining")
    assert desk.path("dvc.lock").read_bytes() == lock

"""DVC's own files are looked at before it is asked; what it says is told so that a person can act on it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

import pytest

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.dvc_project import require_project
from mlflow_fraud.core.errors import SettingsError, StageFailed

CONFLICT = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '1.0'\n>>>>>>> data-month\n"
PIPELINE = "stages:\n  copy:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project of one stage, entered."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    write(".dvc/config", "")
    Path("dvc.yaml").write_text(PIPELINE)
    Path("in").write_text("1")
    return tmp_path


def write(file: str, content: str) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(content)


def test_a_whole_project_passes(project: Path) -> None:
    dvc_repo.reproduce("copy", log=lambda line: None)
    require_project()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (".dvc/config", CONFLICT, r"\.dvc/config has the marks of a merge conflict from line 1 on"),
        ("dvc.yaml", PIPELINE + CONFLICT, "dvc.yaml has the marks .* from line 6 on"),
        ("dvc.lock", CONFLICT, "dvc.lock .*`git checkout --ours dvc.lock` or `--theirs`, then `dvc repro`"),
        ("data/raw/cards/june.csv.dvc", CONFLICT, "june.csv.dvc has the marks"),
        ("params.yaml", "seed: 7\n" + CONFLICT, "params.yaml has the marks of a merge conflict from line 2 on"),
        ("data/models/xgboost/metrics.json", CONFLICT, "metrics.json has the marks .*, then `dvc repro`"),
        ("dvc.yaml", "stages: [", "dvc.yaml is no YAML from line 1 on"),
        ("dvc.lock", "schema: '2.0'\nstages: {a: [}", "dvc.lock is no YAML from line 2 on"),
        ("dvc.yaml", "[]", "dvc.yaml does not have what DVC writes"),
        ("data/raw/cards/june.csv.dvc", "garbage: 1", "june.csv.dvc does not have what DVC writes"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_file_that_is_broken_is_named_with_the_way_out(file: str, content: str, said: str) -> None:
    write(file, content)
    with pytest.raises(SettingsError, match=said):
        require_project()


@pytest.mark.parametrize("file", [".dvc/config", "dvc.yaml"])
def test_a_folder_that_is_no_project_is_said(project: Path, file: str) -> None:
    (project / file).unlink()
    with pytest.raises(SettingsError, match=r"this folder is no DVC project.*clone"):
        require_project()


def hold(pid: int, path: Path) -> None:
    write(".dvc/tmp/rwlock", json.dumps({"write": {str(path): {"pid": pid, "cmd": "/venv/bin/dvc repro"}}, "read": {}}))


def test_a_stage_waits_for_the_process_that_works_on_its_files_and_names_it(project: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    hold(other.pid, project / "out")
    said: list[str] = []

    def end_when_waited_for() -> None:
        while not any("waiting" in line for line in said):
            time.sleep(0.01)
        other.kill()
        other.wait()

    ender = threading.Thread(target=end_when_waited_for)
    ender.start()
    assert dvc_repo.reproduce("copy", log=said.append) == "ran"
    ender.join()
    (waited,) = [line for line in said if "waiting" in line]
    assert f"process {other.pid} (`dvc repro`)" in waited
    assert not [line for line in said if "is busy" in line or "manually remove" in line]


def test_the_lock_of_a_killed_run_is_told_in_our_words_once(project: Path) -> None:
    other = subprocess.Popen(["true"])
    other.wait()
    hold(other.pid, project / "out")
    said: list[str] = []
    dvc_repo.reproduce("copy", log=said.append)
    assert [line for line in said if "kill" in line.lower()] == [
        "a run before this one was killed: what it had begun is made again"
    ]


@pytest.mark.usefixtures("project")
def test_a_file_that_cannot_be_pinned_does_not_stay_for_the_stages_to_read() -> None:
    write("data/june.csv", "amount\n1.00\n")
    Path(".dvc/cache").write_text("no folder")
    with pytest.raises(StageFailed, match=r"dvc add data/june\.csv: "):
        dvc_repo.pin(Path("data/june.csv"))
    assert not list(Path("data").iterdir())


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param("no input", "`dvc pull` fetches what is pinned", id="a file that is pinned and not here"),
        pytest.param("a broken lock of files", "remove it and run again", id="a lock file cut short"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_stage_that_dvc_cannot_run_says_the_way_out_in_one_line(trouble: str, said: str) -> None:
    if trouble == "no input":
        Path("in").unlink()
    else:
        write(".dvc/tmp/rwlock", '{"write": {')
    with pytest.raises(StageFailed, match=said) as failed:
        dvc_repo.reproduce("copy", log=lambda line: None)
    assert "\n" not in str(failed.value)

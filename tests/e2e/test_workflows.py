"""The workflow files, run by `act` on this machine: a real DVC remote and release store, GitHub's API as a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.conftest import ROOT
from tests.e2e.conftest import copied
from tests.e2e.desk import BIN, Desk
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ACTIONS = ROOT / "tests/e2e/actions"
REPOSITORY = "bank/fraud"


class Hosted:
    """A repository on a host that runs its workflows: `desk` is a person's clone."""

    def __init__(self, folder: Path, desk: Desk, github: GitHubServer) -> None:
        self.folder, self.desk, self.github = folder, desk, github
        github.knows = lambda commit: (
            desk.tries("git", "-C", str(folder / "origin.git"), "cat-file", "-e", commit).returncode == 0
        )
        self.remote, self.store, self.artifacts = folder / "remote", folder / "releases", folder / "artifacts"
        self.variables = {
            "DVC_REMOTE": str(self.remote),
            "FRAUD_RELEASE_STORE": str(self.store),
            "FRAUD_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        }

    def pushes(self, branch: str) -> str:
        """Push what is checked out; return its commit."""
        self.desk.does("dvc", "push", "--quiet")
        self.desk.does("git", "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return self.desk.does("git", "rev-parse", "HEAD").strip()

    def at(self, branch: str) -> str:
        """Return the commit of a branch on the host."""
        return self.desk.does("git", "ls-remote", "origin", f"refs/heads/{branch}").split()[0]

    def retrains(self, branch: str, *, owner: str = REPOSITORY) -> subprocess.CompletedProcess[str]:
        """Run `retrain.yml` for pull request 7 from `branch`."""
        head = {"ref": branch, "sha": self.at(branch), "repo": {"full_name": owner}}
        base = {"ref": "main", "sha": self.at("main")}
        return self._runs("pull_request", "retrain", {"pull_request": {"number": 7, "head": head, "base": base}})

    def promotes(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run `promote.yml` for a push to main, or by hand where there are inputs."""
        event: dict[str, object] = {"ref": "refs/heads/main"}
        if inputs:
            return self._runs("workflow_dispatch", "promote", event | {"inputs": inputs})
        return self._runs("push", "promote", event)

    def merges(self, branch: str) -> None:
        """Merge the branch as it is on the host into main, as its page does."""
        self.desk.does("git", "fetch", "--quiet", "origin")
        self.desk.does("git", "checkout", "--quiet", "-B", "main", "origin/main")
        self.desk.does("git", "merge", "--quiet", "--no-edit", f"origin/{branch}")
        self.desk.does("git", "push", "--quiet", "origin", "main")

    @property
    def live(self) -> str:
        """The version that is live, empty where none is."""
        pointer = open_store(str(self.store)).latest()
        return pointer.version if pointer else ""

    def check(self) -> tuple[str, str, str]:
        """Return name, end and commit of the newest check."""
        newest = self.github.checks[-1]
        return newest["name"], newest["conclusion"], newest["head_sha"]

    def _runs(self, name: str, workflow: str, event: dict[str, object]) -> subprocess.CompletedProcess[str]:
        file = self.folder / "event.json"
        file.write_text(json.dumps(event | {"repository": {"full_name": REPOSITORY}}))
        environ = {
            "TEST_VENV": str(BIN.parent),
            "TEST_ARTIFACTS": str(self.artifacts),
            "PYTHONPATH": "src",
            "GITHUB_API_URL": self.github.url,
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "DVC_GLOBAL_CONFIG_DIR": self.desk.environ["DVC_GLOBAL_CONFIG_DIR"],
        }
        command = ["act", name, "--workflows", f".github/workflows/{workflow}.yml", "--eventpath", str(file)]
        command += [
            "--platform",
            "ubuntu-latest=-self-hosted",
            "--no-cache-server",
            "--no-skip-checkout",
            "--actor",
            "a-reviewer",
        ]
        command += ["--secret", f"GITHUB_TOKEN={self.github.token}"]
        command += [part for name, value in self.variables.items() for part in ("--var", f"{name}={value}")]
        command += [part for name, value in environ.items() for part in ("--env", f"{name}={value}")]
        for used in uses():
            stand_in = ACTIONS / used.split("@")[0].removeprefix("actions/")
            if stand_in.is_dir():
                command += ["--local-repository", f"{used}={stand_in}"]
        return self.desk.tries(*command, XDG_CACHE_HOME=str(self.folder / "cache"))


def uses() -> set[str]:
    """Return every action that the workflow files use, with its version."""
    files = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")]
    return {found for file in files for found in re.findall(r"uses: (actions/\S+@\S+)", file.read_text())}


@pytest.fixture(scope="module")
def one_cache(with_months: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of DVC in which all tests have one cache: what one has trained another only fetches."""
    folder = tmp_path_factory.mktemp("dvc")
    shutil.copytree(with_months / ".dvc/cache", folder / "cache")
    (folder / "config").write_text(f"[cache]\n    dir = {folder / 'cache'}\n")
    return folder


@pytest.fixture
def hosted(with_months: Path, tmp_path: Path, github_server: GitHubServer, one_cache: Path) -> Hosted:
    """A repository on a host, its data in a DVC remote, and a clone of it."""
    desk = copied(with_months, tmp_path)
    desk.environ["DVC_GLOBAL_CONFIG_DIR"] = str(one_cache)
    address, bare = f"https://github.com/{REPOSITORY}", tmp_path / "origin.git"
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{bare}"]\n\tinsteadOf = {address}\n[safe]\n\tdirectory = *\n')
    desk.environ["GIT_CONFIG_GLOBAL"] = str(config)
    desk.does("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    desk.does("git", "checkout", "--quiet", "-B", "main")
    desk.does("git", "remote", "set-url", "origin", address)
    desk.does("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "remote"))
    hosted = Hosted(tmp_path, desk, github_server)
    hosted.pushes("main")
    return hosted


def add_a_month(desk: Desk) -> None:
    """Put a month after the made-up data on a branch of main, as docs/github-actions.md says."""
    month = min(desk.path(".local/stream/stable").glob("*.csv"))
    desk.does("git", "checkout", "--quiet", "-b", "data-month", "main")
    desk.does("mlflow-fraud", "data", "add", str(month), "--dataset", "simulated")
    desk.does("git", "add", "data/raw")
    desk.does("git", "commit", "--quiet", "--message", "Data: one more month")


def test_a_data_change_is_retrained_told_in_one_comment_and_promoted_as_reviewed(hosted: Hosted) -> None:
    add_a_month(hosted.desk)
    pushed = hosted.pushes("data-month")

    retrained = hosted.retrains("data-month")

    assert retrained.returncode == 0, retrained.stdout + retrained.stderr
    (comment,) = hosted.github.bodies(7)
    version = re.search(r"### (\w+-[0-9a-f]{12}): do not promote", comment)
    assert version is not None, comment
    reasons = re.findall(r"^- (.*)$", comment.partition(version[0])[2].partition("|")[0], re.MULTILINE)
    assert reasons == [f"there is no champion yet in {hosted.store}; a first release needs to be asked for: --first"]
    assert "| new: " in comment
    assert "blob/review-pictures/pull-7/precision_recall.png?raw=true" in comment
    assert "[the run](https://github.com/bank/fraud/actions/runs/" in comment
    assert hosted.live == ""
    assert (hosted.artifacts / "decision/data/decision/report.html").is_file()
    assert hosted.at("data-month") != pushed
    assert hosted.check() == ("champion/challenger", "neutral", hosted.at("data-month"))
    assert hosted.github.started == [("ci.yml", "data-month")]
    hosted.desk.does("git", "fetch", "--quiet", "origin")
    changed = hosted.desk.does("git", "diff", "--name-only", pushed, "origin/data-month").split()
    made = ("logistic", "forest", "xgboost", "shipped")
    decision = f"data/decision/{version[0].split()[1].rstrip(':')}.json"
    assert {decision} <= set(changed) <= {"dvc.lock", decision, *(f"data/models/{name}/metrics.json" for name in made)}

    hosted.merges("data-month")
    refused = hosted.promotes()

    assert refused.returncode != 0
    assert f"there is no champion yet in {hosted.store}" in refused.stdout
    assert hosted.live == ""

    promoted = hosted.promotes(what="first")

    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert "Running stage" not in promoted.stdout
    assert hosted.live == version[1]
    assert [record.who for record in open_store(str(hosted.store)).ledger()] == ["a-reviewer"]

    again = hosted.retrains("data-month")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Running stage" not in again.stdout
    (comment,) = hosted.github.bodies(7)
    assert "the challenger is the live release" in comment
    assert hosted.check()[1] == "success"
    assert hosted.github.started == [("ci.yml", "data-month")]

    stage = hosted.desk.path("src/mlflow_fraud/stages/validate.py")
    hosted.desk.does("git", "checkout", "--quiet", "-b", "code", "main")
    stage.write_text(stage.read_text() + "\n# read once more\n")
    hosted.desk.does("git", "commit", "--quiet", "--all", "--message", "Code alone")
    hosted.pushes("code")

    retrained = hosted.retrains("code")

    assert retrained.returncode == 0, retrained.stdout + retrained.stderr
    assert re.findall(r"Running stage '([^']*)'", retrained.stdout) == ["validate"]
    assert hosted.check() == ("champion/challenger", "success", hosted.at("code"))
    hosted.merges("code")
    promoted = hosted.promotes()
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert f"live: {version[1]}; the challenger is the live release" in promoted.stdout


def test_data_that_breaks_the_contract_is_told_and_changes_nothing(hosted: Hosted) -> None:
    desk = hosted.desk
    (batch,) = desk.path("data/raw/simulated").glob("*.csv")
    head, first, *_ = batch.read_text().splitlines()
    bad = desk.path("data/raw/simulated/2020-01-01_2020-01-01.csv")
    amount = head.split(",").index("amt")
    columns = first.split(",")
    bad.write_text("\n".join([head, ",".join([*columns[:amount], "-5.00", *columns[amount + 1 :]])]) + "\n")
    desk.does("dvc", "add", "--quiet", str(bad))  # past the gate of `data add`
    desk.does("git", "checkout", "--quiet", "-b", "bad")
    desk.does("git", "add", "data/raw")
    desk.does("git", "commit", "--quiet", "--message", "Data: a bad batch")
    pushed = hosted.pushes("bad")

    retrained = hosted.retrains("bad")

    assert retrained.returncode != 0
    (comment,) = hosted.github.bodies(7)
    assert "stopped before a verdict" in comment
    assert "error: " in comment
    assert "amount is in range: 1 row does not comply, for example -5.00" in comment
    assert hosted.check() == ("champion/challenger", "failure", pushed)
    assert hosted.at("bad") == pushed


def test_a_fork_is_judged_but_may_write_nothing(hosted: Hosted) -> None:
    add_a_month(hosted.desk)
    pushed = hosted.pushes("data-month")

    retrained = hosted.retrains("data-month", owner="somebody/fraud")

    assert retrained.returncode == 0, retrained.stdout + retrained.stderr
    assert hosted.github.bodies(7) == hosted.github.checks == hosted.github.started == []
    assert hosted.at("data-month") == pushed
    assert ": do not promote" in (hosted.artifacts / "decision/summary.md").read_text()


def test_a_repository_that_is_not_set_up_promotes_nothing_and_says_so(hosted: Hosted) -> None:
    every = hosted.variables
    for unset in ("DVC_REMOTE", "FRAUD_RELEASE_STORE"):
        hosted.variables = {name: value for name, value in every.items() if name != unset}
        promoted = hosted.promotes()
        assert promoted.returncode == 0, promoted.stdout + promoted.stderr
        assert "nothing is promoted: DVC_REMOTE and FRAUD_RELEASE_STORE are not both set" in promoted.stdout
        assert "live:" not in promoted.stdout
    assert not hosted.store.exists()
    assert not hosted.desk.path(".local/releases").exists()


def test_what_is_merged_before_its_retraining_promotes_nothing(hosted: Hosted) -> None:
    add_a_month(hosted.desk)
    hosted.pushes("main")

    promoted = hosted.promotes()

    assert promoted.returncode != 0
    assert "dvc.lock does not name what the merged files make" in promoted.stdout
    assert "live:" not in promoted.stdout
    assert hosted.live == ""


def test_a_rollback_by_hand_needs_a_reason_and_something_to_go_back_from(hosted: Hosted) -> None:
    for reason, said in (
        ("", "the reason is empty"),
        ("complaints of $(whoami)", f"nothing is live in {hosted.store}"),
    ):
        back = hosted.promotes(what="rollback", reason=reason)
        assert back.returncode != 0
        assert said in back.stdout
        assert "dvc pull" not in back.stdout
    assert hosted.live == ""

"""A repository on a host that runs its workflows: `act` runs the files here, GitHub's API is a server of the test."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from mlflow_fraud.adapters.mlflow_moved import follow_project
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.paths import MLFLOW_ARTIFACTS, MLFLOW_FILE
from tests.conftest import ROOT
from tests.e2e.conftest import copied
from tests.e2e.desk import BIN, PERSON, Desk
from tests.github_server import GitHubServer
from tests.s3_server import S3Server

ACTIONS = ROOT / "tests/e2e/actions"
REPOSITORY = "bank/fraud"
TESTS = {"lint", "test", "slow", "images", "audit"}
"""The jobs of `ci.yml` that test this repository."""
MAIN = "refs/heads/main"
ENVIRONMENTS = ("retraining", "production")


class Hosted:
    """The host's `origin.git`, a DVC remote and a release store in `folder`, or on `s3`; `desk` is a person's clone.

    Each of the two environments of the host has a key of its own to `s3`, with the rights that docs/aws.md gives it.
    """

    def __init__(self, folder: Path, desk: Desk, github: GitHubServer, s3: S3Server | None = None) -> None:
        self.folder, self.desk, self.github, self.artifacts = folder, desk, github, folder / "artifacts"
        github.knows = lambda commit: (
            desk.tries("git", "-C", str(folder / "origin.git"), "cat-file", "-e", commit).returncode == 0
        )
        github.commit_of = self.at
        github.merges = lambda branch: not self.is_in_conflict(branch)
        place = f"s3://{s3.bucket}" if s3 else str(folder)
        self.remote, self.store = f"{place}/remote", f"{place}/releases"
        self.keys = s3.environment() if s3 else {}
        self.secrets = {name: s3.key_of(name, rights(name, s3.bucket)) if s3 else {} for name in ENVIRONMENTS}
        self.variables = {
            "DVC_REMOTE": self.remote,
            "FRAUD_RELEASE_STORE": self.store,
            "FRAUD_TRACKING_URI": f"sqlite:///{desk.path(str(MLFLOW_FILE))}",
        } | ({"FRAUD_S3_ENDPOINT_URL": s3.endpoint_url} if s3 else {})
        follow_project(desk.path(str(MLFLOW_FILE)), MLFLOW_ARTIFACTS, desk.folder)  # where it was copied
        config = folder / "gitconfig"
        address = f"https://github.com/{REPOSITORY}"
        config.write_text(
            f'[url "{folder / "origin.git"}"]\n\tinsteadOf = {address}\n[safe]\n\tdirectory = *\n'
            "[user]\n\tuseConfigOnly = true\n"
        )
        desk.environ["GIT_CONFIG_GLOBAL"] = str(config)
        desk.does("git", "remote", "set-url", "origin", address)
        desk.does("mlflow-fraud", "data", "remote", self.remote, **self.settings)

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment in which a person's commands reach what the workflows do."""
        return {name: value for name, value in self.variables.items() if name.startswith("FRAUD_")} | self.keys

    def pushes(self, branch: str) -> str:
        """Push what is checked out; return its commit."""
        self.desk.does("dvc", "push", "--quiet", **self.keys)
        self.desk.does("git", "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return self.desk.does("git", "rev-parse", "HEAD").strip()

    def at(self, branch: str) -> str:
        """Return the commit of a branch on the host."""
        return self.desk.does("git", "ls-remote", "origin", f"refs/heads/{branch}").split()[0]

    def is_in_conflict(self, branch: str) -> bool:
        """Return whether a branch and main, as they are on the host, do not merge as text."""
        ended = self.desk.tries(
            "git", "-C", str(self.folder / "origin.git"), "merge-tree", "--write-tree", "main", branch
        )
        assert ended.returncode in {0, 1}, ended.stderr
        return ended.returncode == 1

    def retrains(
        self, branch: str, *, number: int = 7, owner: str = REPOSITORY, commit: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `retrain.yml` for a pull request from `branch`; to one of a fork GitHub gives no variable and no key.

        Run again, a job is told of the `commit` that the branch was at when it ran first.
        """
        assert not self.is_in_conflict(branch), "GitHub starts no workflow for a pull request in conflict"
        head = {"ref": branch, "sha": commit or self.at(branch), "repo": {"full_name": owner}}
        base = {"ref": "main", "sha": self.at("main")}
        asked = {"pull_request": {"number": number, "head": head, "base": base}}
        return self._runs("pull_request", "retrain", asked, fork=owner != REPOSITORY)

    def retrains_by_hand(self, branch: str, *, number: int) -> subprocess.CompletedProcess[str]:
        """Run `retrain.yml` on `branch` as a person starts it, the pull request in conflict or not."""
        inputs = {"number": str(number), "base": "main"}
        return self._runs("workflow_dispatch", "retrain", {"ref": f"refs/heads/{branch}", "inputs": inputs})

    def promotes(self, commit: str = "", **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run `promote.yml` for main's push of a commit, the newest if not given; by hand where there are inputs."""
        if inputs:
            return self._runs("workflow_dispatch", "promote", {"ref": MAIN, "inputs": inputs})
        after = commit or self.at("main")
        self.desk.does("git", "fetch", "--quiet", "origin")
        before = self.desk.does("git", "rev-parse", f"{after}^1").strip()
        return self._runs("push", "promote", {"ref": MAIN, "before": before, "after": after})

    def tells_who_is_in_conflict(self) -> subprocess.CompletedProcess[str]:
        """Run `conflicts.yml` for the newest push of main."""
        return self._runs("push", "conflicts", {"ref": MAIN, "after": self.at("main")})

    def queues(self, branch: str) -> subprocess.CompletedProcess[str]:
        """Run `ci.yml` for the branch as an entry of a merge queue, which main moves on to if that ends well.

        Its tests of the repository do.
        """
        merged, base = self._merged(branch), self.at("main")
        entry = f"refs/heads/gh-readonly-queue/main/pr-7-{base}"
        self.desk.does("git", "push", "--quiet", "origin", f"HEAD:{entry}")
        told = {"head_ref": entry, "head_sha": merged, "base_ref": MAIN, "base_sha": base}
        ended = self._runs("merge_group", "ci", {"ref": entry, "merge_group": told})
        kept = [f"HEAD:{MAIN}"] if ended.returncode == 0 else []
        self.desk.does("git", "push", "--quiet", "origin", *kept, f":{entry}")
        return ended

    def tests(self, branch: str) -> subprocess.CompletedProcess[str]:
        """Run `ci.yml` for a branch as `retrain.yml` starts it; its tests of the repository end well."""
        return self._runs("workflow_dispatch", "ci", {"ref": f"refs/heads/{branch}", "inputs": {}})

    def looks(self) -> subprocess.CompletedProcess[str]:
        """Run the job `monitor` of `scheduled.yml`."""
        self.desk.path(".actrc").write_text("--job monitor\n")
        return self._runs("schedule", "scheduled", {})

    def merges(self, branch: str, *, squash: bool = False) -> str:
        """Merge the branch as it is on the host into main, as its page does; return the commit."""
        merged = self._merged(branch, squash=squash)
        self.desk.does("git", "push", "--quiet", "origin", "main")
        return merged

    def works(self, publish: str) -> str:
        """Run the flow `retraining` as a worker that publishes so; return what it printed."""
        host = {
            "FRAUD_PUBLISH": publish,
            "FRAUD_GITHUB_TOKEN": self.github.token,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": REPOSITORY,  # git says where the address leads: to a folder
        }
        return self.desk.does("python", "-m", "flows.retraining", **host, **self.settings)

    def _merged(self, branch: str, *, squash: bool = False) -> str:
        """Let main be checked out here with the branch as it is on the host merged into it; return the commit."""
        self.desk.does("git", "fetch", "--quiet", "origin")
        self.desk.does("git", "checkout", "--quiet", "-B", "main", "origin/main")
        if squash:
            self.desk.does("git", "merge", "--quiet", "--squash", f"origin/{branch}")
            self.desk.does("git", "commit", "--quiet", "--message", branch)
        else:
            self.desk.does("git", "merge", "--quiet", "--no-edit", "--no-ff", f"origin/{branch}")
        return self.desk.does("git", "rev-parse", "HEAD").strip()

    @property
    def releases(self) -> ReleaseStore:
        """The store; on S3 this process needs its keys."""
        return open_store(self.store, endpoint_url=self.variables.get("FRAUD_S3_ENDPOINT_URL", ""))

    @property
    def live(self) -> str:
        """The version that is live, empty where none is."""
        pointer = self.releases.latest()
        return pointer.version if pointer else ""

    def check(self) -> tuple[str, str, str]:
        """Return name, end and commit of the newest check."""
        newest = self.github.checks[-1]
        return newest["name"], newest["conclusion"], newest["head_sha"]

    def _runs(
        self, name: str, workflow: str, event: dict[str, object], *, fork: bool = False
    ) -> subprocess.CompletedProcess[str]:
        file = self.folder / "event.json"
        file.write_text(json.dumps(event | {"repository": {"full_name": REPOSITORY}}))
        cache = self.desk.environ["DVC_GLOBAL_CONFIG_DIR"] if workflow == "retrain" else str(self.folder / "no-cache")
        environ = {
            "TEST_VENV": str(BIN.parent),
            "TEST_ARTIFACTS": str(self.artifacts),
            "PYTHONPATH": "src",
            "GITHUB_API_URL": self.github.url,
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "DVC_GLOBAL_CONFIG_DIR": cache,  # where nothing is trained, all that is pinned comes from the remote
        }
        secrets = {"GITHUB_TOKEN": self.github.token}
        secrets |= {} if fork else self.secrets["production" if workflow == "promote" else "retraining"]
        nobody = [part for each in PERSON for part in ("--unset", each)]  # a runner has no name under which git commits
        command = ["env", *nobody, "act", name, "--workflows", str(self._file(workflow)), "--eventpath", str(file)]
        command += ["--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--no-skip-checkout"]
        command += ["--actor", "a-reviewer"]
        for option, values in (("--secret", secrets), ("--var", {} if fork else self.variables), ("--env", environ)):
            command += [part for key, value in values.items() for part in (option, f"{key}={value}")]
        for used in uses():
            stand_in = ACTIONS / used.split("@")[0].removeprefix("actions/")
            if stand_in.is_dir():
                command += ["--local-repository", f"{used}={stand_in}"]
        return self.desk.tries(*command, XDG_CACHE_HOME=str(self.folder / "cache"))

    def _file(self, workflow: str) -> Path:
        """Return the workflow's file as it stands, or a copy without what `act` or this host has not.

        `TESTS` of `ci.yml` end well at once; who waits behind whom is GitHub's alone, and `queue` newer than `act`.
        """
        file = Path(f".github/workflows/{workflow}.yml")
        document = yaml.safe_load(self.desk.path(str(file)).read_text())
        queue, tests = document["concurrency"].pop("queue", None), TESTS & document["jobs"].keys()
        if not queue and not tests:
            return file
        document["on"] = document.pop(True)  # YAML 1.1 reads `on` so
        for name in tests:
            document["jobs"][name]["steps"] = [{"run": "true"}]
        copy = self.folder / file.name
        copy.write_text(yaml.safe_dump(document, sort_keys=False))
        return copy


def uses() -> set[str]:
    """Return every action that the workflow files use, with its version."""
    files = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")]
    return {found for file in files for found in re.findall(r"uses: (actions/\S+@\S+)", file.read_text())}


def rights(environment: str, bucket: str) -> str:
    """Return the policy of docs/aws.md for the bucket of a test: that of production has the two places exchanged."""
    text = (ROOT / "docs/aws.md").read_text()
    (found,) = [block for block in re.findall(r"^```text\n({.*?)^```", text, re.S | re.M) if "s3:PutObject" in block]
    may_write, reads = ("remote", "releases") if environment == "retraining" else ("releases", "remote")
    named = {
        "bank-fraud/dvc/": f"{bucket}/{may_write}/",
        "bank-fraud/live/": f"{bucket}/{reads}/",
        "bank-fraud": bucket,
    }
    return re.sub("|".join(named), lambda each: named[each[0]], found)


def clone_of(clone: Path, folder: Path, dvc: Path) -> Desk:
    """Return a copy of a clone in `folder`, with the configuration of DVC in `dvc`, and `main` checked out."""
    desk = copied(clone, folder)
    desk.environ["DVC_GLOBAL_CONFIG_DIR"] = str(dvc)
    desk.does("git", "checkout", "--quiet", "-B", "main")
    return desk


def put_on_a_host(clone: Path, folder: Path, github: GitHubServer, dvc: Path, s3: S3Server | None = None) -> Hosted:
    """Let a copy of a clone be pushed to a repository of its own, as it is committed, and what it pins to a remote."""
    desk = clone_of(clone, folder, dvc)
    desk.does("git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "origin.git"))
    hosted = Hosted(folder, desk, github, s3)
    hosted.pushes("main")
    return hosted


def taken_up(host: Path, folder: Path, github: GitHubServer, dvc: Path) -> Hosted:
    """Return a copy of a host on folders, to go on from there."""
    for name in ("origin.git", "remote", "releases"):
        shutil.copytree(host / name, folder / name)
    desk = clone_of(host / "clone", folder, dvc)
    hosted = Hosted(folder, desk, github)
    desk.does("git", "fetch", "--quiet", "origin")
    desk.does("git", "reset", "--hard", "--quiet", "origin/main")
    return hosted


def add_months(desk: Desk, branch: str, months: slice, *, of: str = "main") -> None:
    """Put some of the months after the made-up data on a branch that begins at another one, or is it."""
    desk.does("git", "checkout", "--quiet", "-B", branch, of)
    pin_months(desk, months)
    desk.does("git", "add", "data/raw")
    desk.does("git", "commit", "--quiet", "--message", f"Data: {branch}")


def pin_months(desk: Desk, months: slice) -> None:
    """Pin months as `mlflow-fraud data add` does once its door let them in, and leave those of other branches."""
    raw = desk.path("data/raw/simulated")
    for file in raw.glob("*.csv"):
        if not file.with_name(f"{file.name}.dvc").is_file():
            file.unlink()
    files = [shutil.copy2(month, raw) for month in sorted(desk.path(".local/stream/stable").glob("*.csv"))[months]]
    desk.does("dvc", "add", "--quiet", *map(str, files))


ONE, NEXT, TWO_MORE = slice(0, 1), slice(1, 2), slice(1, 3)
"""Of one month of so little data too few cards had a fraud to tell two models apart by, but for the first. Where
that is left out, validation has frauds with the next alone, and none with both that follow."""

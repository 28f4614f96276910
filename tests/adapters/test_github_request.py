"""The pull request that a workflow opens, against a real HTTP server that behaves as GitHub's REST API does."""

from __future__ import annotations

import pytest

from mlflow_fraud.adapters.github_request import Repository, keep_request
from mlflow_fraud.core.errors import FraudError, SettingsError
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]


def test_a_refusal_has_githubs_own_words_since_a_setting_may_be_in_the_way(github_server: GitHubServer) -> None:
    github_server.workflows_open_pulls = False
    on = Repository("bank/fraud", github_server.token, github_server.url)
    with pytest.raises(SettingsError, match=r"403 to POST .*/pulls \(GitHub Actions is not permitted to create or"):
        keep_request("Retraining", "how it went", head="retraining-main", base="main", on=on)


def test_an_answer_of_another_kind_has_them_too(github_server: GitHubServer) -> None:
    github_server.answer = lambda method, target, told: (422, {"message": "Validation Failed"})
    on = Repository("bank/fraud", github_server.token, github_server.url)
    with pytest.raises(FraudError, match=r"GitHub answers 422 to GET \S+ \(Validation Failed\); try again"):
        keep_request("Retraining", "how it went", head="retraining-main", base="main", on=on)

"""A pull request is told how its retraining went."""

from __future__ import annotations

from pathlib import Path

from mlflow_fraud.adapters.github_comment import PullRequest, keep_comment
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment


def comment(text: Path, repository: str, pull_request: int, api: str) -> str:
    """Keep the Markdown in `text` as our one comment on the pull request; return the comment's address."""
    token = load_environment().github_token.get_secret_value()
    if not token:
        raise SettingsError("FRAUD_GITHUB_TOKEN is not set; a workflow gives it `github.token`")
    if not text.is_file():
        raise SettingsError(f"{text} is not there; `mlflow-fraud summary > {text}` writes it")
    return keep_comment(text.read_text(encoding="utf-8"), PullRequest(repository, pull_request, token, api))

"""Where this clone pushes what is pinned, and pulls it from."""

from __future__ import annotations

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.run import say


def use_remote(url: str) -> None:
    """Let `dvc push` and `dvc pull` use `url`, on the same S3 server as the release store."""
    endpoint_url = load_environment().s3_endpoint_url
    dvc_repo.set_remote(url, endpoint_url=endpoint_url)
    where = f" at {endpoint_url}" if endpoint_url and url.startswith("s3://") else ""
    say(f"dvc push and dvc pull of this clone use {url}{where}; what is pulled is checked against its hash")

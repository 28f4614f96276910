"""A retraining that a person starts by hand is of the pull request that they named, and no other one is told of it."""

from __future__ import annotations

from mlflow_fraud.adapters.github_request import request_of
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.review.host import repository


def require_request(number: int, branch: str, base: str) -> str:
    """Return that the pull request is open and of these branches; raise `SettingsError` where it is not."""
    on = repository()
    try:
        found = request_of(number, on)
    except SettingsError as error:
        raise SettingsError(f"{error}; or there is no pull request of the number {number}") from error
    said = f"{found.branch} into {found.base}" if found.is_own else f"a fork's {found.branch}"
    if not found.is_open or not found.is_own or (found.branch, found.base) != (branch, base):
        raise SettingsError(
            f"expected the number of an open pull request of {branch} into {base}, found {number}, which is "
            f"{'' if found.is_open else 'closed, and '}of {said}; run the workflow on the request's own branch, with "
            "its own number and base"
        )
    return f"{number} is of {said}"

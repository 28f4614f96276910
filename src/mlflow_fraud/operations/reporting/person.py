"""A person is called where a run cannot go on without one."""

from __future__ import annotations

from mlflow_fraud.adapters.webhook import post
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.run import say


def call(what: str, *, run: str = "", page: str = "") -> bool:
    """Tell the webhook what needs a person, in which run, and where to look; return whether it took it.

    Nothing of what a run read or said is in it, so no payment and nobody's name. Where no webhook is set, or it does
    not answer, the run goes on.
    """
    address = load_environment().webhook.get_secret_value()
    if not address:
        return False
    told = {"text": f"mlflow-fraud: {what}", "run": run, "page": page}
    try:
        post(address, {name: value for name, value in told.items() if value})
    except FraudError as error:
        say(f"warning: {error}")
        return False
    return True

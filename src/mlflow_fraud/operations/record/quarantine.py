"""A span that went wrong, such as of a broken feed, is left out of what is learned from and looked back on."""

from __future__ import annotations

from mlflow_fraud.adapters.prediction_log.audit import note
from mlflow_fraud.adapters.prediction_log.change import change
from mlflow_fraud.adapters.prediction_log.counting import count_between
from mlflow_fraud.adapters.prediction_log.quarantine import Quarantine, put_in_quarantine, quarantines
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.record.days import moment_of
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.wall import utc_now


def quarantine(since: str, until: str, reason: str) -> str:
    """Leave out the event times from `since` on and before `until`, and say how many payments are in them."""
    span = Quarantine(moment_of(since, "--from"), moment_of(until, "--to"), " ".join(reason.split()))
    if span.since >= span.until:
        raise SettingsError(f"--to {until} is not after --from {since}; the first time behind the span is expected")
    if not span.reason:
        raise SettingsError("--reason is empty; say what went wrong, so that others know why these payments are out")
    contract, now = contract_of(load_params().active), utc_now()
    with opened() as log:
        with change(log.engine) as connection:
            put_in_quarantine(connection, contract.name, span, received=now)
            times = {"from": span.since.isoformat(), "to": span.until.isoformat()}
            note(connection, "quarantine", {"contract": contract.name, **times, "reason": span.reason}, at=now)
            number = count_between(connection, contract.name, span.since, span.until)
        return (
            f"{log}: {counted(number, 'payment')} of {contract.name} from {span.since} to before {span.until} "
            f"{'is' if number == 1 else 'are'} left out of exports, collection and audits, and of the past of a "
            "service that runs within seconds"
        )


def quarantine_list() -> str:
    """Return what is left out as lines to read."""
    contract = contract_of(load_params().active)
    with opened() as log:
        with log.reading() as connection:
            found = quarantines(connection, contract.name)
        if not found:
            return f"{log}: nothing of {contract.name} is in quarantine"
        return "\n".join(f"{each.since} to {each.until}  {each.reason}" for each in found)

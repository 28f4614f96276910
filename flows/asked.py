"""A retraining is asked for: by an event where a Prefect server takes it, else at once and here."""

from __future__ import annotations

from datetime import datetime

from prefect.events import emit_event
from prefect.settings import get_current_settings

from flows.retraining import retraining

ASKED = "fraud.retraining.asked"
LIVE = "fraud.model.live"


def ask_for_retraining(reason: str, kind: str, *, here: bool = False, as_of: datetime | None = None) -> None:
    """Let the model be trained anew for a reason, which goes with it into MLflow, verdict, commit and ledger.

    `kind` tells an alarm from a refresh.

    A server's automation starts the deployment `retraining` on the event; without a server nobody would hear it.
    """
    emit_event(event=ASKED, resource={"prefect.resource.id": LIVE}, payload={"reason": reason, "kind": kind})
    if here or not get_current_settings().api.url:
        retraining(reason=reason, as_of=as_of)

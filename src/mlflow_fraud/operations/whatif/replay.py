"""What is replayed: rows in time order, and what the live release and the one that is asked for gave or give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.whatif.outcome import Flagging


class Replay(NamedTuple):
    """The rows of a time that neither release had learned; `groups` say which slices each is in.

    `what` says in words which rows they are. `honest` are earlier rows on which a policy is settled, with the
    probabilities that the release asked for gives them, which had not learned them either; None where nobody asked.
    """

    what: str
    period: Period
    groups: Mapping[str, Sequence[str]]
    live: Flagging
    other: Flagging
    honest: tuple[Period, Probabilities] | None = None

"""Whether the feed of labels has fallen silent: then silence about a payment says nothing."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from mlflow_fraud.adapters.prediction_log.label_feed import label_feed
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.watching.feed import FEWEST_LABEL_DAYS, LABELS_BACK, Silence, silence_of_labels
from mlflow_fraud.settings import Dataset


class Heard(NamedTuple):
    """Up to when silence says something, why no longer, where it does not, and whether the feed can be judged."""

    until: datetime
    silence: Silence | None = None
    known: bool = True

    @property
    def sentence(self) -> str:
        """What is told of a silence; nothing where there is none."""
        if self.silence is None:
            return ""
        since, days, plausible = self.silence
        return (
            f"no label has come since {since:%Y-%m-%d %H:%M}, for {days:.0f} days, and by its own past "
            f"{plausible:.0f} are plausible: what has no label since is not taken for genuine"
        )


def heard_until(connection: Connection, contract: Contract, dataset: Dataset, now: datetime) -> Heard:
    """Return up to when the labels of a data set are complete: now, or the last arrival where the feed is silent.

    Silence is counted up to the newest payment, for without payments there is nothing to tell. A feed that never spoke,
    or on too few days, is not known to be silent. Where labels are selective silence says nothing anyway.
    """
    if dataset.selective:
        return Heard(now)
    feed = label_feed(connection, contract, now, LABELS_BACK)
    if feed is None or len(feed.days) < FEWEST_LABEL_DAYS:
        return Heard(now, known=False)
    silence = silence_of_labels(feed.days, feed.first, feed.last, min(now, feed.paid))
    return Heard(silence.since if silence else now, silence)

"""Which payments are looked into although nothing flagged them: a random share, where only alerts are otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_fraud.core.document import read_document
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.labels import LabelRule, is_drawn
from mlflow_fraud.core.strict import parse
from mlflow_fraud.paths import PARAMS_FILE


def review_share(files: Mapping[str, bytes]) -> float | None:
    """Return the share that a release's own `params.yaml` states for its data set; None where labels are complete.

    A release without that file, as before it was kept, draws none. Raises `ReleaseRejected` where it does not name its
    data set, and `SettingsError` where it is no such file.
    """
    name = PARAMS_FILE.name
    if name not in files:
        return None
    params, _ = read_document(files[name].decode(), where=name)
    try:
        dataset = params["datasets"][params["dataset"]]
    except (KeyError, TypeError):
        raise ReleaseRejected(f"the release's {name} does not describe its data set; promote again") from None
    stated = {key: dataset[key] for key in LabelRule.model_fields if key in dataset}
    return parse(LabelRule, stated, where=name).review_share


def label_chance(event_id: object, share: float | None, *, flagged: bool) -> float | None:
    """Return the chance with which the label of a payment is looked for, as `core.labels` weighs it.

    An alert is looked into for sure, of the others the `share` that is drawn; None for the rest, and where nothing is
    drawn because every fraud is told.

    >>> [label_chance("a", None, flagged=True), label_chance("a", 0.5, flagged=True)]
    [None, 1.0]
    """
    if share is None:
        return None
    if flagged:
        return 1.0
    return share if is_drawn(event_id, share) else None

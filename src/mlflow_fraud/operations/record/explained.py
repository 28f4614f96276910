"""Why a feature was served as it was: by what was told, by what is left out or erased since, or had been let go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from mlflow_fraud.adapters.prediction_log.erased import last_forgotten, pruned_before
from mlflow_fraud.adapters.prediction_log.lateness import came_later_than
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.quarantine import earlier_spans
from mlflow_fraud.adapters.prediction_log.served import Served
from mlflow_fraud.core.features.definitions import Row
from mlflow_fraud.core.features.plan import LATENESS
from mlflow_fraud.core.features.reach import label_reach, score_reach, window_reach
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.watching.parity import Flags, Parity
from mlflow_fraud.operations.record.remade import compared

TAKEN_IN = timedelta(hours=1)
"""So long after a command a service may answer of the past of before: until it looks, and has read its past anew."""

SERVICE = "service"
"""Where a payment comes from that was written down when it was asked for."""

KINDS = {
    "equal": "equal",
    "late": "late",
    "corrected": "corrected",
    "left_out": "left out since",
    "erased": "erased since",
    "let_go": "let go by then",
    "otherwise": "otherwise",
}
"""Why a feature is as it is, and how a table calls it."""


class Explained(NamedTuple):
    """How the features of answers compare, each of shape (answers, features), and of all flags one is true.

    - `parity`: with what the record's past makes, but for its `otherwise`.
    - `left_out`: what has been put in quarantine since explains it, since with it all is equal, late or corrected.
    - `erased`: it may have seen what was forgotten or pruned since.
    - `let_go`: it was asked for when part of what it looks back on may have been let go.
    """

    parity: Parity
    left_out: Flags
    erased: Flags
    let_go: Flags

    @property
    def otherwise(self) -> Flags:
        """Where nothing explains what was served."""
        return self.parity.otherwise & ~self.left_out & ~self.erased & ~self.let_go

    def table(self, names: Sequence[str]) -> pl.DataFrame:
        """Return the numbers of each feature, by the names of `KINDS`."""
        flags = {
            **self.parity._asdict(),
            "left_out": self.left_out,
            "erased": self.erased,
            "let_go": self.let_go,
            "otherwise": self.otherwise,
        }
        return pl.DataFrame({"feature": list(names), **{kind: flags[kind].sum(axis=0) for kind in KINDS}})


def explained(log: PredictionLog, past: RecordedPast, schema: FeatureSchema, served: Served) -> Explained:
    """Return how answers of one set of features compare with what the record holds, and with what it held."""
    parity = compared(log, past, schema, served)
    left_out = np.zeros_like(parity.otherwise)
    if parity.otherwise.any():
        left_out = _left_out_since(log, past, schema, served, parity.otherwise)
    rest = parity.otherwise & ~left_out
    erased = rest & _erased_since(log, schema, served) if rest.any() else rest
    rest = rest & ~erased
    return Explained(parity, left_out, erased, rest & _let_go_by_then(log, schema, served) if rest.any() else rest)


def _left_out_since(
    log: PredictionLog, past: RecordedPast, schema: FeatureSchema, served: Served, unexplained: Flags
) -> Flags:
    """Return which features are explained once what was put in quarantine after their answers is taken in again."""
    found = np.zeros_like(unexplained)
    with log.reading() as connection:
        earlier = earlier_spans(connection, schema.contract.name)
    for until, spans in earlier:
        asked = _received_before(served, until + TAKEN_IN) & (unexplained & ~found).any(axis=1)
        if asked.any():
            with_it = RecordedPast(log, schema.contract, past.until_place, spans)
            then = compared(log, with_it, schema, served.only(asked))
            found[asked] |= unexplained[asked] & ~then.otherwise
    return found


def _erased_since(log: PredictionLog, schema: FeatureSchema, served: Served) -> Flags:
    """Return which features may have seen what is gone."""
    contract = schema.contract.name
    with log.reading() as connection:
        forgotten, pruned = last_forgotten(connection, contract), pruned_before(connection, contract)
    answers = np.zeros(len(served.rows), np.bool_)
    if forgotten:
        answers |= _received_before(served, forgotten + TAKEN_IN)
    if pruned:
        reach = max(window_reach(schema) + score_reach(schema), label_reach(schema)) + LATENESS
        whole = max(pruned.before + reach, pruned.remembered_from)
        answers |= (served.rows["event_time"] < whole).to_numpy()
    return _that_look_back(answers, schema)


def _let_go_by_then(log: PredictionLog, schema: FeatureSchema, served: Served) -> Flags:
    """Return which features may have missed what a service no longer had.

    Its windows are whole for what comes up to `LATENESS` after its time. A payment that was in the record before it was
    asked for may have been asked for at any time.
    """
    with log.reading() as connection:
        late = came_later_than(connection, schema.contract.name, LATENESS)
    rows = served.rows
    answers = (rows["place"].is_in(list(late)) | (rows["source"] != SERVICE)).to_numpy()
    return _that_look_back(answers, schema)


def _that_look_back(answers: Flags, schema: FeatureSchema) -> Flags:
    """Return the features of some answers, but for those that are of the transaction alone."""
    looks_back = np.array([not isinstance(feature, Row) for feature in schema.features])
    flags: Flags = answers[:, None] & looks_back[None, :]
    return flags


def _received_before(served: Served, moment: datetime) -> Flags:
    earlier: Flags = (served.rows["received"] < moment).to_numpy()
    return earlier

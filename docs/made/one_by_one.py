"""The online engine as the service drives it: one transaction after the other, the labels as they arrive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import told_at


def one_by_one(stream: pl.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.float32]:
    """Return the features of a stream in time order, a row each; its labels are told on their own clock, or never."""
    arrives = stream.select(told_at(stream.columns, schema.label_delay, schema.silence).alias("at"))["at"].to_list()
    rows = stream.to_dicts()
    told = [pair for pair in zip(arrives, rows, strict=True) if pair[0] is not None]
    labels = sorted(told, key=lambda pair: pair[0])
    past, features = CardHistory(schema), []
    for transaction in rows:
        while labels and labels[0][0] <= transaction["event_time"]:
            arrived, of = labels.pop(0)
            past.learn(of, of["label"], arrived)
        features.append(past.read(transaction))
        past.update(transaction)
    return np.array(features, dtype=np.float32)

"""What a batch shows against those before it: values that are new, and distributions that have moved."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.gate.columns import DIGITS, Row, categories, watched_in
from mlflow_fraud.core.measuring.stability import population_stability_index, stability_of_shares

FEWEST_ROWS = 500
"""Fewer rows, or fewer values in the history, shift by chance alone."""


def against(batch: pl.DataFrame, earlier: list[pl.DataFrame], contract: Contract) -> Row:
    """Return what the batch shows against the earlier ones."""
    found: Row = {}
    for name in watched_in(batch, contract):
        history = pl.concat([each[name] for each in earlier]) if earlier else None
        if name in categories(contract):
            found[f"unseen_values_of_{name}"] = _unseen(batch[name], history)
            found[f"shift_of_{name}"] = _shift_of_values(batch[name], history)
        else:
            found[f"shift_of_{name}"] = _shift(batch[name], history)
    return found


def shift_of(values: pl.Series, history: pl.Series) -> float | None:
    """Return the population stability index of values, however few they are, against those of a history.

    None where the history has fewer than `FEWEST_ROWS` of them, and where there are none.
    """
    if history.count() < FEWEST_ROWS or not len(values):
        return None
    return _index_of_values(values, history) if history.dtype == pl.String else _index(values, history)


def _unseen(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None:
        return None
    unseen = values.is_not_null() & ~values.is_in(history.drop_nulls().unique().implode())
    return round(int(unseen.sum()) / len(values), DIGITS)


def _shift(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None or min(len(values), history.count()) < FEWEST_ROWS:
        return None
    return _index(values, history)


def _index(values: pl.Series, history: pl.Series) -> float:
    numbers = [side.cast(pl.Float32).fill_null(np.nan).to_numpy() for side in (history, values)]
    return round(population_stability_index(numbers[0], numbers[1]), DIGITS)


def _shift_of_values(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None or min(len(values), history.count()) < FEWEST_ROWS:
        return None
    return _index_of_values(values, history)


def _index_of_values(values: pl.Series, history: pl.Series) -> float:
    names = sorted({*history.drop_nulls().unique(), *values.drop_nulls().unique()})
    shares = [np.array([(side == name).sum() / len(side) for name in names]) for side in (history, values)]
    return round(stability_of_shares(shares[0], shares[1]), DIGITS)

"""A contract's rows where they are looked for by time, place or number, of which there are many, not by contract."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table

from mlflow_fraud.adapters.prediction_log.tables import PAYMENT


def of_contract(contract: str, table: Table = PAYMENT) -> ColumnElement[bool]:
    """Return whether a payment, or another table's row, is of a contract, in words that no index answers.

    SQLite would else go by the index that begins with the contract, through all of its rows, for the few of a day or
    the newest ones.
    """
    return table.c.contract.concat("") == contract

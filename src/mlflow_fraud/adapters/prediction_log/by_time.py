"""A contract's payments where they are looked for by time or place, of which there are many, and not by contract."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from mlflow_fraud.adapters.prediction_log.tables import PAYMENT


def of_contract(contract: str) -> ColumnElement[bool]:
    """Return whether a payment is of a contract, in words that no index answers.

    SQLite would else go by the index that begins with the contract, through all of its payments, for the few of a day.
    """
    return PAYMENT.c.contract.concat("") == contract

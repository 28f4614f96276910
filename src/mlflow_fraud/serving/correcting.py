"""What a correction may say of a payment, and whether it says anything new."""

from __future__ import annotations

from datetime import datetime

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.online import Transaction


class TooEarly(DataError):
    """A payment is said to be corrected before it was made."""


def require_of(scored: Transaction, instead: Transaction | None, observed: datetime, contract: Contract) -> None:
    """Raise `DataError` where `instead` is not the same payment, and `TooEarly` for a moment before it was made.

    Id, time and entities say which payment it is: another card's is another payment.
    """
    if observed < scored["event_time"]:
        raise TooEarly("expected a time that is not before the payment's own")
    if instead is None:
        return
    same_of_both = [column for column in contract.kept if column.name in ("event_id", "event_time", *contract.entities)]
    others = [column.source for column in same_of_both if scored.get(column.name) != instead.get(column.name)]
    if others:
        raise DataError(
            f"expected the payment's own {', '.join(others)}, found something else; reverse this payment and score the "
            "other one under an id of its own"
        )


def alike(one: Transaction | None, other: Transaction | None) -> bool:
    """Return whether two corrections say the same; a column that the contract did not have by then is blank."""
    if one is None or other is None:
        return one is other
    return all(one.get(name) == other.get(name) for name in one.keys() | other.keys())

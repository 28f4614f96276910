"""What a correction must hold, made from the contract."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, create_model

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.serving.schema import TransactionSchema, field_of, pairs_of, refuse_repeated, repeated, require_once

TIME, TRANSACTION = "observed", "transaction"
"""The names in a correction of its moment, and of what the payment is from then on."""


class CorrectionMessage(NamedTuple):
    """What a client says of a transaction that was scored; `instead` is None where it was reversed."""

    event_id: Any
    instead: Transaction | None
    observed: datetime


class CorrectionSchema:
    """The JSON form of a correction: the payment's `id`, when it was `observed`, and the `transaction` that it is now.

    The transaction is as `TransactionSchema` has it, or null where there is none any more. The moment has the form of
    the contract's own times.
    """

    def __init__(self, contract: Contract, request: TransactionSchema) -> None:
        by_role = {column.role: column for column in contract.arriving}
        told = {"id": by_role["event_id"], TIME: by_role["event_time"]}
        fields: dict[str, Any] = {
            name: field_of(column.model_copy(update={"source": name}), contract) for name, column in told.items()
        }
        fields[TRANSACTION] = (request.model | None, Field(alias=TRANSACTION))
        self._model: type[BaseModel] = create_model("Correction", **fields)
        self._request = request

    def read(self, body: bytes) -> CorrectionMessage:
        """Return the correction; raise pydantic's `ValidationError` where the body is not what the contract says."""
        said: Any = self._model.model_validate_json(body)
        require_once(body, self._model)
        if said.transaction is None:
            return CorrectionMessage(said.id, None, said.observed)
        inner = dict(pairs_of(body))[TRANSACTION]
        refuse_repeated(self._model, [(TRANSACTION, name) for name in repeated(inner, self._request.model)])
        return CorrectionMessage(said.id, self._request.transaction_of(said.transaction), said.observed)

    def json_schema(self) -> dict[str, Any]:
        """Return the request's JSON schema, for the API's own description."""
        form = self._model.model_json_schema()
        form.pop("$defs")
        form["properties"][TRANSACTION] = {"anyOf": [self._request.json_schema(), {"type": "null"}]}
        return form

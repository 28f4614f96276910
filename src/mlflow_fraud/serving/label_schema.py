"""What a label must hold, made from the contract: one, or many in a list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, create_model

from mlflow_fraud.adapters.label_files import label_columns
from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.serving.schema import field_of, require_once

MOST = 1_000
"""So many labels one request may have."""


class LabelMessage(NamedTuple):
    """What a client says of a transaction that was scored."""

    event_id: Any
    label: int
    arrived: datetime


class LabelSchema:
    """The JSON form of a label: the contract's columns for the id and the label, and the time when it arrived."""

    def __init__(self, contract: Contract) -> None:
        self.columns = in_json(contract)
        self.time_column = self.columns[-1].source
        fields = {n: field_of(column, contract) for n, column in zip(LabelMessage._fields, self.columns, strict=True)}
        self._model: type[BaseModel] = create_model("Label", **fields)
        many: Any = list[self._model]  # type: ignore[name-defined]
        self._many: TypeAdapter[Any] = TypeAdapter(Annotated[many, Field(min_length=1, max_length=MOST)])

    def read(self, body: bytes) -> LabelMessage | list[LabelMessage]:
        """Return the label, or the labels where the body is a list.

        Raises pydantic's `ValidationError` where one of them is not what the contract says.
        """
        many = body.lstrip()[:1] == b"["
        requests = self._many.validate_json(body) if many else self._model.model_validate_json(body)
        require_once(body, self._model)
        return [_message(each) for each in requests] if many else _message(requests)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of one label, for the API's own description."""
        return self._model.model_json_schema()


def in_json(contract: Contract) -> tuple[Column, Column, Column]:
    """Return the columns that a label has in a request: the id, the label and the time when it arrived."""
    event_id, label, arrived = label_columns(contract)
    return event_id, label.model_copy(update={"type": "integer", "minimum": 0, "maximum": 1}), arrived


def _message(request: Any) -> LabelMessage:
    return LabelMessage(request.event_id, request.label, request.arrived)

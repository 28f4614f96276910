"""What a label must hold, made from the contract: one, or many in a list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, create_model

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.labels import LABEL_TIME
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
        by_role = {column.role: column for column in contract.arriving}
        label = by_role["label"].model_copy(update={"type": "integer", "minimum": 0, "maximum": 1})
        arrived = by_role.get("label_time", by_role["event_time"].model_copy(update={"source": LABEL_TIME}))
        self.time_column = arrived.source
        fields = {
            "event_id": field_of(by_role["event_id"], contract),
            "label": field_of(label, contract),
            "arrived": field_of(arrived.model_copy(update={"nullable": False, "optional": False}), contract),
        }
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
        """Return the request's JSON schema, for the API's own description."""
        one = self._model.model_json_schema()
        return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MOST}]}


def _message(request: Any) -> LabelMessage:
    return LabelMessage(request.event_id, request.label, request.arrived)

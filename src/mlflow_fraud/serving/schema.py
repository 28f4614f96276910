"""What a request must hold, made from the contract, and the transaction that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from mlflow_fraud.core.contract import Column, Contract
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.core.labels import LABEL_TIME
from mlflow_fraud.core.moments import ISO, read_count, read_text
from mlflow_fraud.core.notation import LARGEST, whole_of
from mlflow_fraud.core.time_format import SPACES, TimeFormat, time_format

INT64 = 2**63
"""Whole numbers are held in 64 bits everywhere in the pipeline."""


class TransactionSchema:
    """The JSON form of a transaction: the contract's own column names, all kept columns but label and clock.

    Columns that the contract does not keep are ignored, so a client may send the row as it has it.
    """

    def __init__(self, contract: Contract) -> None:
        asked = [column for column in contract.kept if column.role not in ("label", "label_time", "clock")]
        self._names = {f"column_{place}": column.name for place, column in enumerate(asked)}
        fields = {field: _field(column, contract) for field, column in zip(self._names, asked, strict=True)}
        self._model: type[BaseModel] = create_model("Transaction", **fields)

    def read(self, body: bytes) -> Transaction:
        """Return the transaction by pipeline names, in the pipeline's units and types.

        Raises pydantic's `ValidationError` where the body is not what the contract says; see `problems`.
        """
        request = self._model.model_validate_json(body)
        return {name: getattr(request, field) for field, name in self._names.items()}

    def json_schema(self) -> dict[str, Any]:
        """Return the request's JSON schema, for the API's own description."""
        return self._model.model_json_schema()


class LabelMessage(NamedTuple):
    """What a client says of a transaction that was scored."""

    event_id: Any
    label: int
    arrived: datetime


class LabelSchema:
    """The JSON form of a label: the contract's columns for the id and the label, and the time when it arrived."""

    def __init__(self, contract: Contract) -> None:
        by_role = {column.role: column for column in contract.kept}
        label = by_role["label"].model_copy(update={"type": "integer", "minimum": 0, "maximum": 1})
        arrived = by_role.get("label_time", by_role["event_time"].model_copy(update={"source": LABEL_TIME}))
        fields = {
            "event_id": _field(by_role["event_id"], contract),
            "label": _field(label, contract),
            "arrived": _field(arrived.model_copy(update={"nullable": False, "optional": False}), contract),
        }
        self._model: type[BaseModel] = create_model("Label", **fields)

    def read(self, body: bytes) -> LabelMessage:
        """Return the label; raise pydantic's `ValidationError` where the body is not what the contract says."""
        request: Any = self._model.model_validate_json(body)
        return LabelMessage(request.event_id, request.label, request.arrived)

    def json_schema(self) -> dict[str, Any]:
        """Return the request's JSON schema, for the API's own description."""
        return self._model.model_json_schema()


def problems(error: ValidationError) -> list[dict[str, Any]]:
    """Return what is wrong with a request: the column and a sentence, without the values that were sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"loc": ["body", *each["loc"]], "msg": each["msg"].removeprefix("Value error, "), "type": each["type"]}
        for each in found
    ]


def _field(column: Column, contract: Contract) -> Any:
    kind = Annotated[_type(column), *_checks(column, contract)]  # type: ignore[valid-type]
    if column.may_be_missing:
        return (kind | None, Field(default=None, alias=column.source))
    return (kind, Field(alias=column.source))


def _type(column: Column) -> type:
    return {"text": str, "integer": int, "decimal": float, "timestamp": datetime, "date": date}[column.type]


def _checks(column: Column, contract: Contract) -> list[Any]:
    checks: list[Any] = []
    if column.type in ("timestamp", "date"):
        bounds = [column.limit(bound, decimals=0) for bound in (column.minimum, column.maximum)]
        checks += [BeforeValidator(_moment_reader(column)), AfterValidator(_between(*bounds))]
        checks += [WithJsonSchema(_json_schema_of_time(column))]
    elif column.type == "text":
        checks.append(StringConstraints(strict=True, strip_whitespace=True, min_length=1))
    else:
        checks.append(_number(column))
        checks.append(BeforeValidator(_whole) if column.type == "integer" else AfterValidator(_without_sign_of_zero))
    if column.values:
        checks += [AfterValidator(_one_of(column.values)), Field(json_schema_extra={"enum": list(column.values)})]
    if column.role == "amount":
        checks.append(AfterValidator(_in_minor_units(10**contract.currency_decimals)))
    return checks


def _number(column: Column) -> Any:
    """Return the range check; a number is a JSON number, a text that looks like one is refused."""
    low, high = (None if bound is None else float(bound) for bound in (column.minimum, column.maximum))
    if column.type == "decimal":
        return Field(strict=True, allow_inf_nan=False, ge=low, le=high)
    return Field(
        strict=True,
        ge=-INT64 if low is None else int(low),
        le=INT64 - 1 if high is None else int(high),
    )


def _without_sign_of_zero(number: float) -> float:
    return number + 0.0


def _in_minor_units(units: int) -> Callable[[float], int]:
    def minor(amount: float) -> int:
        number = amount * units if isinstance(amount, int) else round(amount * units)
        if not -LARGEST - 1 <= number <= LARGEST:
            raise ValueError("expected an amount whose minor units have at most 64 bits")
        return number

    return minor


def _whole(number: object) -> object:
    """Return the whole number that a JSON number is, as in a file: 12.0 and 1e5 are whole."""
    whole = whole_of(number) if isinstance(number, float) else None
    return number if whole is None else whole


def _moment_reader(column: Column) -> Callable[[object], date]:
    """Return the reader of a time or a day: by the contract as files are read, else in one form of ISO 8601."""
    if column.unit:
        return _count_reader(column)
    own, iso, other = time_format(column.format), *_iso_forms(column)
    iso = own if _reads_otherwise(own, column) else iso
    like = f"expected a {column.type} {_likeness(column)}"

    def read(text: object) -> date:
        if not isinstance(text, str):
            raise ValueError(like.replace(" like", " as text, like", 1))
        text = text.strip(SPACES)
        form = own if own.reader.fullmatch(text) else iso
        moment = read_text(text, form, column.timezone)
        if moment is None and other.reader.fullmatch(text):
            raise ValueError(
                f"expected a time with its offset from UTC, like {column.format} or ISO 8601"
                if column.timezone
                else "expected the local time that the data is in, without an offset from UTC"
            )
        if moment is None:
            raise ValueError(like)
        return moment.date() if column.type == "date" else moment

    return read


def _count_reader(column: Column) -> Callable[[object], date]:
    """Return the reader of a time that is a number of units since a moment."""
    unit, since, timezone = column.unit, column.start, column.timezone

    def read(count: object) -> date:
        counted = isinstance(count, int | float) and not isinstance(count, bool)
        moment = read_count(count, unit, since, timezone) if counted else None  # type: ignore[arg-type]
        if moment is None:
            raise ValueError(f"expected a number of {unit} since {column.since} that gives a year of four digits")
        return moment

    return read


def _reads_otherwise(own: TimeFormat, column: Column) -> bool:
    """Return whether the contract's format takes a text of ISO 8601 for another moment, as one with the day first."""
    examples = [_iso_example(column), _iso_example(column).replace(":59", ":59.5")]
    iso, _ = _iso_forms(column)
    return any(own.reader.fullmatch(each) and read_text(each, own) != read_text(each, iso) for each in examples)


def _iso_forms(column: Column) -> tuple[TimeFormat, TimeFormat]:
    """Return the form of ISO 8601 that is read, and the one that lacks an offset or has one too many."""
    if column.type == "date":
        return time_format("%Y-%m-%d"), time_format(f"{ISO}%z")
    forms = time_format(ISO), time_format(f"{ISO}%z")
    return forms[::-1] if column.timezone else forms


def _iso_example(column: Column) -> str:
    return "2020-01-31" if column.type == "date" else "2020-01-31T13:45:59" + ("+01:00" if column.timezone else "")


def _likeness(column: Column) -> str:
    iso = "" if _reads_otherwise(time_format(column.format), column) else f" or ISO 8601 like {_iso_example(column)}"
    return f"like {column.format}{iso}"


def _json_schema_of_time(column: Column) -> dict[str, Any]:
    if column.unit:
        return {"type": "number", "description": f"{column.unit} since {column.since}"}
    return {"type": "string", "description": _likeness(column)}


def _between(low: datetime | None, high: datetime | None) -> Callable[[date], date]:
    def check(moment: date) -> date:
        found = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
        if (low and found < low) or (high and found > high):
            raise ValueError(f"expected a time from {low} to {high}")
        return moment

    return check


def _one_of(values: Sequence[str]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if str(value) not in values:
            raise ValueError(f"expected one of {', '.join(values)}")
        return value

    return check

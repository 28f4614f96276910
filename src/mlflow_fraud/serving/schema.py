"""What a request must hold, made from the contract, and the transaction that comes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    create_model,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from mlflow_fraud.core.contract.bounds import LETTERS, Range, has_control_character, narrowed
from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.moments import ISO, read_count, read_text
from mlflow_fraud.core.contract.notation import LARGEST, whole_of
from mlflow_fraud.core.contract.pseudonym import BEGINS, Pseudonyms
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.contract.time_format import SPACES, TimeFormat, time_format
from mlflow_fraud.core.features.online import Transaction

NOT_ASKED = ("label", "label_time", "label_chance", "clock")
"""The roles of kept columns that a request does not have."""


class TransactionSchema:
    """The JSON form of a transaction: the contract's own column names, all kept columns but label and clock.

    Columns that the contract does not keep are ignored, so a client may send the row as it has it. What is secret comes
    plain and is a pseudonym from here on; a pseudonym, as a pinned batch has it, stays one. Raises `SettingsError`
    where the contract pins another key.
    """

    def __init__(self, contract: Contract, key: PseudonymKey | None = None) -> None:
        asked = [column for column in contract.arriving if column.role not in NOT_ASKED]
        pseudonyms = pseudonyms_of(contract, key)
        self._names = {f"column_{place}": column.name for place, column in enumerate(asked)}
        self.time_column = next(column.source for column in asked if column.role == "event_time")
        fields = {
            field: field_of(column, contract, pseudonyms.get(column.name))
            for field, column in zip(self._names, asked, strict=True)
        }
        self.model: type[BaseModel] = create_model("Transaction", **fields)
        self._marks = tuple(json.dumps(column.source, ensure_ascii=False).encode() for column in asked)

    def read(self, body: bytes) -> Transaction:
        """Return the transaction by pipeline names, in the pipeline's units and types.

        Raises pydantic's `ValidationError` where the body is not what the contract says; see `problems`.
        """
        request = self.model.model_validate_json(body)
        if b"\\" in body or max(map(body.count, self._marks)) > 1:  # or else no column's name is there twice
            require_once(body, self.model)
        return self.transaction_of(request)

    def transaction_of(self, request: BaseModel) -> Transaction:
        """Return the transaction that a request of `model` is."""
        read = request.__dict__
        return {name: read[field] for field, name in self._names.items()}

    def json_schema(self) -> dict[str, Any]:
        """Return the request's JSON schema, for the API's own description."""
        return self.model.model_json_schema()


def problems(error: ValidationError) -> list[dict[str, Any]]:
    """Return what is wrong with a request: the column and a sentence, without the values that were sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"loc": ["body", *each["loc"]], "msg": each["msg"].removeprefix("Value error, "), "type": each["type"]}
        for each in found
    ]


def problem(column: str, sentence: str, kind: str) -> list[dict[str, Any]]:
    """Return what is wrong with one column in the form of `problems`."""
    return [{"loc": ["body", column], "msg": sentence, "type": kind}]


def require_once(body: bytes, model: type[BaseModel]) -> None:
    """Raise `ValidationError` where a column is there twice: which of the values is meant, nobody can know.

    The body is one object that the model reads, or a list of them.
    """
    found = pairs_of(body)
    if isinstance(found, list):
        refuse_repeated(model, [(n, name) for n, pairs in enumerate(found) for name in repeated(pairs, model)])
    else:
        refuse_repeated(model, [(name,) for name in repeated(found, model)])


def pairs_of(body: bytes) -> Any:
    """Return a JSON text with each object as its names and values, so that what is there twice is seen."""
    return json.loads(body, object_pairs_hook=tuple, parse_int=str, parse_float=str)


def repeated(pairs: Sequence[tuple[str, object]], model: type[BaseModel]) -> list[str]:
    """Return the columns of a model that an object has more than once."""
    if len(pairs) == len(dict(pairs)):
        return []
    times = Counter(name for name, _ in pairs)
    return [field.alias for field in model.model_fields.values() if field.alias and times[field.alias] > 1]


def refuse_repeated(model: type[BaseModel], places: Sequence[tuple[int | str, ...]]) -> None:
    """Raise `ValidationError` where there is any place of what is there twice."""
    if places:
        wrong = PydanticCustomError("repeated", "expected once, found more than once")
        details = [InitErrorDetails(type=wrong, loc=place, input=None) for place in places]
        raise ValidationError.from_exception_data(model.__name__, details)


def field_of(column: Column, contract: Contract, pseudonyms: Pseudonyms | None = None) -> Any:
    """Return the field of a pydantic model that reads a column as the contract says."""
    checks = [*_checks(column, contract), *([WrapValidator(_hidden(pseudonyms))] if pseudonyms else [])]
    kind = Annotated[_type(column), *checks]  # type: ignore[valid-type]
    if column.may_be_missing:
        return (kind | None, Field(default=None, alias=column.source))
    return (kind, Field(alias=column.source))


def _type(column: Column) -> type:
    return {"text": str, "integer": int, "decimal": float, "timestamp": datetime, "date": date}[column.type]


def _checks(column: Column, contract: Contract) -> list[Any]:
    checks: list[Any] = []
    decimals = contract.currency_decimals
    if column.type in ("timestamp", "date"):
        between = narrowed(column, decimals=decimals)
        checks += [BeforeValidator(_in_any_calendar(_moment_reader(column))), AfterValidator(_between(*between))]
        checks.append(WithJsonSchema(_json_schema_of_time(column, between)))
    elif column.type == "text":
        checks.append(StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=LETTERS))
        checks.append(AfterValidator(_without_control_characters))
    else:
        checks.append(_number(column, decimals))
        checks.append(BeforeValidator(_whole) if column.type == "integer" else AfterValidator(_without_sign_of_zero))
    if column.values:
        checks += [AfterValidator(_one_of(column.values)), Field(json_schema_extra={"enum": list(column.values)})]
    if column.role == "amount":
        checks.append(AfterValidator(_in_minor_units(10**decimals)))
    return checks


def _number(column: Column, decimals: int) -> Any:
    """Return the range check; a number is a JSON number, a text that looks like one is refused."""
    low, high = narrowed(column, decimals=decimals)
    if column.type == "decimal":
        return Field(strict=True, allow_inf_nan=False, ge=low, le=high)
    return Field(strict=True, ge=low, le=high)


def _hidden(pseudonyms: Pseudonyms) -> Callable[[object, ValidatorFunctionWrapHandler], str]:
    """Return a reader of a secret value: what it reads by the contract, as a pseudonym."""

    def read(value: object, plain: ValidatorFunctionWrapHandler) -> str:
        told = value.strip(SPACES) if isinstance(value, str) else ""
        return pseudonyms.of(told if told.startswith(BEGINS) else str(plain(value)))

    return read


def _without_control_characters(text: str) -> str:
    if has_control_character(text):
        raise ValueError("expected a text without control characters")
    return text


def _in_any_calendar(read: Callable[[object], date]) -> Callable[[object], date]:
    """Return a reader that refuses what the calendar cannot count, as it refuses what is no time."""

    def checked(text: object) -> date:
        try:
            return read(text)
        except OverflowError:
            raise ValueError("expected a time that the calendar has") from None

    return checked


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
        moment = read_text(text, own, column.timezone)
        if moment is None and not own.reader.fullmatch(text):
            moment = read_text(text, iso, column.timezone)
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


def forms_of(column: Column) -> tuple[TimeFormat, ...]:
    """Return the forms in which a time is read as text: the contract's, and one of ISO 8601."""
    own, (iso, _) = time_format(column.format), _iso_forms(column)
    return (own,) if _reads_otherwise(own, column) or own == iso else (own, iso)


def _json_schema_of_time(column: Column, between: Range) -> dict[str, Any]:
    bounds = f"from {between.least} to {between.greatest}"
    if column.unit:
        return {"type": "number", "description": f"{column.unit} since {column.since}, {bounds}"}
    return {"type": "string", "description": f"{_likeness(column)}, {bounds}"}


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

"""What a transaction is: columns with type, range and role, as one YAML contract states it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self
from zoneinfo import available_timezones

import polars as pl
from pydantic import Field, model_validator

from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.strict import Strict, parse

Role = Literal[
    "event_id",
    "event_time",
    "entity",
    "amount",
    "label",
    "label_time",
    "categorical",
    "numeric",
    "location",
    "birth_date",
    "clock",
    "personal",
    "unused",
]
ColumnType = Literal["timestamp", "date", "integer", "decimal", "text"]
Level = Literal["critical", "warning"]

BATCH = "batch"
"""The column that ingest adds: the name of the raw batch a row came in."""

_EXACTLY_ONE: tuple[Role, ...] = ("event_id", "event_time", "amount", "label")
_NAMED_BY_ROLE: frozenset[Role] = frozenset({*_EXACTLY_ONE, "label_time", "birth_date"})
_DTYPES: Mapping[ColumnType, pl.DataType] = {
    "timestamp": pl.Datetime("us"),
    "date": pl.Date(),
    "integer": pl.Int64(),
    "decimal": pl.Float64(),
    "text": pl.String(),
}


class Column(Strict):
    """One column: its name in the raw file, what it holds and what it is for."""

    source: str
    role: Role
    type: ColumnType
    entity: str = ""
    place: str = ""
    axis: Literal["latitude", "longitude", ""] = ""
    format: str = ""
    timezone: str = ""
    nullable: bool = False
    optional: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    values: tuple[str, ...] = ()
    level: Level = "critical"

    @property
    def name(self) -> str:
        """The column's name inside the pipeline, which depends on its role alone where it can.

        >>> Column(source="lat", role="location", type="decimal", place="home", axis="latitude").name
        'home_latitude'
        """
        if self.role in _NAMED_BY_ROLE:
            return self.role
        return self.entity or (f"{self.place}_{self.axis}" if self.place else self.source)

    @property
    def kept(self) -> bool:
        """False for personal data and for columns that nothing reads: they stop at ingest."""
        return self.role not in ("personal", "unused")

    @property
    def may_be_missing(self) -> bool:
        """Whether a row may have no value: where it is `nullable`, or where a file may lack the whole column."""
        return self.nullable or self.optional

    @property
    def dtype(self) -> pl.DataType:
        """The type inside the pipeline: amounts are whole minor units, the label is 0 or 1."""
        if self.role == "label":
            return pl.Int8()
        return pl.Int64() if self.role == "amount" else _DTYPES[self.type]

    def limit(self, bound: float | str | None, *, decimals: int) -> Any:
        """Return a bound in the pipeline's own units: minor units for an amount, a `datetime` for a time."""
        if bound is None:
            return None
        if self.type in ("timestamp", "date"):
            return datetime.fromisoformat(str(bound))
        return round(float(bound) * 10**decimals) if self.role == "amount" else float(bound)

    @model_validator(mode="after")
    def _has_what_its_role_needs(self) -> Self:
        if self.role == "entity" and not self.entity:
            raise ValueError("an entity needs `entity: <its name>`, for example card")
        if self.role == "location" and not (self.place and self.axis):
            raise ValueError("a location needs `place: <its name>` and `axis: latitude` or `longitude`")
        if self.type in ("timestamp", "date") and not self.format:
            raise ValueError(f"a {self.type} needs `format:`, for example '%Y-%m-%d'")
        if ("%z" in self.format) != bool(self.timezone):
            raise ValueError(
                "a time with its offset needs both `%z` in `format:` and `timezone:`, for example Europe/Berlin, "
                "in which it goes on as local time"
            )
        if self.timezone and self.timezone not in available_timezones():
            raise ValueError(f"no time zone is called {self.timezone}, {nearest(self.timezone, available_timezones())}")
        if self.optional and self.role in ("event_id", "event_time", "entity", "amount", "label"):
            raise ValueError(f"the column with the role {self.role} cannot be optional")
        if self.role == "clock" and self.type != "integer":
            raise ValueError("a clock is an integer: seconds since 1970")
        if self.role == "amount" and self.type not in ("decimal", "integer"):
            raise ValueError("an amount is decimal or integer")
        return self


class Csv(Strict):
    """How the raw CSV files are written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"


class Table(Strict):
    """What holds for all rows together."""

    minimum_rows: int = Field(default=1, ge=1)
    fraud_rate: tuple[float, float] = (0.0, 1.0)


class Limit(Strict):
    """What a batch may show at least and at most, and whether more stops the pipeline or warns."""

    level: Level = "warning"
    at_least: float | None = None
    at_most: float | None = None


class Gate(Strict):
    """The limits on what a batch shows against time, its label and the batches before it; see `evidence`.

    A contract states only what it wants otherwise:

    >>> Gate.model_validate({"shift": {"level": "critical"}}).shift
    Limit(level='critical', at_least=None, at_most=0.25)
    """

    missing_days: Limit = Limit(at_most=0)
    rows_against_history: Limit = Limit(at_least=0.5, at_most=2)
    seconds_back: Limit = Limit(at_most=0)
    repeated_rows: Limit = Limit(level="critical", at_most=0)
    clock_spread: Limit = Limit(at_most=60)
    unseen_values: Limit = Limit(at_most=0)
    shift: Limit = Limit(at_most=0.25)
    separation: Limit = Limit(level="critical", at_most=0.99)

    @model_validator(mode="before")
    @classmethod
    def _keeps_what_is_not_said(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        usual = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: {**usual[name].model_dump(), **limit} if name in usual and isinstance(limit, Mapping) else limit
            for name, limit in given.items()
        }


class Contract(Strict):
    """A data set's contract: the one answer to "what is a transaction?"."""

    name: str
    description: str = ""
    currency_decimals: int = Field(default=2, ge=0, le=4)
    csv: Csv = Csv()
    columns: tuple[Column, ...]
    table: Table = Table()
    gate: Gate = Gate()

    @property
    def kept(self) -> tuple[Column, ...]:
        """The columns that go on past ingest, in the order of the contract."""
        return tuple(column for column in self.columns if column.kept)

    @property
    def entities(self) -> tuple[str, ...]:
        """The names of the entities, for example card and merchant."""
        return tuple(column.name for column in self.columns if column.role == "entity")

    @property
    def places(self) -> tuple[str, ...]:
        """The places with a latitude and a longitude, for example home and merchant."""
        return tuple(dict.fromkeys(column.place for column in self.columns if column.role == "location"))

    def column(self, name: str) -> Column | None:
        """Return the kept column with this pipeline name, or None."""
        return next((column for column in self.kept if column.name == name), None)

    @model_validator(mode="after")
    def _roles_are_complete(self) -> Self:
        roles = Counter(column.role for column in self.columns)
        for role in _EXACTLY_ONE:
            if roles[role] != 1:
                raise ValueError(f"exactly one column has the role {role}, found {roles[role]}")
        if not roles["entity"]:
            raise ValueError("at least one column has the role entity, for example the card")
        doubled = [name for name, n in Counter(column.name for column in self.kept).items() if n > 1]
        if doubled or self.column(BATCH):
            raise ValueError(f"columns need names of their own, found twice or reserved: {doubled or [BATCH]}")
        return self


def read_contract(document: Mapping[str, Any], *, where: str) -> Contract:
    """Return the contract that a parsed YAML document states; raise `SettingsError` where it is wrong."""
    columns = document.get("columns")
    if not isinstance(columns, Mapping):
        raise SettingsError(f"{where}: `columns` maps raw column names to their roles, found {columns!r}")
    listed = [{"source": str(source), **(spec or {})} for source, spec in columns.items()]
    try:
        return parse(Contract, {**document, "columns": listed}, where=where)
    except SettingsError as error:
        message = str(error)
        for number, column in enumerate(listed):
            message = message.replace(f"columns.{number}.", f"columns.{column['source']}.")
        raise SettingsError(message) from None

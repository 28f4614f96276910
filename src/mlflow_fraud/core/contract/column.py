"""A column of a contract: what it holds, what it is for, and what that asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from math import isfinite
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import available_timezones

import polars as pl
from pydantic import SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from mlflow_fraud.core.contract.moments import since_of
from mlflow_fraud.core.contract.time_format import time_format
from mlflow_fraud.core.errors import nearest
from mlflow_fraud.core.strict import Strict

Role = Literal[
    "event_id",
    "event_time",
    "entity",
    "amount",
    "label",
    "label_time",
    "label_chance",
    "categorical",
    "numeric",
    "location",
    "birth_date",
    "group",
    "clock",
    "personal",
    "unused",
]
ColumnType = Literal["timestamp", "date", "integer", "decimal", "text"]
Level = Literal["critical", "warning"]
Unit = Literal["milliseconds", "seconds", "minutes", "hours", "days", ""]


class Needs(NamedTuple):
    """What a column with some role may hold, and the keys that belong to that role alone."""

    types: tuple[ColumnType, ...]
    keys: tuple[str, ...] = ()


ANY_TYPE: tuple[ColumnType, ...] = ("timestamp", "date", "integer", "decimal", "text")
TIMES: tuple[ColumnType, ...] = ("timestamp", "date")
NEEDS: Mapping[Role, Needs] = {
    "event_id": Needs(("text", "integer")),
    "event_time": Needs(("timestamp",)),
    "entity": Needs(("text", "integer"), ("entity",)),
    "amount": Needs(("decimal", "integer")),
    "label": Needs(("integer",)),
    "label_time": Needs(("timestamp",)),
    "label_chance": Needs(("decimal",)),
    "categorical": Needs(("text",)),
    "numeric": Needs(("decimal", "integer")),
    "location": Needs(("decimal", "integer"), ("place", "axis")),
    "birth_date": Needs(("date",)),
    "group": Needs(("text",)),
    "clock": Needs(("integer",)),
    "personal": Needs(ANY_TYPE),
    "unused": Needs(ANY_TYPE),
}

EXACTLY_ONE: tuple[Role, ...] = ("event_id", "event_time", "amount", "label")
AT_MOST_ONE: tuple[Role, ...] = ("label_time", "label_chance", "birth_date", "clock")
_NAMED_BY_ROLE: frozenset[Role] = frozenset({*EXACTLY_ONE, "label_time", "label_chance", "birth_date"})
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
    unit: Unit = ""
    since: str = ""
    timezone: str = ""
    nullable: bool = False
    optional: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    values: tuple[str, ...] = ()
    level: Level = "critical"
    secret: bool = False

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
    def start(self) -> datetime:
        """The moment since which a time is counted; in UTC where the column has a time zone."""
        return since_of(self.since)[0]

    @property
    def kept(self) -> bool:
        """False for personal data and for columns that nothing reads: they stop at ingest."""
        return self.role not in ("personal", "unused")

    @property
    def held(self) -> Column:
        """The column as it is behind the door: a pseudonym is a text, whatever the plain value was."""
        if not self.secret:
            return self
        return self.model_copy(update={"type": "text", "minimum": None, "maximum": None})

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
        if self.type in TIMES:
            return _local_moment(str(bound))
        number = float(bound)
        if not isfinite(number):
            raise ValueError(f"{bound} bounds nothing")
        return round(number * 10**decimals) if self.role == "amount" else number

    @field_validator("minimum", "maximum", "since", mode="before")
    @classmethod
    def _a_day_is_one_with_and_without_quotes(cls, bound: object) -> object:
        if isinstance(bound, float) and not isfinite(bound):
            raise ValueError("expected a finite number")
        return bound.isoformat() if isinstance(bound, date) else bound

    @model_serializer(mode="wrap")
    def _says_what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out how a time is counted where it is written, and what is not secret: the hash stays what it was."""
        told: dict[str, Any] = handler(self)
        unsaid = {*(() if self.unit else ("unit", "since")), *(() if self.secret else ("secret",))}
        return {key: value for key, value in told.items() if key not in unsaid}

    @model_validator(mode="after")
    def _has_what_its_role_needs(self) -> Self:
        needs = NEEDS[self.role]
        if self.type not in needs.types:
            raise ValueError(f"a column with the role {self.role} is {' or '.join(needs.types)}, found {self.type}")
        if self.role == "entity" and not self.entity:
            raise ValueError("an entity needs `entity: <its name>`, for example card")
        if self.role == "location" and not (self.place and self.axis):
            raise ValueError("a location needs `place: <its name>` and `axis: latitude` or `longitude`")
        astray = [key for key in ("entity", "place", "axis") if getattr(self, key) and key not in needs.keys]
        if astray:
            raise ValueError(f"`{astray[0]}:` says nothing of a column with the role {self.role}; take it out")
        if self.optional and self.role in (*EXACTLY_ONE, "entity"):
            raise ValueError(f"the column with the role {self.role} cannot be optional")
        if self.secret and self.role != "entity":
            raise ValueError(
                f"`secret:` is for an entity, such as a card, found {self.role}; what no feature needs of a person has "
                "the role personal and stops at ingest"
            )
        return self

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Self:
        self._require_a_time_that_is_told()
        if self.values and self.type != "text":
            raise ValueError("`values:` is for text; `minimum:` and `maximum:` bound numbers and times")
        if self.values and self.secret:
            raise ValueError("`values:` tells the values of a secret column to whoever reads the contract; take it out")
        self._require_bounds()
        return self

    def _require_a_time_that_is_told(self) -> None:
        """Raise `ValueError` where a time has not exactly one way to be read, or another type has one."""
        counted = bool(self.unit or self.since)
        if counted and (self.type != "timestamp" or self.format or not (self.unit and self.since)):
            raise ValueError(
                "`unit:` and `since:` together say how a timestamp is counted, in place of `format:`, for example "
                '`unit: seconds, since: "1970-01-01"`'
            )
        if self.format and self.type not in TIMES:
            raise ValueError(f"`format:` is for times and days; {self.type} has none")
        if self.type == "timestamp" and not (self.format or counted):
            raise ValueError("a timestamp needs `format:`, for example '%Y-%m-%d %H:%M:%S', or `unit:` and `since:`")
        if self.type == "date" and not self.format:
            raise ValueError("a date needs `format:`, for example '%Y-%m-%d'")
        if self.timezone and self.timezone not in _zones():
            raise ValueError(f"no time zone is called {self.timezone}, {nearest(self.timezone, _zones())}")
        if self.format:
            self._require_a_format_that_says_it()
        zoned = since_of(self.since)[1] if counted else "offset" in self._parts
        if zoned != bool(self.timezone):
            both = "an offset in `since:`" if counted else "`%z` in `format:`"
            raise ValueError(
                f"a time with its offset needs both {both} and `timezone:`, for example Europe/Berlin, in which it "
                "goes on as local time"
            )

    def _require_a_format_that_says_it(self) -> None:
        form = time_format(self.format)
        if not form.says_a_day:
            raise ValueError(f"`format:` of a {self.type} says year, month and day, found {self.format!r}")
        if self.type == "timestamp" and not form.says_a_time:
            raise ValueError(
                f"`format:` of a timestamp says a time of day too, found {self.format!r}; a day alone is no moment: "
                "which of its payments came first nobody could tell"
            )
        if self.type == "date" and "offset" in form.parts:
            raise ValueError(f"a date has no offset from UTC, found {self.format!r}")
        if self.role == "birth_date" and "year_of_century" in form.parts:
            raise ValueError("a birth date needs a year of four digits, %Y: two do not tell the century")

    @property
    def _parts(self) -> frozenset[str]:
        return time_format(self.format).parts if self.format else frozenset()

    def _require_bounds(self) -> None:
        """Raise `ValueError` where a bound is not of the column's type, or the least is above the greatest."""
        bounds = []
        for key in ("minimum", "maximum"):
            bound = getattr(self, key)
            if bound is not None and self.type == "text":
                raise ValueError(f"`{key}:` is for numbers and times; `values:` lists the texts that are allowed")
            try:
                bounds.append(self.limit(bound, decimals=0))
            except ValueError:
                like = "a day like '2020-01-31'" if self.type in TIMES else "a number"
                raise ValueError(f"`{key}:` of a {self.type} is {like}, found {bound!r}") from None
        if None not in bounds and bounds[0] > bounds[1]:
            raise ValueError(f"`minimum:` {self.minimum} is above `maximum:` {self.maximum}")


def _local_moment(text: str) -> datetime:
    moment, has_offset = since_of(text)
    if has_offset:
        raise ValueError("a bound is a local time, without an offset from UTC")
    return moment


@cache
def _zones() -> frozenset[str]:
    """Return the names of time zones that mean the same everywhere: those of places, and UTC."""
    return frozenset(name for name in available_timezones() if "/" in name or name in ("UTC", "GMT"))

"""What a transaction is: columns with type, range and role, as one YAML contract states it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mlflow_fraud.core.contract.bounds import LETTERS, expected, has_control_character, own_limits, range_of
from mlflow_fraud.core.contract.collect import Collect as Collect
from mlflow_fraud.core.contract.column import AT_MOST_ONE, EXACTLY_ONE
from mlflow_fraud.core.contract.column import Column as Column
from mlflow_fraud.core.contract.column import Level as Level
from mlflow_fraud.core.contract.column import Role as Role
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.strict import Place, Strict, line_of, parse

BATCH = "batch"
"""The column that ingest adds: the name of the raw batch a row came in."""


KEY_CHECK = "^[0-9a-f]{16}$"
"""What tells the key of pseudonyms from another."""

ROW_NUMBER = Column(source="event_id", role="event_id", type="text")
"""What stands for the id where files have none: `<batch>:<row>`; a request of the service brings a text of its own."""


class Csv(Strict):
    """How the raw CSV files are written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"


class Table(Strict):
    """What holds for all rows together."""

    minimum_rows: int = Field(default=1, ge=1)
    fraud_rate: tuple[float, float] = (0.0, 1.0)

    @model_validator(mode="after")
    def _is_a_range_of_shares(self) -> Self:
        if not 0 <= self.fraud_rate[0] <= self.fraud_rate[1] <= 1:
            raise ValueError(f"`fraud_rate:` is a range within 0 and 1, found {list(self.fraud_rate)}")
        return self


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
    rows_against_history: Limit = Limit(at_least=0.5, at_most=2.5)
    seconds_back: Limit = Limit(at_most=0)
    repeated_rows: Limit = Limit(level="critical", at_most=0)
    shared_rows: Limit = Limit(level="critical", at_most=0)
    early_labels: Limit = Limit(level="critical", at_most=0)
    labels_without_chance: Limit = Limit(at_most=0)
    chances_without_label: Limit = Limit(at_most=0)
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


_OF_CHANCES = ("labels_without_chance", "chances_without_label")
"""Limits that only a contract with a column of the role label_chance has."""


class Contract(Strict):
    """A data set's contract: the one answer to "what is a transaction?"."""

    name: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")
    description: str = ""
    currency_decimals: int = Field(default=2, ge=0, le=4)
    event_id: Literal["row_number", ""] = ""
    pseudonym_key_check: str = Field(default="", json_schema_extra={"pattern": KEY_CHECK})
    csv: Csv = Csv()
    columns: tuple[Column, ...]
    table: Table = Table()
    gate: Gate = Gate()
    collect: Collect = Collect()

    @property
    def in_files(self) -> tuple[Column, ...]:
        """The columns of the raw files that go on past ingest, in the order of the contract."""
        return tuple(column for column in self.columns if column.kept)

    @property
    def arriving(self) -> tuple[Column, ...]:
        """The columns as they come to the door: those of the files, after an id that is a row's number."""
        return (ROW_NUMBER, *self.in_files) if self.event_id else self.in_files

    @property
    def kept(self) -> tuple[Column, ...]:
        """The columns that the pipeline has past the door, where what is secret is a pseudonym."""
        return tuple(column.held for column in self.arriving)

    @property
    def secrets(self) -> tuple[Column, ...]:
        """The columns whose values nothing past the door may see, as they come."""
        return tuple(column for column in self.in_files if column.secret)

    @property
    def entities(self) -> tuple[str, ...]:
        """The names of the entities, for example card and merchant; a data set may have none."""
        return tuple(column.name for column in self.columns if column.role == "entity")

    @property
    def payer(self) -> str | None:
        """The entity that pays, for example card: the first one; None where there is none."""
        return next(iter(self.entities), None)

    @property
    def places(self) -> tuple[str, ...]:
        """The places with a latitude and a longitude, for example home and merchant."""
        return tuple(dict.fromkeys(column.place for column in self.columns if column.role == "location"))

    def column(self, name: str) -> Column | None:
        """Return the kept column with this pipeline name, or None."""
        return next((column for column in self.kept if column.name == name), None)

    @model_validator(mode="before")
    @classmethod
    def _without_ids_alike_rows_may_be_two_payments(cls, given: Any) -> Any:
        if not (isinstance(given, Mapping) and given.get("event_id")):
            return given
        gate = given.get("gate", {})
        repeated = gate.get("repeated_rows", {}) if isinstance(gate, Mapping) else None
        if not isinstance(repeated, Mapping):
            return given
        return {**given, "gate": {**gate, "repeated_rows": {"level": "warning", **repeated}}}

    @model_validator(mode="after")
    def _roles_are_complete(self) -> Self:
        roles: dict[str, list[str]] = {}
        for column in self.columns:
            roles.setdefault(column.role, []).append(column.source)
        for role in EXACTLY_ONE:
            found = roles.get(role, [])
            if role == "event_id" and self.event_id:
                self._require_no_other_id(found)
            elif len(found) != 1:
                said = f"{len(found)}: {', '.join(found)}" if found else "none"
                hint = "; where files have no id, `event_id: row_number` says so" if role == "event_id" else ""
                raise ValueError(f"exactly one column has the role {role}, found {said}{hint}")
        for role in AT_MOST_ONE:
            if len(roles.get(role, [])) > 1:
                raise ValueError(f"at most one column has the role {role}, found {', '.join(roles[role])}")
        halves = Counter(column.place for column in self.columns if column.role == "location")
        if set(halves.values()) - {2}:
            raise ValueError(f"each place has a latitude and a longitude, found {dict(halves)} columns")
        doubled = [name for name, n in Counter(column.name for column in self.kept).items() if n > 1]
        if doubled or self.column(BATCH):
            raise ValueError(f"columns need names of their own, found twice or reserved: {doubled or [BATCH]}")
        return self

    @model_validator(mode="after")
    def _pins_the_key_of_its_secrets(self) -> Self:
        if self.secrets and not self.pseudonym_key_check:
            raise ValueError(
                f"the secret column {self.secrets[0].source} needs `pseudonym_key_check:`, by which another key is "
                "refused; `mlflow-fraud contract key` prints the line"
            )
        if self.pseudonym_key_check and not re.match(KEY_CHECK, self.pseudonym_key_check):  # shown to nobody: a key?
            raise ValueError(
                "`pseudonym_key_check:` is 16 hexadecimal digits in quotes, as `mlflow-fraud contract key` prints "
                "them; it is never the key itself. A key that stood in a file is known: make a new one"
            )
        if self.pseudonym_key_check and not self.secrets:
            raise ValueError("`pseudonym_key_check:` says nothing where no column is `secret: true`; take it out")
        return self

    def _require_no_other_id(self, found: list[str]) -> None:
        named = [column.source for column in self.in_files if column.source == ROW_NUMBER.source]
        if found or named:
            raise ValueError(
                f"`event_id: row_number` is for files without an id, found the column {(found or named)[0]}; give it "
                "the role event_id, or take the line out"
            )

    @model_serializer(mode="wrap")
    def _says_what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what a contract has no use for, row number, key, chances, days: its hash is what it always was."""
        told: dict[str, Any] = handler(self)
        if not any(column.role == "label_chance" for column in self.columns):
            told["gate"] = {key: value for key, value in told["gate"].items() if key not in _OF_CHANCES}
        unsaid = {key for key in ("event_id", "pseudonym_key_check") if not told[key]}
        unsaid |= {"collect"} if self.collect == Collect() else set()
        return {key: value for key, value in told.items() if key not in unsaid}


def read_contract(document: Mapping[str, Any], *, where: str, lines: Mapping[Place, int] | None = None) -> Contract:
    """Return the contract that a parsed YAML document states; raise `SettingsError` where it is wrong.

    `lines` has the line of each value, for the message.
    """
    columns = document.get("columns")
    if not isinstance(columns, Mapping):
        found = "nothing" if columns is None else repr(columns)
        raise SettingsError(f"{where}: `columns` maps raw column names to their roles, found {found}")
    sources = [str(source) for source in columns]
    listed = [
        {"source": source, **spec} if isinstance(spec, Mapping) else spec
        for source, spec in zip(sources, columns.values(), strict=True)
    ]

    def stands(place: Place) -> Place:
        if place[:1] == ("columns",) and len(place) > 1 and isinstance(place[1], int):
            return ("columns", sources[place[1]], *place[2:])
        return place

    contract = parse(Contract, {**document, "columns": listed}, where=where, lines=lines, stands=stands)
    _require_bounds(contract, where, lines or {})
    return contract


def _require_bounds(contract: Contract, where: str, lines: Mapping[Place, int]) -> None:
    """Raise `SettingsError` where a limit admits what is not held: a contract may ask for less, never for more."""
    for column in contract.arriving:
        held = range_of(column, decimals=contract.currency_decimals) if column.type != "text" else None
        for key, limit in zip(("minimum", "maximum"), own_limits(column), strict=True):
            if held and limit is not None and not held.least <= limit <= held.greatest:
                raise SettingsError(
                    f"{where}{_at(('columns', column.source, key), lines)}: columns.{column.source}.{key}: "
                    f"{getattr(column, key)} is beyond the bounds, expected one from {held}"
                )
        long = [value for value in column.values if len(value) > LETTERS or has_control_character(value)]
        if long:
            raise SettingsError(
                f"{where}{_at(('columns', column.source, 'values'), lines)}: columns.{column.source}.values: "
                f"{long[0][:20]!r} is beyond the bounds, expected {expected(column, decimals=0)}"
            )


def _at(place: Place, lines: Mapping[Place, int]) -> str:
    line = line_of(place, lines)
    return f", line {line}" if line else ""

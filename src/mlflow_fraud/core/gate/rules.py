"""What a contract lets us say about the data: rules, and how an example of what breaks one is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlflow_fraud.core.contract.bounds import narrowed
from mlflow_fraud.core.contract.contract import Column, Contract, Level, Limit
from mlflow_fraud.core.contract.pseudonym import PSEUDONYM
from mlflow_fraud.core.gate.columns import categories, watched_columns
from mlflow_fraud.core.gate.findings import Of

SECRET_ROLES = frozenset({"event_id", "entity", "birth_date", "group", "location"})
"""Columns whose values point at a person: never shown in a report."""


_FRAME_TYPES: Mapping[str, str] = {
    "timestamp": "datetime64",
    "date": "datetime64",
    "integer": "int64",
    "decimal": "float64",
    "text": "str",
    "amount": "int64",
    "label": "int8",
}
"""How a type, or a role with a type of its own, is called in the frame that Great Expectations sees."""


@dataclass(frozen=True)
class Rule:
    """One expectation: its name, the Great Expectations type, its arguments and how much it matters.

    `of` says on which table: the rows, or the evidence with a line for each batch. There `column` is the column of
    the evidence.
    """

    name: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: Level = "critical"
    column: str | None = None
    of: Of = "rows"


def rules_of(contract: Contract) -> list[Rule]:
    """Return every rule that follows from the contract, in a fixed order."""
    low, high = contract.table.fraud_rate
    return [
        Rule("all columns are there", "expect_table_columns_to_match_set", _column_set(contract)),
        Rule(
            f"there are at least {contract.table.minimum_rows} rows",
            "expect_table_row_count_to_be_between",
            {"min_value": contract.table.minimum_rows},
        ),
        Rule(
            f"the fraud rate is between {low:g} and {high:g}",
            "expect_column_mean_to_be_between",
            {"column": "label", "min_value": low, "max_value": high},
            column="label",
        ),
        *(rule for column in contract.kept for rule in _column_rules(column, contract)),
        *_batch_rules(contract),
    ]


def shown(value: object, column: Column | None, contract: Contract) -> str:
    """Return an example as a report may show it: amounts in currency, what points at a person masked.

    A text that no rule expects may be anything, a name in a shifted row too: it is shown by its beginning and length.
    """
    if column is None or column.role in SECRET_ROLES:
        return f"…{str(value)[-4:]}" if column is not None and column.role == "event_id" else "(not shown)"
    if column.role == "amount" and isinstance(value, int | float):
        return f"{value / 10**contract.currency_decimals:.{contract.currency_decimals}f}"
    if column.type in ("timestamp", "date") and isinstance(value, int | float):
        return str(datetime.fromtimestamp(value, UTC).replace(tzinfo=None))
    return f"{str(value)[:2]}… ({len(str(value))} characters)" if column.type == "text" else str(value)


def is_secret(column: Column | None) -> bool:
    """Return whether no page may show a column's values as they are."""
    return column is not None and (column.role in SECRET_ROLES or column.type == "text")


def seconds_of(column: str) -> str:
    """Return the name of the column of whole seconds since 1970 that a time's range is checked on.

    Great Expectations compares times one by one, numbers all at once.
    """
    return f"{column} in seconds"


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def _column_set(contract: Contract) -> dict[str, Any]:
    return {"column_set": [column.name for column in contract.kept], "exact_match": False}


def _column_rules(column: Column, contract: Contract) -> list[Rule]:
    name = column.name
    rules: list[Rule] = []
    arguments: dict[str, Any]
    if not (column.may_be_missing and column.type == "integer"):  # whole numbers with gaps are floats in a data frame
        arguments = {"column": name, "type_": _FRAME_TYPES.get(column.role, _FRAME_TYPES[column.type])}
        rules.append(Rule(f"{name} is of its type", "expect_column_values_to_be_of_type", arguments))
    if not column.may_be_missing:
        rules.append(Rule(f"{name} is never missing", "expect_column_values_to_not_be_null", {"column": name}))
    if column.role == "event_id":
        rules.append(Rule(f"{name} is unique", "expect_column_values_to_be_unique", {"column": name}))
    if column.secret:
        arguments = {"column": name, "regex": PSEUDONYM}
        rules.append(Rule(f"{name} is a pseudonym", "expect_column_values_to_match_regex", arguments))
    if column.values:
        arguments = {"column": name, "value_set": list(column.values)}
        rules.append(Rule(f"{name} is a known value", "expect_column_values_to_be_in_set", arguments))
    bounds: tuple[float | str | None, float | str | None] = (column.minimum, column.maximum)
    if column.role == "label_chance":
        bounds = narrowed(column, decimals=contract.currency_decimals)
    limits = [column.limit(bound, decimals=contract.currency_decimals) for bound in bounds]
    if limits != [None, None]:
        if column.type in ("timestamp", "date"):
            name, limits = seconds_of(name), [None if each is None else _seconds(each) for each in limits]
        arguments = {"column": name, "min_value": limits[0], "max_value": limits[1]}
        rules.append(Rule(f"{column.name} is in range", "expect_column_values_to_be_between", arguments))
    level: Level = "critical" if column.secret else column.level
    return [Rule(rule.name, rule.expectation, rule.arguments, level, column.name) for rule in rules]


def _batch_rules(contract: Contract) -> list[Rule]:
    gate, watched = contract.gate, watched_columns(contract)
    rules = [
        _batch_rule("no day is missing", "missing_days", gate.missing_days),
        _batch_rule(
            "a batch has as many rows a day as those before", "rows_against_history", gate.rows_against_history
        ),
        _batch_rule("a batch begins after the end of those before", "seconds_back", gate.seconds_back),
        _batch_rule("no row is there twice under another id", "repeated_rows", gate.repeated_rows),
        _batch_rule("no row is in two batches, such as train and test", "shared_rows", gate.shared_rows),
    ]
    if contract.column("label_time"):
        rules.append(_batch_rule("no label arrived before its payment", "early_labels", gate.early_labels))
    if contract.column("label_chance"):
        rules += [
            _batch_rule(
                "a label is there only where it was looked for", "labels_without_chance", gate.labels_without_chance
            ),
            _batch_rule("what was looked into has its label", "chances_without_label", gate.chances_without_label),
        ]
    if any(column.role == "clock" for column in contract.kept):
        rules.append(_batch_rule("the two clocks keep their distance", "clock_spread", gate.clock_spread))
    rules += [
        _batch_rule(f"{name} has no new value", f"unseen_values_of_{name}", gate.unseen_values)
        for name in categories(contract)
    ]
    rules += [_batch_rule(f"{name} is distributed as before", f"shift_of_{name}", gate.shift) for name in watched]
    return rules + [
        _batch_rule(f"{name} alone does not give the label away", f"separation_by_{name}", gate.separation)
        for name in watched
    ]


def _batch_rule(name: str, column: str, limit: Limit) -> Rule:
    arguments = {"column": column, "min_value": limit.at_least, "max_value": limit.at_most}
    return Rule(name, "expect_column_values_to_be_between", arguments, limit.level, column, of="batches")

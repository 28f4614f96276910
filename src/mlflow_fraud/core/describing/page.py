"""A contract as a page for people: its columns, what becomes of them, and what the gate holds a batch to."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_fraud.core.contract.contract import Column, Contract, Limit
from mlflow_fraud.core.describing.language import GATE

WITHOUT_ID = (
    "No column is an id. The id of a row is the name of its batch and its number in the file, such as `2020-01:17`; a "
    "request to the service brings one of its own, the text `event_id`.",
    "",
)


def page_of(contract: Contract, *, file: str, rules: int, how: Sequence[str]) -> str:
    """Return the page in Markdown; `file` is where the contract stands, `rules` and `how` are the gate's own words."""
    columns = ["| column | role | in the pipeline | type | holds | may be missing | level |"]
    columns += ["| --- | --- | --- | --- | --- | --- | --- |", *map(_column, contract.columns)]
    gate = ["| limit | of a batch | at least | at most | level |", "| --- | --- | ---: | ---: | --- |"]
    gate += [_limit(name, what, getattr(contract.gate, name)) for name, what in GATE.items()]
    low, high = contract.table.fraud_rate
    return "\n".join(
        [
            f"# The contract `{contract.name}`",
            "",
            f"{contract.description} Made from `{file}` by `mlflow-fraud contract page {file}`; a test keeps it so.",
            "",
            f"{rules} rules follow from it. A critical one that does not hold stops the pipeline, a warning is told.",
            "",
            "## Columns",
            "",
            "Personal and unused columns stop at ingest: no file after it has them.",
            "",
            *(WITHOUT_ID if contract.event_id else ()),
            *(_of_secrets(contract) if contract.secrets else ()),
            *columns,
            "",
            "## All rows together",
            "",
            f"At least {contract.table.minimum_rows:,} rows; between {low:g} and {high:g} of them are fraud.",
            "",
            "## The gate",
            "",
            "Each batch is held against time, its label and the batches before it (`core/gate/batches.py`). A contract "
            "states under `gate:` what it wants otherwise, such as `gate: {shift: {level: critical, at_most: 0.2}}`.",
            "",
            *how,
            "",
            *gate,
            "",
        ]
    )


def _of_secrets(contract: Contract) -> list[str]:
    sources = " and ".join(f"`{column.source}`" for column in contract.secrets)
    return [
        f"What comes as {sources} is a [pseudonym](secrets.md) from the door on, under the key whose check value is "
        f"`{contract.pseudonym_key_check}`.",
        "",
    ]


def _column(column: Column) -> str:
    missing = "the whole column" if column.optional else "yes" if column.nullable else "no"
    name = f"`{column.name}`" if column.kept else "-"
    level = column.level if column.kept else "-"
    cells = (
        f"`{column.source}`",
        column.role,
        name,
        column.type,
        _holds(column),
        missing if column.kept else "-",
        level,
    )
    return f"| {' | '.join(cells)} |"


def _holds(column: Column) -> str:
    said = [f"`{column.format}`"] if column.format else []
    said += [f"{column.unit} since {column.since}"] if column.unit else []
    if column.values:
        said.append(", ".join(column.values))
    low, high = _bound(column.minimum), _bound(column.maximum)
    if low or high:
        said.append(f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}")
    said += ["secret"] if column.secret else []
    return "; ".join(said) or "-"


def _bound(bound: float | str | None) -> str:
    if bound is None:
        return ""
    return bound if isinstance(bound, str) else f"{bound:,.12g}"


def _limit(name: str, what: str, limit: Limit) -> str:
    bounds = ["" if bound is None else f"{bound:g}" for bound in (limit.at_least, limit.at_most)]
    return f"| `{name}` | {what} | {bounds[0]} | {bounds[1]} | {limit.level} |"

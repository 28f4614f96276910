"""Every key of a contract in words: its page, and the descriptions in the JSON schema, are made from them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.fields import FieldInfo

from mlflow_fraud.core.contract.bounds import (
    BEGIN,
    BODY_BYTES,
    DECIMAL,
    END,
    GREATEST_ID,
    LATITUDE,
    LEAST_ID,
    LETTERS,
    LONGITUDE,
    WHOLE,
)
from mlflow_fraud.core.contract.column import NEEDS, Column, ColumnType, Role
from mlflow_fraud.core.contract.contract import Collect, Contract, Csv, Gate, Limit, Table
from mlflow_fraud.core.strict import Strict

CONTRACT = {
    "name": "the data set's name, as `params.yaml` and `data/raw/` have it",
    "description": "one sentence for people",
    "currency_decimals": "decimals of the currency, 0 to 4; amounts are held in whole minor units",
    "event_id": "`row_number` where files have no id: the id is then the batch's name and the row's number in its "
    "file, such as `2020-01:17`, and a request has a text `event_id` of its own",
    "pseudonym_key_check": "16 hexadecimal digits that tell the key of the `secret` columns from another, as "
    "`mlflow-fraud contract key` prints them ([how](secrets.md))",
    "csv": "how the CSV files are written",
    "columns": "each column of the raw files by its name there: its role, its type and what it holds",
    "table": "what holds for all rows together",
    "gate": "limits on what a batch shows against time, its label and the batches before it",
    "collect": "how what a service saw [becomes batches](collection.md)",
}
COLUMN = {
    "role": "what the column is for",
    "type": "what it holds; in a CSV file all is text, and is read as this",
    "entity": "the entity's name inside the pipeline; the first entity pays, the second is paid",
    "place": "the name of the place that a latitude and a longitude together give",
    "axis": "`latitude` or `longitude`",
    "format": "how a time or a day is written, in the letters below",
    "unit": "for a timestamp that is a number: what it counts, `milliseconds`, `seconds`, `minutes`, `hours` or "
    "`days`; in place of `format`, together with `since`",
    "since": "the moment that a count begins at, a day like `2017-12-01` or an instant like `2017-12-01T06:30:00`; "
    "`1970-01-01` for a unix clock. Any day will do where nobody knows",
    "timezone": "for times with an offset (`%z` in the format, or one in `since`): the zone in whose local "
    "time they go on",
    "nullable": "a row may lack the value",
    "optional": "a file may lack the whole column",
    "minimum": "the least allowed number, or the first allowed day",
    "maximum": "the greatest allowed number, or the last allowed moment",
    "values": "the allowed texts; any if not stated",
    "level": "whether a broken rule of this column stops the pipeline (`critical`) or warns (`warning`)",
    "secret": "for an entity: what comes in is a [pseudonym](secrets.md) from the door on, in files and requests; "
    "its limits are held there, and stop whatever `level` says",
}
CSV = {
    "separator": "what stands between two values",
    "decimal": "the decimal mark: `.` or `,`",
    "encoding": "how letters are written: `utf-8` (with a byte order mark or not), `latin-1`, `cp1252` or `utf-16`",
}
TABLE = {
    "minimum_rows": "fewer rows than these stop the pipeline",
    "fraud_rate": "the least and the greatest share of rows with label 1",
}
LIMIT = {
    "level": "whether a batch beyond the limit stops the pipeline (`critical`) or warns (`warning`)",
    "at_least": "the least that a batch may show",
    "at_most": "the most that a batch may show",
}
GATE = {
    "missing_days": "days without a row since the last day of the batches before",
    "rows_against_history": "rows a day over the median of the batches before",
    "seconds_back": "seconds by which it begins before the end of the batches before",
    "repeated_rows": "rows that are there already but for the id; a warning with `event_id: row_number`, for without "
    "ids two payments may well be alike",
    "shared_rows": "rows that another batch has too but for the id, such as the training file and the test file",
    "early_labels": "rows whose label arrived before the payment was made, where a column has the role label_time",
    "labels_without_chance": "rows with a label for which nobody is said to have looked, where a column has the role "
    "label_chance; they do not count",
    "chances_without_label": "rows that were looked into and have no label, where a column has the role label_chance; "
    "they do not count, or not yet",
    "clock_spread": "seconds between the least and the largest offset of the second clock",
    "unseen_values": "share of rows with a value that no batch before has, for each categorical column",
    "shift": "population stability index against the batches before, for amount, hour, numbers and categories",
    "separation": "area under the ROC curve of one column alone against the label, for the same columns",
}
COLLECT = {
    "every": "so many whole days of the record are one batch, such as `1d` or `28d`, once the last of them is mature",
}
WORDS: Mapping[type[Strict], Mapping[str, str]] = {
    Contract: CONTRACT,
    Csv: CSV,
    Column: COLUMN,
    Table: TABLE,
    Limit: LIMIT,
    Gate: GATE,
    Collect: COLLECT,
}
HOW_MANY: Mapping[Role, str] = {
    "event_id": "one, or `event_id: row_number`",
    "event_time": "one",
    "entity": "any",
    "amount": "one",
    "label": "one",
    "location": "pairs",
    "label_time": "at most one",
    "label_chance": "at most one",
    "birth_date": "at most one",
    "clock": "at most one",
}
ROLES: Mapping[Role, str] = {
    "event_id": "a transaction's own name; no two rows have the same",
    "event_time": "when it happened; rows go on in its order",
    "entity": "who pays (card, customer, account) or is paid (merchant, terminal); histories are kept by it",
    "amount": "in the currency",
    "label": "1 is fraud, 0 is none; empty where nothing was told",
    "label_time": "when the row's label arrived; empty where that is not known. Never before the payment, never a "
    "feature, never part of a request",
    "label_chance": "with which chance the row's label was looked for: 1 for an alert, the share for a payment that "
    "was drawn to be reviewed, empty or 0 for one that nobody looked into. From 0 to 1, never a feature, never part of "
    "a request; what [`labels: selective`](own-data.md#only-alerts-are-looked-into) weighs by",
    "categorical": "a text with few different values, such as the kind of merchant; codes are texts too",
    "numeric": "a number that may tell something",
    "location": "half of a place",
    "birth_date": "the card holder's; gives the age",
    "group": "what the holder is one of, such as a sex: looked at in [parts](metrics.md#in-parts), never a feature",
    "clock": "a second clock, in seconds since 1970; the gate holds the two against each other",
    "personal": "names, addresses and the like: stops at ingest",
    "unused": "what nothing reads: stops at ingest",
}
TYPES: Mapping[ColumnType, str] = {
    "timestamp": "a day and a time of day, as `format` says, or a count of `unit` since `since`; held to "
    "the microsecond",
    "date": "a day, as `format` says; a time of day in the format is read and left out",
    "integer": "a whole number of at most 64 bits; `12.0` and `1e+05` are whole too, up to 2 to the 53rd",
    "decimal": "a number in any usual notation: `5`, `+5`, `.5`, `5.`, `4.2e-05`; never `nan` or `inf`",
    "text": "any text; spaces around it are no part of it",
}

LETTERS_OF_TIME = (
    "### Letters of a time",
    "",
    "Files and requests are read alike by them, and every other letter is refused.",
    "",
    "| letters | are |",
    "| --- | --- |",
    "| `%Y`, `%y` | the year: of four digits from 1000 on, of two digits for 1969 to 2068 |",
    "| `%m`, `%b`, `%B` | the month: in digits, `Jan`, `January` (in English, in any case) |",
    "| `%d` | the day of the month |",
    "| `%a`, `%A` | the day of the week, `Mon` or `Monday`; it has to be the right one |",
    "| `%H`, `%I` with `%p` | the hour: from 0 to 23, or from 1 to 12 with `AM` or `PM` |",
    "| `%M`, `%S` | minute and second, from 0 to 59 |",
    "| `%f` | digits of a second, one to nine of them; those after the sixth are cut off |",
    "| `%.f` | a point and such digits, or nothing |",
    "| `%3f`, `%6f`, `%9f`, `%.3f`, `%.6f`, `%.9f` | so many digits of a second, after a point or without |",
    "| `%z`, `%:z` | the offset from UTC: `Z`, `+0100`, `+01:00` or `+01` |",
    "| `%F`, `%T`, `%R`, `%D`, `%r`, `%h` | `%Y-%m-%d`, `%H:%M:%S`, `%H:%M`, `%m/%d/%y`, `%I:%M:%S %p`, `%b` |",
    "| `%-d`, `%-m`, `%-H`, `%-I`, `%-M`, `%-S` | the same as without `-`: a first zero may always be left out, but "
    "where digits follow each other |",
    "| `%%` | a percent sign |",
    "",
    "Times with an offset are of the years 1970 to 2099: beyond them tables of time zones differ.",
    "",
)


def language_page() -> str:
    """Return the page on the language of contracts in Markdown."""
    return "\n".join(
        [
            "# The language of contracts",
            "",
            "A contract is a YAML file that says what a transaction is. This page is made by "
            "`mlflow-fraud contract language`; a test keeps it so. `mlflow-fraud contract check <file>` checks a "
            "contract and names each mistake by its line, with the nearest right word:",
            "",
            "```text",
            "error: mine.yaml, line 14: columns.amt.rolle is not known, did you mean role?",
            "```",
            "",
            "An editor that knows JSON schemas checks it as you type, with "
            "[`contract.schema.json`](contract.schema.json) (from `mlflow-fraud contract schema`).",
            "",
            *_keys("The whole", Contract),
            *_keys("`columns`: each column", Column),
            "### Roles",
            "",
            "| role | how many | type | keys of its own | what it is |",
            "| --- | --- | --- | --- | --- |",
            *(_role(role, what) for role, what in ROLES.items()),
            "",
            "### Types",
            "",
            "| type | holds |",
            "| --- | --- |",
            *(f"| `{name}` | {what} |" for name, what in TYPES.items()),
            "",
            *LETTERS_OF_TIME,
            *_bounds(),
            *_keys("`csv`", Csv),
            *_keys("`table`", Table),
            *_keys("`gate`", Gate),
            *_keys("`gate`: each limit", Limit),
            "A limit keeps what a contract does not say: `gate: {shift: {level: critical}}` still allows 0.25.",
            "",
            *_keys("`collect`", Collect),
        ]
    )


def _bounds() -> list[str]:
    decimals = Contract.model_fields["currency_decimals"].default
    rows = [
        ("an amount", f"-{WHOLE} to {WHOLE} in minor units: {WHOLE // 10**decimals} with {decimals} decimals"),
        ("a `numeric` integer", f"-{WHOLE} to {WHOLE}"),
        ("a decimal", f"-{DECIMAL} to {DECIMAL}, and finite"),
        ("a `label_chance`", "0 to 1"),
        ("a latitude, a longitude", f"-{LATITUDE} to {LATITUDE}, -{LONGITUDE} to {LONGITUDE} degrees"),
        ("any other integer, such as an id", f"{LEAST_ID} to {GREATEST_ID}: 64 bits"),
        ("a text", f"at most {LETTERS} characters, no control character but tab and line end"),
        ("a day, a time", f"{BEGIN:%Y-%m-%d} to {END:%Y-%m-%d}"),
        ("a request of one transaction, whole", f"at most {BODY_BYTES} bytes"),
    ]
    return [
        "### Bounds",
        "",
        "Whatever a contract says, a value is within these, in a file and in a request alike; what is beyond is "
        "refused with its column's name. A contract may ask for less, never for more.",
        "",
        "| value | from and to |",
        "| --- | --- |",
        *(f"| {what} | {bound} |" for what, bound in rows),
        "",
    ]


def _keys(title: str, model: type[Strict]) -> list[str]:
    words = WORDS[model]
    rows = [f"| `{key}` | {_usual(model.model_fields[key])} | {what} |" for key, what in words.items()]
    return [f"## {title}", "", "| key | if not stated | what it says |", "| --- | --- | --- |", *rows, ""]


def _usual(field: FieldInfo) -> str:
    if field.is_required():
        return "must be there"
    usual = field.default
    if isinstance(usual, Limit) and usual != Limit():
        bounds = {"from": usual.at_least, "up to": usual.at_most}
        return ", ".join([*(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None), usual.level])
    if isinstance(usual, Strict | None) or usual in ("", ()):
        return "-"
    if isinstance(usual, bool):
        return "yes" if usual else "no"
    return f"`{list(usual) if isinstance(usual, tuple) else usual}`"


def _role(role: Role, what: str) -> str:
    needs = NEEDS[role]
    keys = ", ".join(f"`{key}`" for key in needs.keys) or "-"
    types = ", ".join(needs.types) if len(needs.types) < len(TYPES) else "any"
    return f"| `{role}` | {HOW_MANY.get(role, 'any')} | {types} | {keys} | {what} |"

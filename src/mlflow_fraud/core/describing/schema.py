"""The JSON schema of a contract's YAML file, for editors and other programs; made from the model that reads it."""

from __future__ import annotations

import json
from typing import Any

from mlflow_fraud.core.contract.column import NEEDS, TIMES
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.describing.language import WORDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SECRET = {
    "if": {"properties": {"secret": {"const": True}}, "required": ["secret"]},
    "then": {"properties": {"role": {"const": "entity"}, "values": False}},
}
"""What is secret is an entity, and the contract does not tell its values."""


def contract_schema() -> str:
    """Return the schema as indented JSON.

    In the file `columns` maps names to columns, in the model it is a list of columns that know their names. What a
    role and a type need is a condition each. What holds between columns, such as exactly one label, is told by
    `contract check` alone.
    """
    schema = Contract.model_json_schema()
    models = {model.__name__: (model, schema["$defs"].get(model.__name__, schema)) for model in WORDS}
    for model, part in models.values():
        part.pop("description", None)
        part.pop("title", None)
        for key, words in WORDS[model].items():
            part["properties"][key] = _plain(part["properties"][key]) | {"description": words}
    column = schema["$defs"]["Column"]
    del column["properties"]["source"]
    column["required"].remove("source")
    column["allOf"] = [*map(_needs_of, NEEDS), *map(_needs_a_way_to_be_read, TIMES), SECRET]
    schema["properties"]["columns"] = {
        "type": "object",
        "description": WORDS[Contract]["columns"],
        "minProperties": 1,
        "additionalProperties": {"$ref": "#/$defs/Column"},
    }
    return json.dumps({"$schema": DIALECT, "title": "A contract of mlflow-fraud"} | schema, indent=1) + "\n"


def _plain(key: dict[str, Any]) -> dict[str, Any]:
    """Return a key's schema without what pydantic says of it and nobody needs."""
    return {name: value for name, value in key.items() if name != "title"}


def _needs_of(role: Any) -> dict[str, Any]:
    needs = NEEDS[role]
    then: dict[str, Any] = {"properties": {"type": {"enum": list(needs.types)}}}
    return {"if": _is("role", role), "then": then | ({"required": list(needs.keys)} if needs.keys else {})}


def _needs_a_way_to_be_read(kind: str) -> dict[str, Any]:
    ways: list[dict[str, Any]] = [{"required": ["format"]}]
    if kind == "timestamp":
        ways.append({"required": ["unit", "since"]})
    return {"if": _is("type", kind), "then": ways[0] if len(ways) == 1 else {"oneOf": ways}}


def _is(key: str, value: str) -> dict[str, Any]:
    return {"properties": {key: {"const": value}}, "required": [key]}

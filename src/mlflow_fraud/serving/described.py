"""The OpenAPI document says of each request which key it asks for and how it is refused."""

from __future__ import annotations

from typing import Any

from mlflow_fraud.serving.problems import KINDS, MEDIA_TYPE, ProblemDocument
from mlflow_fraud.serving.scopes import needed

OF_EVERY_KEY = (401, 403, 429)
"""How a request can be refused that asks for a key, beside what its own table says."""

OF_EVERY_REQUEST = (500, 503)
"""How any request can fail."""

_TEMPLATE = "#/components/schemas/{model}"


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the form of each refusal, and the key that each request asks for."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schema = ProblemDocument.model_json_schema(ref_template=_TEMPLATE)
    schemas |= {**schema.pop("$defs"), ProblemDocument.__name__: schema}
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own form, which nothing here has
        schemas.pop(name, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        scopes = needed(path)
        for method, operation in methods.items():
            if method == "get":  # FastAPI states it for any parameter, and an id is any text
                operation["responses"].pop("422", None)
            statuses = OF_EVERY_REQUEST + (OF_EVERY_KEY if scopes else ())
            for status in statuses:
                operation["responses"].setdefault(str(status), {"description": KINDS[status].title})
            operation["security"] = [{"key": []}, {}] if scopes else []
            if scopes:
                operation["x-scopes"] = sorted(scopes)
            for status, told in operation["responses"].items():
                if int(status) >= 400:
                    told["content"] = {MEDIA_TYPE: {"schema": {"$ref": _TEMPLATE.format(model="ProblemDocument")}}}
    return document

"""The OpenAPI document as a page that loads nothing: no script, no picture, no other address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

PATH = "/docs"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""A browser holds to it, whatever the page says."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2433 }
h2 { border-top: 1px solid #ccd; padding-top: 1rem; font-size: 1.15rem }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace; background: #f3f4f8 }
pre { padding: 0.7rem; overflow-x: auto } table { border-collapse: collapse } td { padding: 0.1rem 1rem 0.1rem 0 }
"""

router = APIRouter()


@router.get(PATH, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Show every request, what it holds, and how it is answered."""
    return HTMLResponse(page_of(request.app.openapi()), headers=HEADERS)


def page_of(document: Mapping[str, Any]) -> str:
    """Return the page; everything in the document is text in it."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    operations = "".join(
        _operation(method, path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    )
    schemas = "".join(
        f'<h2 id="{escape(name)}">{escape(name)}</h2>{_schema(schema)}'
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{operations}{schemas}</html>"
    )


def _operation(method: str, path: str, told: Mapping[str, Any]) -> str:
    scopes = " or ".join(told.get("x-scopes", ())) or "none"
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{', '.join(_named(answer))}</td></tr>"
        for status, answer in sorted(told["responses"].items())
    )
    return (
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{escape(told.get('description', ''))}</p>"
        f"<p>Scope of the key: {escape(scopes)}</p>"
        f"{_schema(body) if body else ''}<table>{answers}</table>"
    )


def _named(answer: Mapping[str, Any]) -> Iterator[str]:
    for content in answer.get("content", {}).values():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name:
            yield f'<a href="#{escape(name)}">{escape(name)}</a>'


def _schema(schema: Any) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"

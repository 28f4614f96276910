"""The page of the API needs nothing from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from fastapi.testclient import TestClient

from mlflow_fraud.serving.page import page_of


class Seen(HTMLParser):
    """Collects the tags, and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.places = set[str](), set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.places |= {value or "" for name, value in attrs if name in ("href", "src", "action")}


def test_the_page_loads_nothing_and_a_browser_is_told_so(client: TestClient) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    seen = Seen(answer.text)
    assert seen.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert {place for place in seen.places if not re.match(r"#\w|/openapi\.json$", place)} == set()
    assert "url(" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_page_has_every_request_and_every_link_leads_to_a_place(client: TestClient) -> None:
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert f" {path}</code>" in page
    assert "Scope of the key: score<" in page
    assert {place[1:] for place in Seen(page).places if place[0] == "#"} <= set(re.findall(r'id="(\w+)"', page))


def test_what_a_contract_says_is_text_on_the_page() -> None:
    evil = "<script>alert(1)</script>\"'"
    document = {
        "info": {"title": evil, "version": "1"},
        "paths": {
            f"/{evil}": {
                evil: {
                    "description": evil,
                    "x-scopes": [evil],
                    "requestBody": {"content": {"application/json": {"schema": {evil: evil}}}},
                    "responses": {evil: {"description": evil, "content": {evil: {"schema": {"$ref": f"#/{evil}"}}}}},
                }
            }
        },
        "components": {"schemas": {evil: {evil: evil}}},
    }
    seen = Seen(page_of(document))
    assert "script" not in seen.tags


def test_no_other_page_is_served(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/redoc", "/docs/oauth2-redirect", "/docs/")] == [404] * 3

"""Proxies in the environment: this machine's own servers are asked directly, by every client that is used here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import requests

from mlflow_fraud.adapters.proxies import spare_loopback
from mlflow_fraud.adapters.release_store import open_store
from tests.loopback import answering

NOWHERE = "http://127.0.0.1:9"
VARIABLES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server on loopback that answers everything with 404."""
    server = HTTPServer(("127.0.0.1", 0), Answers)
    with answering(server):
        yield server.server_port


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")  # so that what a test sets is taken back


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("spared", [{}, {"NO_PROXY": "bank.example"}, {"no_proxy": "bank.example, [::1]"}])
@pytest.mark.parametrize("variable", VARIABLES)
def test_no_client_asks_a_proxy_for_loopback(
    port: int, host: str, variable: str, spared: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {variable: NOWHERE, **spared}.items():
        monkeypatch.setenv(name, value)

    assert spare_loopback(os.environ) == []

    url = f"http://{host}:{port}/health"
    assert httpx.get(url).status_code == 404
    assert requests.get(url, timeout=5).status_code == 404


def test_a_store_on_loopback_is_reached_past_a_proxy(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "HTTP_PROXY": NOWHERE}.items():
        monkeypatch.setenv(name, value)
    spare_loopback(os.environ)
    assert open_store("s3://bucket/live", endpoint_url=f"http://127.0.0.1:{port}").latest() is None  # its 404


def test_what_no_proxy_held_before_stays_and_addresses_of_ours_are_added() -> None:
    environ = {
        "https_proxy": NOWHERE,
        "NO_PROXY": "bank.example,10.0.0.0/8",
        "no_proxy": ".corp.example",
        "FRAUD_TRACKING_URI": "http://127.0.0.5:5000",
        "PREFECT_API_URL": "https://prefect.bank.example/api",
    }
    spare_loopback(environ)
    names = environ["NO_PROXY"].split(",")
    assert environ["no_proxy"] == environ["NO_PROXY"]
    assert {".corp.example", "bank.example", "10.0.0.0/8", "127.0.0.5", "localhost"} <= set(names)
    assert "prefect.bank.example" not in names


def test_without_a_proxy_nothing_is_changed() -> None:
    environ = {"PATH": "/bin", "NO_PROXY": "bank.example"}
    assert spare_loopback(environ) == []
    assert environ == {"PATH": "/bin", "NO_PROXY": "bank.example"}


def test_doing_it_again_changes_nothing() -> None:
    environ = {"HTTP_PROXY": NOWHERE}
    spare_loopback(environ)
    once = dict(environ)
    spare_loopback(environ)
    assert environ == once


def test_a_socks_proxy_that_nothing_speaks_is_left_out_and_said() -> None:
    environ = {"ALL_PROXY": "socks5h://user:secret@127.0.0.1:9", "HTTPS_PROXY": NOWHERE}
    (said,) = spare_loopback(environ)
    assert "ALL_PROXY" in said
    assert "secret" not in said
    assert "ALL_PROXY" not in environ
    assert environ["HTTPS_PROXY"] == NOWHERE

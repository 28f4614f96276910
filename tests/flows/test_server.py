"""The Prefect server is looked at before a run begins; whatever is wrong with it is one sentence."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)

from flows.server import one_sentence, require_server, wait_for_server
from mlflow_fraud.core.errors import SettingsError
from stack.place import free_ports
from tests import loopback


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Give the address of a server that answers everything so."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with loopback.answering(HTTPServer(("127.0.0.1", 0), Answers)) as url:
        yield f"{url}/api"


def test_a_server_that_answers_is_one() -> None:
    with answering(200, b"true") as url, temporary_settings({PREFECT_API_URL: url}):
        require_server()


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (200, b"<html>MLflow</html>"), (502, b"true")], ids=["404", "a page", "502"]
)
def test_what_answers_and_is_no_prefect_server_is_said(status: int, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(SettingsError, match="no Prefect server") as refused:
        wait_for_server(url)
    assert url in str(refused.value)
    assert "unset PREFECT_API_URL" in str(refused.value)


def test_a_server_that_is_away_is_said_with_the_way_out_and_without_a_password() -> None:
    (port,) = free_ports(1)
    with pytest.raises(SettingsError, match=f"PREFECT_API_URL is http://127.0.0.1:{port}/api.*unset") as refused:
        wait_for_server(f"http://ann:secret@127.0.0.1:{port}/api", seconds=0)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["nonsense", "127.0.0.1:4200/api", "ftp://127.0.0.1/api", "http://127.0.0.1:port/api"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(SettingsError, match=r"PREFECT_API_URL is .*expected http://host:port/api"):
        wait_for_server(url, seconds=0)


def test_a_server_that_starts_late_is_waited_for() -> None:
    (port,) = free_ports(1)
    began = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, format: str, *args: object) -> None:
            pass

    def start_late() -> None:
        began.wait(0.3)
        with HTTPServer(("127.0.0.1", port), Answers) as server:
            server.handle_request()

    late = threading.Thread(target=start_late)
    late.start()
    wait_for_server(f"http://127.0.0.1:{port}/api", seconds=20)
    late.join()


def test_an_unknown_profile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_PROFILE", "nobody")
    with pytest.raises(SettingsError, match="PREFECT_PROFILE names nobody"):
        require_server()


@pytest.mark.parametrize("address", ["foo://127.0.0.1:9", "http://[::1", "::::", "http://proxy:port"])
def test_a_proxy_whose_address_is_none_is_named_without_its_value(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    monkeypatch.setenv("HTTP_PROXY", "proxy.bank.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY is no address of a proxy") as refused:
        require_server()
    assert address not in str(refused.value)


@pytest.mark.parametrize("name", ["PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"])
def test_a_database_that_is_away_is_said_with_its_variable_and_without_the_password(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    url = f"postgresql+asyncpg://ann:secret@127.0.0.1:{port}/x"
    monkeypatch.setenv(name, url)
    told = {PREFECT_HOME: tmp_path, PREFECT_SERVER_DATABASE_CONNECTION_URL: url}
    with (
        temporary_settings(told, restore_defaults={PREFECT_API_URL}),
        pytest.raises(
            SettingsError, match=rf"^{name} names a database at 127\.0\.0\.1:{port}.*unset {name}"
        ) as refused,
    ):
        require_server()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://ann:secret@127.0.0.1/x", "ann:secret", "postgresql://ann:secret@127.0.0.1/x"])
def test_a_database_of_a_kind_that_prefect_has_not_is_said(url: str, tmp_path: Path) -> None:
    told = {PREFECT_HOME: tmp_path, PREFECT_SERVER_DATABASE_CONNECTION_URL: url}
    with (
        temporary_settings(told, restore_defaults={PREFECT_API_URL}),
        pytest.raises(SettingsError, match=r"expected postgresql\+asyncpg://") as refused,
    ):
        require_server()
    assert "secret" not in str(refused.value)


def test_a_database_that_listens_or_is_a_file_is_let_through(tmp_path: Path) -> None:
    with answering(200, b"") as address:
        place = address.removeprefix("http://").removesuffix("/api")
        for url in (f"postgresql+asyncpg://ann:secret@{place}/x", f"sqlite+aiosqlite:///{tmp_path}/other.db"):
            told = {PREFECT_HOME: tmp_path, PREFECT_SERVER_DATABASE_CONNECTION_URL: url}
            with temporary_settings(told, restore_defaults={PREFECT_API_URL}):
                require_server()


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        temporary_settings({PREFECT_HOME: tmp_path / "file/home"}, restore_defaults={PREFECT_API_URL}),
        pytest.raises(SettingsError, match="let PREFECT_HOME name a folder"),
    ):
        require_server()


def test_a_history_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_text("no database, but long enough to be looked at as one" * 4)
    with (
        temporary_settings({PREFECT_HOME: tmp_path}, restore_defaults={PREFECT_API_URL}),
        pytest.raises(SettingsError, match=r"prefect\.db.*move it away"),
    ):
        require_server()


def test_whatever_else_stops_prefect_is_one_line_that_names_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", "/somewhere")
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    said = one_sentence(RuntimeError("Timed out while\nattempting to connect"))
    assert said.startswith("Prefect stopped the run: Timed out while attempting to connect; look at ")
    assert "PREFECT_HOME" in said
    assert "PREFECT_API_KEY" not in said

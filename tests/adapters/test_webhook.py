"""A webhook that a person is called by, against a receiver on this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlflow_fraud.adapters.webhook import post
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.operations.reporting.person import call
from stack.place import free_ports
from tests.loopback import answering


class Receiver(HTTPServer):
    """Takes what is posted, and answers with `status`."""

    status = 200

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        receiver = self

        class Takes(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Takes)
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/a-secret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    with answering(server):
        yield server


def test_a_person_is_told_what_which_run_and_where_and_nothing_else(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_WEBHOOK", receiver.url)
    assert call("retraining failed", run="wise-owl", page="http://127.0.0.1:4200/runs/1")
    assert call("a merge is asked for")
    assert receiver.taken == [
        {"text": "mlflow-fraud: retraining failed", "run": "wise-owl", "page": "http://127.0.0.1:4200/runs/1"},
        {"text": "mlflow-fraud: a merge is asked for"},
    ]


@pytest.mark.parametrize("status", [404, 500])
def test_a_receiver_that_says_no_stops_no_run_and_its_address_is_in_no_line(
    receiver: Receiver, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.status = status
    monkeypatch.setenv("FRAUD_WEBHOOK", receiver.url)
    assert not call("retraining failed")
    said = capsys.readouterr().out
    assert said == f"warning: the webhook of FRAUD_WEBHOOK did not take the message ({status})\n"


def test_a_receiver_that_is_away_is_one_sentence() -> None:
    (port,) = free_ports(1)
    with pytest.raises(FraudError, match=r"^the webhook of FRAUD_WEBHOOK did not take the message") as failed:
        post(f"http://127.0.0.1:{port}/hooks/a-secret", {"text": "x"})
    assert "a-secret" not in str(failed.value)


def test_what_is_no_address_is_refused_unseen() -> None:
    with pytest.raises(SettingsError, match="FRAUD_WEBHOOK is no address") as failed:
        post("file:///etc/a-secret", {"text": "x"})
    assert "a-secret" not in str(failed.value)


def test_without_a_webhook_nobody_is_called() -> None:
    assert not call("retraining failed")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/T00 secret", "http://[bad"], ids=["a space", "no host"])
def test_an_address_that_no_request_can_have_is_one_sentence_without_it(address: str) -> None:
    with pytest.raises(FraudError) as refused:
        post(address, {"text": "hello"})
    assert "secret" not in str(refused.value)
    assert "bad" not in str(refused.value)


def test_a_receiver_that_ends_the_connection_without_a_word_stops_no_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            connection.recv(100)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(FraudError, match="did not take the message"):
            post(f"http://127.0.0.1:{listening.getsockname()[1]}", {"text": "hello"})

"""A webhook that a person is called by, against a receiver on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlflow_fraud.adapters.webhook import post
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.operations.reporting.person import call
from tests.loopback import free_ports


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
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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

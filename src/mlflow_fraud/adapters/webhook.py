"""A webhook: one JSON document sent to an address that somebody chose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from mlflow_fraud.core.errors import FraudError, SettingsError

SECONDS = 10


def post(url: str, document: Mapping[str, str]) -> None:
    """Send `document`; raise `FraudError` where it is not taken. The address is a secret and in no message."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingsError("FRAUD_WEBHOOK is no address; expected one that begins with https://, or unset it")
    body = json.dumps(document).encode()
    try:
        with urlopen(Request(url, body, {"Content-Type": "application/json"}, method="POST"), timeout=SECONDS):
            return
    except (URLError, TimeoutError, ValueError) as error:  # an answer that is no yes is an URLError too
        reason = getattr(error, "code", None) or getattr(error, "reason", None) or type(error).__name__
        raise FraudError(f"the webhook of FRAUD_WEBHOOK did not take the message ({reason})") from error

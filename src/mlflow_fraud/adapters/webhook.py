"""A webhook: one JSON document sent to an address that somebody chose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from mlflow_fraud.core.errors import FraudError, SettingsError

SECONDS = 10


def post(url: str, document: Mapping[str, str]) -> None:
    """Send `document`; raise `FraudError` where it is not taken. The address is a secret and in no message."""
    if not url.startswith(("http://", "https://")):
        raise SettingsError("FRAUD_WEBHOOK is no address; expected one that begins with https://, or unset it")
    body = json.dumps(document).encode()
    try:
        with urlopen(Request(url, body, {"Content-Type": "application/json"}, method="POST"), timeout=SECONDS):
            return
    except HTTPError as error:
        reason = str(error.code)
    except (OSError, HTTPException, ValueError) as error:  # whose own words may hold the address
        reason = type(error).__name__
    raise FraudError(f"the webhook of FRAUD_WEBHOOK did not take the message ({reason})")

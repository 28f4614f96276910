"""The key of pseudonyms: read from text, told from another by its check value, never shown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from itertools import pairwise

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym import Pseudonyms, derived
from mlflow_fraud.core.errors import SettingsError

VARIABLE = "FRAUD_PSEUDONYM_KEY"
"""The variable of the environment that has the key."""
KEY_BYTES = 32
"""So many random bytes a key has at least."""

_CHECK_DIGITS = 16
_FEWEST = 16
"""So many different bytes, and steps from one to the next, 32 random ones surely have: some 30."""
_HEX = re.compile("(?:[0-9a-fA-F]{2})+", re.ASCII)
_BASE64 = re.compile("[A-Za-z0-9+/]+", re.ASCII)
_HOW = "`mlflow-fraud contract key --new` makes one"


class PseudonymKey:
    """The secret that turns plain values into pseudonyms; it is never shown, its check value may be."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"PseudonymKey({self.check})"

    @property
    def check(self) -> str:
        """What tells this key from another, and says nothing of it or of any pseudonym."""
        return derived(self._key, "check").hex()[:_CHECK_DIGITS]

    def pseudonyms(self, entity: str) -> Pseudonyms:
        """Return the pseudonyms of an entity, such as card."""
        return Pseudonyms(self._key, entity)


def read_key(text: str) -> PseudonymKey:
    """Return the key that a text in hexadecimal digits or in base64 says.

    Raises `SettingsError`, without the text, for what is no such text, too short, or made up by a person: whoever has
    the data could guess it, and with it every number.

    >>> read_key("correct horse battery staple")
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: FRAUD_PSEUDONYM_KEY is neither in hexadecimal digits nor in base64; \
expected at least 32 random bytes: `mlflow-fraud contract key --new` makes one
    """
    text = text.strip()
    key = _decoded(text)
    if key is None:
        raise SettingsError(
            f"{VARIABLE} is neither in hexadecimal digits nor in base64; expected at least {KEY_BYTES} random bytes: "
            f"{_HOW}"
        )
    if len(key) < KEY_BYTES:
        raise SettingsError(f"{VARIABLE} has {len(key)} bytes, expected at least {KEY_BYTES} random ones: {_HOW}")
    if _is_made_up(key, text):
        raise SettingsError(
            f"{VARIABLE} is no random key: it spells a text, counts on or repeats itself. Whoever guesses it can try "
            f"every card number: {_HOW}"
        )
    return PseudonymKey(key)


def pseudonyms_of(contract: Contract, key: PseudonymKey | None) -> Mapping[str, Pseudonyms]:
    """Return the pseudonyms of each secret column, by pipeline name; there are none where the contract has none.

    Raises `SettingsError` unless `key` is the one that the contract pins.
    """
    if not contract.secrets:
        return {}
    columns = ", ".join(column.source for column in contract.secrets)
    pinned = contract.pseudonym_key_check
    if key is None:
        raise SettingsError(
            f"the contract {contract.name} holds {columns} as pseudonyms, and {VARIABLE} is not set; set it to the key "
            f"whose check value is {pinned}, from where your secrets are kept"
        )
    if key.check != pinned:
        raise SettingsError(
            f"{VARIABLE} is another key than the one of the contract {contract.name}: its check value is {key.check}, "
            f"expected {pinned}. Under it no {contract.secrets[0].name} would meet its own past; nothing was written"
        )
    return {column.name: key.pseudonyms(column.entity) for column in contract.secrets}


def _decoded(text: str) -> bytes | None:
    """Return the bytes of a text in hexadecimal digits, or else in base64 of either alphabet; None where it is none."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if not _BASE64.fullmatch(plain):
        return None
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None


def _is_made_up(key: bytes, text: str) -> bool:
    """Return whether no random source gave a key: it spells a text, or its bytes count on or repeat themselves."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    one_case = not _HEX.fullmatch(text) and text in (text.lower(), text.upper())
    spelled = all(0x20 <= byte < 0x7F for byte in key)
    return spelled or one_case or min(len(set(key)), len(steps)) < _FEWEST

"""The key of pseudonyms for a person: made, and the line by which a contract pins it."""

from __future__ import annotations

import secrets

from mlflow_fraud.core.contract.pseudonym_key import KEY_BYTES, VARIABLE, PseudonymKey, read_key
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment


def key_line() -> str:
    """Return the contract's line for the key in the environment; raise `SettingsError` for none or a weak one."""
    key = load_environment().key
    if key is None:
        raise SettingsError(f"{VARIABLE} is not set; set it to your key, or let `--new` make one")
    return _line(key)


def new_key() -> tuple[str, str]:
    """Return a new key as the environment takes it, and the contract's line for it."""
    text = secrets.token_hex(KEY_BYTES)
    return f"{VARIABLE}={text}", _line(read_key(text))


def _line(key: PseudonymKey) -> str:
    return f'pseudonym_key_check: "{key.check}"'

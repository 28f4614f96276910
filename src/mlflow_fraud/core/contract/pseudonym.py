"""A person's number becomes a pseudonym: one number has one under one key, and without the key it says nothing."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

BEGINS = "pn1-"
"""How a pseudonym begins; no number of a card or an account does."""
PSEUDONYM = rf"^{BEGINS}[0-9a-f]{{64}}-[0-9a-f]{{8}}$"
"""What a pseudonym looks like, whole."""

_PSEUDONYM = re.compile(PSEUDONYM, re.ASCII)
_MARK_DIGITS = 8


def is_pseudonym(value: str) -> bool:
    """Return whether a text has the form of a pseudonym, of whatever key.

    >>> is_pseudonym("4111111111111111"), is_pseudonym("pn1-" + "0" * 64 + "-" + "0" * 8)
    (False, True)
    """
    return _PSEUDONYM.fullmatch(value) is not None


class Pseudonyms:
    """The pseudonyms of one entity under one key.

    A pseudonym is the HMAC-SHA-256 of the plain value and a mark of a few digits, by which one that was made under this
    key is known from any other text. Value and mark have keys of their own, made of the one key and the entity's name.
    """

    def __init__(self, key: bytes, entity: str) -> None:
        self._value, self._mark = (
            hmac.new(derived(key, f"{of} of {entity}"), digestmod=sha256) for of in ("value", "mark")
        )

    def of(self, value: str) -> str:
        """Return the pseudonym of a value as the contract's type writes it; a pseudonym is its own.

        Raises `ValueError`, without the value, for what was made under another key, is another entity's or cut off.

        >>> cards = Pseudonyms(bytes(range(32)), "card")
        >>> cards.of(cards.of("4111111111111111")) == cards.of("4111111111111111")
        True
        """
        if not value.startswith(BEGINS):
            return self._marked(_continued(self._value, value))
        if not is_pseudonym(value) or value != self._marked(value.split("-")[1]):
            raise ValueError(
                "expected a plain value or a pseudonym of this key and column, found another or half of one"
            )
        return value

    def _marked(self, digest: str) -> str:
        return f"{BEGINS}{digest}-{_continued(self._mark, digest)[:_MARK_DIGITS]}"


def derived(key: bytes, purpose: str) -> bytes:
    """Return what a key gives for one purpose; it says nothing of what the key gives for another."""
    return hmac.digest(key, f"mlflow-fraud pseudonym 1: {purpose}".encode(), sha256)


def _continued(begun: hmac.HMAC, text: str) -> str:
    whole = begun.copy()
    whole.update(text.encode())
    return whole.hexdigest()

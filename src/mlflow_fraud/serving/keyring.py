"""The keys that are valid now: the file of keys, read again when it has changed."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from mlflow_fraud.adapters.key_file import ApiKey, KeyFile
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.wall import utc

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""So often the file is looked at, where requests come: a key that was removed is valid for so long."""

LONGEST = 200
"""Characters of what may be a key."""


class _Held(NamedTuple):
    digest: bytes
    key: ApiKey


class Keyring:
    """Finds whose key it is.

    Once there was a key, one is asked for until the service ends, whatever becomes of the file. A file that is gone
    holds no keys, so that nobody gets in; one that cannot be read leaves those that were there before, and is an error
    in the log.
    """

    def __init__(
        self,
        file: KeyFile,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc,
    ) -> None:
        self._file, self._clock, self._now = file, clock, now
        self._stamp = file.stamp()
        self._held = _held(file.read())
        self._looked = clock()
        self.asked_for = bool(self._held)

    def anyone(self) -> bool:
        """Return whether there is a key that is valid now."""
        return any(each.key.holds(self._now()) for each in self._held)

    def look(self) -> None:
        """Read the file again where it has changed; look at most once in `LOOK_SECONDS`."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._held = _held(self._file.read())
        except SettingsError as error:
            log.error("kept the keys that there were: %s", error)
            return
        self.asked_for = self.asked_for or bool(self._held)
        log.info("%d keys in %s", len(self._held), self._file)

    def find(self, presented: bytes) -> ApiKey | None:
        """Return the valid key that this is, or None, after comparing it with each: what fits takes no longer."""
        if len(presented) > LONGEST:
            return None
        digest, found = hashlib.sha256(presented).digest(), None
        for each in self._held:
            if hmac.compare_digest(each.digest, digest):
                found = each.key
        return found if found and found.holds(self._now()) else None


def _held(keys: tuple[ApiKey, ...]) -> tuple[_Held, ...]:
    return tuple(_Held(bytes.fromhex(key.sha256), key) for key in keys)

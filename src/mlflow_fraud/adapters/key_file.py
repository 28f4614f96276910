"""The file of API keys: whose each is and what it is for, and of the key itself nothing but a SHA-256."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.strict import Strict, parse

Scope = Literal["score", "label", "admin"]

BYTES = 32
"""Of chance in a key: it can be neither guessed nor tried out, so its plain SHA-256 gives nothing away."""

PREFIX = "fraud_"
"""By this a key that got into a repository or a log is seen to be one."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class ApiKey(Strict):
    """What is known of a key. Several keys of one name are one client's."""

    name: str
    scopes: tuple[Scope, ...] = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    made: datetime
    expires: datetime | None = None

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("expected a name of at most 40 letters, digits, dots, hyphens and underscores")
        return name

    @field_validator("made", "expires")
    @classmethod
    def _has_an_offset(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            raise ValueError("expected a time with its offset from UTC")
        return at

    @property
    def mark(self) -> str:
        """The end of the hash, by which keys of one name are told apart."""
        return self.sha256[-4:]

    def holds(self, now: datetime) -> bool:
        """Return whether the key is valid at `now`."""
        return self.expires is None or now < self.expires


class _Keys(Strict):
    keys: tuple[ApiKey, ...] = ()


class KeyFile:
    """The keys at a path; a missing file holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def stamp(self) -> tuple[int, int, int] | None:
        """Return what is another after each change; None where there is no file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def read(self) -> tuple[ApiKey, ...]:
        """Return the keys; raise `SettingsError` where the file cannot be read or is none of keys."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self.path} cannot be read ({error}); FRAUD_API_KEYS names the file") from None
        try:
            document = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"{self.path} is no JSON ({error}); `mlflow-fraud keys add` writes it") from None
        try:
            return _Keys.model_validate(document).keys
        except ValidationError as error:
            wrong = error.errors(include_input=False)[0]  # a key that was pasted into it is not to be seen
            place = ".".join(str(part) for part in wrong["loc"])
            raise SettingsError(f"{self.path} is no file of keys: {place}: {wrong['msg']}") from None

    def add(self, name: str, scopes: Sequence[str], made: datetime, expires: datetime | None = None) -> str:
        """Add a key and return it: this is the only time that anybody sees it."""
        with self._alone():
            keys = self.read()
            key, sha256 = _drawn({each.mark for each in keys})
            told = {"name": name, "scopes": tuple(scopes), "sha256": sha256, "made": made, "expires": expires}
            self._write((*keys, parse(ApiKey, told, where="keys")))
        return key

    def remove(self, name: str, mark: str = "") -> ApiKey:
        """Remove the key of this name, of several the one whose hash ends in `mark`, and return it."""
        with self._alone():
            keys = self.read()
            of_the_name = [each for each in keys if each.name == name]
            found = [each for each in of_the_name if each.sha256.endswith(mark)]
            if len(found) != 1:
                marks = ", ".join(each.mark for each in of_the_name)
                raise SettingsError(
                    f"{name} has the keys {marks} in {self.path}; say with --mark which one goes"
                    if of_the_name
                    else f"{self.path} holds no key of {name}; `mlflow-fraud keys list` has those there are"
                )
            self._write(tuple(each for each in keys if each is not found[0]))
        return found[0]

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        with replacing(self.path) as pending:
            descriptor = os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(_Keys(keys=keys).model_dump_json(indent=1) + "\n")
                stream.flush()
                os.fsync(stream.fileno())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else change the file meanwhile: the folder is locked, since the file itself is replaced."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be written ({error.strerror or error}); FRAUD_API_KEYS names another place"
            ) from error


def sha256_of(key: str | bytes) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).hexdigest()


def _drawn(taken: set[str]) -> tuple[str, str]:
    """Return a new key and its hash, whose end no other one has."""
    while True:
        key = PREFIX + secrets.token_urlsafe(BYTES)
        sha256 = sha256_of(key)
        if sha256[-4:] not in taken or len(taken) > 1000:
            return key, sha256

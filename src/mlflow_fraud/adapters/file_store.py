"""Named bytes in a folder: whole or not there, with one winner when several write at once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow_fraud.core.errors import FraudError, PromotionConflict, ReleaseRejected, TooLarge
from mlflow_fraud.core.ports import SMALL, Blob

LOCK = ".lock"


class FileStore:
    """A `BlobStore` in a folder that several processes may share.

    Bytes are written under a temporary name, forced to the disk, then given their name in one step, so
    a crash leaves at most a file whose name begins with a dot, which nobody reads.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def read(self, key: str, *, at_most: int = SMALL) -> Blob | None:
        """Return the bytes, or None when there is no such key; the tag is their SHA-256.

        Raises `TooLarge`, unread, when there are more, and `ReleaseRejected` for what is no file: a pipe has no end.
        """
        with self._translated("read", key):
            try:
                descriptor = os.open(self._root / key, os.O_RDONLY | os.O_NONBLOCK)  # a pipe is not waited for
            except FileNotFoundError:
                return None
            with open(descriptor, "rb") as stream:
                self._require_file(key, os.fstat(descriptor), at_most)
                content = stream.read(at_most + 1)  # it may grow meanwhile
        if len(content) > at_most:
            raise TooLarge(f"{key} in {self}", len(content), at_most)
        return Blob(content, hashlib.sha256(content).hexdigest())

    def write(self, key: str, content: bytes) -> None:
        """Write, replacing what is there."""
        with self._translated("write", key), self._pending(key, content) as pending:
            os.replace(pending, self._root / key)

    def create(self, key: str, content: bytes) -> None:
        """Write a key that must not exist; raise `PromotionConflict` when it does."""
        with self._translated("write", key), self._pending(key, content) as pending:
            try:
                os.link(pending, self._root / key)
            except FileExistsError:
                raise PromotionConflict(f"{key} in {self} is there already: somebody else wrote it first") from None

    def replace(self, key: str, content: bytes, *, etag: str) -> None:
        """Write a key that must still have `etag`; raise `PromotionConflict` when it changed."""
        with self._locked():
            found = self.read(key)
            if found is None or found.etag != etag:
                raise PromotionConflict(f"{key} in {self} has changed since it was read: somebody else wrote it")
            self.write(key, content)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        with self._translated("list", prefix or "all keys"):
            folder = self._root / prefix.rpartition("/")[0]
            files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return sorted(key for path in files if (key := path.relative_to(self._root).as_posix()).startswith(prefix))

    def _require_file(self, key: str, found: os.stat_result, at_most: int) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise ReleaseRejected(f"{key} in {self} is no file; take it away, then promote again")
        if found.st_size > at_most:
            raise TooLarge(f"{key} in {self}", found.st_size, at_most)

    @contextmanager
    def _pending(self, key: str, content: bytes) -> Iterator[Path]:
        """Give a file beside `key` with `content` safely on the disk; what is renamed into its folder is too."""
        folder = (self._root / key).parent
        folder.mkdir(parents=True, exist_ok=True)
        pending = folder / f".{uuid.uuid4().hex}.new"
        try:
            with pending.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            yield pending
            _sync_folder(folder)
        finally:
            pending.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the store's lock, among threads and processes; the system lets go of it when one dies."""
        with self._translated("lock", LOCK):
            self._root.mkdir(parents=True, exist_ok=True)
            stream = (self._root / LOCK).open("w")
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FraudError(
                f"cannot {verb} {key} in the release store {self}: {reason}; "
                "check the folder, its rights and the space on its disk"
            ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

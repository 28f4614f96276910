"""The release that answered last, kept on this machine: what a cold start begins with when the store is away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.adapters.release_files import ReleaseFiles
from mlflow_fraud.core.errors import FraudError, ReleaseRejected
from mlflow_fraud.core.release.release import Release

_LAST = "last"


class LastGood:
    """One release of one store in a folder: its files first, then the line that names it, so that it is whole."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store = folder, store
        self._blobs = FileStore(folder)
        self._files = ReleaseFiles(self._blobs)

    def keep(self, release: Release) -> None:
        """Keep a release that was loaded and tried, in place of the one before; raise `FraudError` where it cannot."""
        version = release.manifest.version
        self._files.put(release)
        self._blobs.write(_LAST, json.dumps({"store": self._store, "version": version}).encode())
        for other in (self._folder / "releases").iterdir():
            if other.name != version:
                shutil.rmtree(other, ignore_errors=True)

    def fetch(self) -> Release | None:
        """Return what was kept of this store, every file checked, or None; raise `ReleaseRejected` where altered."""
        try:
            blob = self._blobs.read(_LAST)
            named = json.loads(blob.content) if blob else {}
            if named.get("store") != self._store:
                return None
            return self._files.fetch(str(named["version"]))
        except ReleaseRejected:
            raise
        except (FraudError, ValueError, AttributeError, KeyError, RecursionError) as error:
            raise ReleaseRejected(
                f"the copy in {self._folder} cannot be read ({error!r}); take the folder away"
            ) from None

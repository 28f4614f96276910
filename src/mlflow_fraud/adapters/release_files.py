"""Immutable releases as named bytes: written with the manifest last, read with every file checked.

A release is `releases/<version>/<file>` for each file that `releases/<version>/manifest.json` names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from mlflow_fraud.core.errors import PromotionConflict, ReleaseRejected, TooLarge
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.ports import BlobStore
from mlflow_fraud.core.release.release import (
    GOLDEN_FILE,
    PROVENANCE,
    Manifest,
    Release,
    check_file,
    check_sizes,
    other_file,
    read_manifest,
    to_json,
)

SCHEMA_FILE = "schema.json"
MANIFEST_FILE = "manifest.json"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class ReleaseFiles:
    """The releases of a store."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put(self, release: Release) -> None:
        """Write a release, manifest last; the same one again changes nothing, whenever it was made.

        Raises `ReleaseRejected` when it is not whole, or when its version is taken by other files.
        """
        manifest = release.manifest
        _require_whole(manifest, release.files)
        check_sizes(manifest)
        for name, content in release.files.items():
            check_file(manifest, name, content)
        if self._blobs.read(_key(manifest.version, MANIFEST_FILE)) is None:
            self._upload(release)
        stored = self.manifest(manifest.version)
        _require_same(stored, manifest)
        self._mend(stored, release.files)

    def fetch(self, version: str) -> Release:
        """Return the release, every file checked against its hash.

        Raises `ReleaseRejected` when it is not there, not whole, altered, or of an unknown format.
        """
        manifest = self.manifest(version)
        _require_whole(manifest, manifest.files)
        check_sizes(manifest)
        return Release(manifest, {name: self._file(manifest, name) for name in sorted(manifest.files)})

    def manifest(self, version: str) -> Manifest:
        """Return what a release says of itself; raise `ReleaseRejected` where it is not there or cannot be read."""
        blob = self._blobs.read(_key(version, MANIFEST_FILE))
        if blob is None:
            raise ReleaseRejected(f"release {version} is not in {self._blobs}, or was never finished; promote it again")
        return read_manifest(blob.content, version=version)

    def _upload(self, release: Release) -> None:
        for name, content in sorted(release.files.items()):
            self._blobs.write(_key(release.manifest.version, name), content)
        with suppress(PromotionConflict):  # somebody put the same version at the same time: judged by `put`
            self._blobs.create(_key(release.manifest.version, MANIFEST_FILE), to_json(release.manifest))

    def _mend(self, stored: Manifest, files: Mapping[str, bytes]) -> None:
        """Write again what the store lost, where we have the very bytes that its manifest names."""
        for name in sorted(stored.files):
            try:
                self._file(stored, name)
            except ReleaseRejected:
                if name not in files:
                    raise
                check_file(stored, name, files[name])
                self._blobs.write(_key(stored.version, name), files[name])

    def _file(self, manifest: Manifest, name: str) -> bytes:
        try:
            blob = self._blobs.read(_key(manifest.version, name), at_most=manifest.files[name].size)
        except TooLarge as error:
            raise other_file(manifest, name, f"{error.found} bytes") from None
        if blob is None:
            raise ReleaseRejected(f"release {manifest.version} has lost its file {name}; promote it again")
        check_file(manifest, name, blob.content)
        return blob.content


def schema_of(release: Release) -> FeatureSchema:
    """Return the features that a release carries."""
    return read_schema(json.loads(release.files[SCHEMA_FILE]), where=f"release {release.manifest.version}")


def _require_whole(manifest: Manifest, files: Iterable[str]) -> None:
    needed, found = {manifest.model_file, SCHEMA_FILE, GOLDEN_FILE}, set(files)
    if found != set(manifest.files) or not needed <= found:
        raise ReleaseRejected(
            f"release {manifest.version} names the files {sorted(manifest.files)} and needs {sorted(needed)}, "
            f"found {sorted(found)}; build it again"
        )


def _require_same(stored: Manifest, new: Manifest) -> None:
    if _what_answers(stored) != _what_answers(new):
        raise ReleaseRejected(
            f"release {new.version} is in the store already with other content, and a release never changes; "
            "give the new one a version of its own"
        )


def _what_answers(manifest: Manifest) -> tuple[object, ...]:
    files = {name: entry for name, entry in manifest.files.items() if name not in PROVENANCE}
    return manifest.candidate, manifest.model_file, manifest.cutoff, manifest.calibration, files


def _key(version: str, name: str) -> str:
    for part in (version, name):
        if not _PLAIN_NAME.fullmatch(part):
            raise ReleaseRejected(
                f"{part!r} is not a name of a release or of its file; expected letters, digits, . _ -"
            )
    return f"releases/{version}/{name}"

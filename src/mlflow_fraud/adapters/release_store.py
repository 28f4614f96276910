"""The release store: immutable releases, the pointer to the live one, the ledger of who moved it.

    releases/<version>/<file>           what the manifest names
    releases/<version>/manifest.json    written last: with it the release is whole
    ledger/000001.json                  one record a move of the pointer or no, each names the hash of the one before
    latest                              the live version and the number of the ledger record that put it live

A promotion writes in this order. A crash between any two steps leaves the old release live:

- among the files: no manifest, so no release; `put` again writes over what is there.
- after the manifest: a whole release that is not live; `put` again does nothing, `promote` goes on.
- after the ledger record: a record that has not taken effect. The same promotion again goes on with it, as long as it
  is the newest. Else it stays, as the chain must; the number in `latest` passes over it and the next record's
  `from_version` tells what really was live. Of a first promotion nobody can tell it from one whose `latest` was
  lost, so only the same version goes on.
- after `latest`: done. What mirrors the pointer elsewhere may be repeated at any time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.adapters.release_files import ReleaseFiles
from mlflow_fraud.core.errors import PromotionConflict, ReleaseRejected, SettingsError, nearest
from mlflow_fraud.core.ports import BlobStore
from mlflow_fraud.core.release.first import require_none_before
from mlflow_fraud.core.release.ledger import START, VERDICT, Judged, Record, check_chain
from mlflow_fraud.core.release.release import Manifest, Release

LATEST = "latest"
NOTES = 8
"""How often a place in the ledger is tried for what moves nothing."""


@dataclass(frozen=True)
class Pointer:
    """What is live: the version, the ledger record that says why, and the tag of this state."""

    version: str
    record: int
    etag: str


class ReleaseStore:
    """Releases in a folder or a bucket; safe to use from several processes."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._files = ReleaseFiles(blobs)

    def __str__(self) -> str:
        return str(self._blobs)

    def put(self, release: Release) -> None:
        """Write a release, manifest last; the same one again changes nothing, whenever it was made.

        Raises `ReleaseRejected` when it is not whole, or when its version is taken by other files.
        """
        self._files.put(release)

    def fetch(self, version: str) -> Release:
        """Return the release, every file checked against its hash.

        Raises `ReleaseRejected` when it is not there, not whole, altered, or of an unknown format.
        """
        return self._files.fetch(version)

    def named(self, version: str) -> Release:
        """Return the release that a person names; raise `SettingsError` with the nearest name where none was live.

        Raises as `fetch` does where that one was.
        """
        try:
            return self.fetch(version)
        except ReleaseRejected:
            known = {each.to_version for each in self.ledger()}
            if version in known:
                raise
        hint = nearest(version, known) if known else "where none was ever live"
        raise SettingsError(f"no release that can be read is called {version} in {self}, {hint}")

    def manifest(self, version: str) -> Manifest:
        """Return what a release says of itself; its files are not read. Raises `ReleaseRejected` where it cannot be."""
        return self._files.manifest(version)

    def latest(self) -> Pointer | None:
        """Return what is live, or None when nothing was promoted yet."""
        blob = self._blobs.read(LATEST)
        if blob is None:
            return None
        try:
            document = json.loads(blob.content)
            return Pointer(str(document["version"]), int(document["ledger"]), blob.etag)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReleaseRejected(
                f"`{LATEST}` in {self._blobs} is not a pointer ({error!r}); restore it from the last ledger record"
            ) from None

    def note(self, version: str, *, who: str, at: str, reasons: Sequence[str], live: Pointer, judged: Judged) -> None:
        """Write into the ledger that `version` was judged against the `live` release and did not go live.

        The same contest again is written once. Raises `PromotionConflict` where others write again and again.
        """
        for attempt in range(NOTES):
            past = self.ledger()
            contest = (live.version, version, judged)
            if contest in [(each.from_version, each.to_version, each.judged) for each in past]:
                return
            record = _next(past, VERDICT, version, who=who, at=at, reasons=reasons, left=live.version, judged=judged)
            try:
                self._blobs.create(_ledger_key(record.number), record.to_json())
            except PromotionConflict:  # the number is another's: the next one follows from that record
                if attempt == NOTES - 1:
                    raise
            else:
                return

    def promote(
        self,
        version: str,
        *,
        action: str,
        who: str,
        at: str,
        reasons: Sequence[str],
        expected: Pointer | None,
        judged: Judged | None = None,
        lost: Record | None = None,
    ) -> Pointer:
        """Make `version` live and return the new pointer; `at` is an ISO time in UTC.

        `expected` is what `latest` gave when it was decided, `judged` the contest that was won. Where nothing is
        expected, nothing may have been live before, but by the record `lost`, whose pointer is gone. Raises
        `PromotionConflict` when that is not so or somebody else promotes meanwhile, and `ReleaseRejected` when the
        release is not whole; the live one then stays.
        """
        self.fetch(version)
        past = self.ledger()
        if expected is None and lost is None and self.latest() is None:
            require_none_before(past, str(self), version)
        left = expected.version if expected else lost.to_version if lost else None
        record = _next(past, action, version, who=who, at=at, reasons=reasons, left=left, judged=judged)
        begun = _begun(past, record, expected)
        try:
            return self._carry_out(begun or record, expected, is_written=begun is not None)
        except PromotionConflict as conflict:
            raise PromotionConflict(
                f"{version} did not become live: somebody else promoted since this was decided ({conflict}); "
                "look at what is live now and decide again"
            ) from conflict

    def ledger(self) -> list[Record]:
        """Return all records, oldest first; raise `ReleaseRejected` where the chain is broken."""
        pointer = self.latest()  # before the records: its own is then among them
        records = [self._record(key) for key in self._blobs.keys("ledger/")]
        check_chain(records)
        if pointer and [r.to_version for r in records[pointer.record - 1 : pointer.record]] != [pointer.version]:
            raise ReleaseRejected(
                f"{pointer.version} is live by ledger record {pointer.record}, which is missing or says otherwise; "
                "compare the ledger with a backup before trusting what is live"
            )
        return records

    def _record(self, key: str) -> Record:
        blob = self._blobs.read(key)
        try:
            return Record.model_validate_json(blob.content if blob else b"")
        except ValueError:
            raise ReleaseRejected(f"{key} in {self._blobs} is no ledger record; compare it with a backup") from None

    def _carry_out(self, record: Record, expected: Pointer | None, *, is_written: bool) -> Pointer:
        if self.latest() != expected:
            raise PromotionConflict(f"`{LATEST}` has changed")
        if not is_written:
            self._blobs.create(_ledger_key(record.number), record.to_json())
        content = (json.dumps({"version": record.to_version, "ledger": record.number}) + "\n").encode()
        if expected is None:
            self._blobs.create(LATEST, content)
        else:
            self._blobs.replace(LATEST, content, etag=expected.etag)
        moved = self.latest()
        assert moved is not None, "a pointer is never taken away"
        return moved


def open_store(location: str, *, endpoint_url: str = "") -> ReleaseStore:
    """Return the store at `location`: a folder, or `s3://bucket/prefix` at `endpoint_url` (empty: AWS)."""
    if not location.startswith("s3://"):
        if "://" in location or not location:
            raise SettingsError(f"the release store is a folder or s3://bucket/prefix, found {location!r}")
        return ReleaseStore(FileStore(Path(location)))
    from mlflow_fraud.adapters.s3_store import S3Store  # a folder store needs no boto3

    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsError(f"the release store {location!r} names no bucket; expected s3://bucket/prefix")
    return ReleaseStore(S3Store(bucket, prefix, endpoint_url=endpoint_url))


def _next(
    past: Sequence[Record],
    action: str,
    version: str,
    *,
    who: str,
    at: str,
    reasons: Sequence[str],
    left: str | None,
    judged: Judged | None,
) -> Record:
    return Record(
        number=len(past) + 1,
        action=action,
        at=at,
        who=who,
        from_version=left,
        to_version=version,
        reasons=tuple(reasons),
        previous=past[-1].sha256 if past else START,
        judged=judged,
    )


def _begun(past: Sequence[Record], record: Record, live: Pointer | None) -> Record | None:
    """Return the newest record where it has not taken effect and says what `record` would, but for when."""
    newest = past[-1] if past else None
    if newest is None or (live and newest.number <= live.record):
        return None
    same = {"number": newest.number, "at": newest.at, "previous": newest.previous}
    return newest if record.model_copy(update=same) == newest else None


def _ledger_key(number: int) -> str:
    return f"ledger/{number:06d}.json"

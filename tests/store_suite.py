"""What every store must do, in a folder as in a bucket: subclass it and give it an `open_blobs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from mlflow_fraud.adapters.release_store import Pointer, ReleaseStore
from mlflow_fraud.core.errors import FraudError, PromotionConflict, ReleaseRejected, TooLarge
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.ports import SMALL, Blob, BlobStore
from mlflow_fraud.core.release.ledger import Judged
from mlflow_fraud.core.release.release import CHAIN_FILE, FORMAT, Release, entry, to_json
from mlflow_fraud.core.release.twin import Twin
from tests.manifests import REASONS, REFERENCE, plain_manifest

OpenBlobs = Callable[[], BlobStore]
RIVALS = 8


def make_release(version: str = "xgboost-1", *, model: bytes = b"trees", **extra: str) -> Release:
    """Return a whole release whose model nobody loads; `extra` is for the manifest."""
    files = {"model.ubj": model, "schema.json": b"{}", "golden.json": b"{}", "dvc.lock": b"a", "params.yaml": b"b"}
    files |= REFERENCE | REASONS
    manifest = plain_manifest(
        version=version,
        created=extra.get("created", "2026-01-01T00:00:00+00:00"),
        files={name: entry(content) for name, content in files.items()},
    )
    return Release(manifest, files)


def learned_all(version: str = "xgboost-2", *, lacks: str = "") -> Release:
    """Return a release that has learned all, with its twin check and its chain but for what it `lacks`."""
    release = make_release(version)
    files = {**release.files} | ({CHAIN_FILE: b"scores"} if lacks != CHAIN_FILE else {})
    twin = Twin(rows=9, rank=0.9, alerts=(1, 1), alone=(0, 0), means=(0.1, 0.1))
    told = {
        "refit": "all",
        "twin": None if lacks == "twin" else twin,
        "files": {name: entry(content) for name, content in files.items()},
    }
    return Release(release.manifest.model_copy(update=told), files)


def promote(store: ReleaseStore, version: str, expected: Pointer | None, *, who: str = "ann") -> Pointer:
    at = "2026-01-01T00:00:00+00:00"
    return store.promote(version, action="promote", who=who, at=at, reasons=["better"], expected=expected)


def put_and_promote(store: ReleaseStore, release: Release) -> Pointer:
    pointer = store.latest()
    store.put(release)
    return promote(store, release.manifest.version, pointer)


class Crash(BaseException):
    """The process dies here."""


def crash() -> None:
    raise Crash


class InterruptedBlobs:
    """A real store to whose user something happens just before the n-th write: it dies, if not told otherwise."""

    def __init__(self, blobs: BlobStore, *, before: int, happens: Callable[[], object] = crash) -> None:
        self._blobs, self._left, self._happens = blobs, before, happens

    def read(self, key: str, *, at_most: int = SMALL) -> Blob | None:
        return self._blobs.read(key, at_most=at_most)

    def keys(self, prefix: str) -> list[str]:
        return self._blobs.keys(prefix)

    def write(self, key: str, content: bytes) -> None:
        self._step()
        self._blobs.write(key, content)

    def create(self, key: str, content: bytes) -> None:
        self._step()
        self._blobs.create(key, content)

    def replace(self, key: str, content: bytes, *, etag: str) -> None:
        self._step()
        self._blobs.replace(key, content, etag=etag)

    def _step(self) -> None:
        self._left -= 1
        if not self._left:
            self._happens()


class BlobSuite:
    """The promises of `BlobStore`."""

    @pytest.fixture
    def blobs(self, open_blobs: OpenBlobs) -> BlobStore:
        return open_blobs()

    def test_what_was_written_is_read(self, blobs: BlobStore, open_blobs: OpenBlobs) -> None:
        blobs.write("releases/one/model", b"\x00trees\xff")
        blob = open_blobs().read("releases/one/model")
        assert blob is not None
        assert blob.content == b"\x00trees\xff"

    def test_a_key_that_was_never_written_reads_as_none(self, blobs: BlobStore) -> None:
        assert blobs.read("no/such") is None

    def test_what_has_more_bytes_than_expected_is_refused_with_both_numbers(self, blobs: BlobStore) -> None:
        blobs.write("latest", b"x" * 1001)
        assert blobs.read("latest", at_most=1001) is not None
        with pytest.raises(TooLarge, match=r"latest in .* has 1,001 bytes, at most 1,000 are expected"):
            blobs.read("latest", at_most=1000)

    def test_the_tag_changes_when_the_content_does(self, blobs: BlobStore) -> None:
        tags = set()
        for content in (b"one", b"two", b"two"):
            blobs.write("latest", content)
            tags.add(blobs.read("latest").etag)  # type: ignore[union-attr]
        assert len(tags) == 2

    def test_create_refuses_a_key_that_is_there_and_leaves_it(self, blobs: BlobStore) -> None:
        blobs.create("latest", b"first")
        with pytest.raises(PromotionConflict, match="somebody else wrote it first"):
            blobs.create("latest", b"second")
        assert blobs.read("latest").content == b"first"  # type: ignore[union-attr]

    def test_replace_takes_the_tag_that_was_read_and_no_older_one(self, blobs: BlobStore) -> None:
        blobs.write("latest", b"1")
        old = blobs.read("latest").etag  # type: ignore[union-attr]
        blobs.replace("latest", b"2", etag=old)
        with pytest.raises(PromotionConflict, match="somebody else wrote it"):
            blobs.replace("latest", b"3", etag=old)
        assert blobs.read("latest").content == b"2"  # type: ignore[union-attr]

    def test_replace_refuses_a_key_that_is_not_there(self, blobs: BlobStore) -> None:
        with pytest.raises(PromotionConflict, match="somebody else wrote it"):
            blobs.replace("latest", b"1", etag='"0123"')
        assert blobs.read("latest") is None

    def test_keys_are_those_under_a_prefix_in_order(self, blobs: BlobStore) -> None:
        for key in ("ledger/000002.json", "ledger/000001.json", "latest", "releases/a/model"):
            blobs.write(key, b"")
        assert blobs.keys("ledger/") == ["ledger/000001.json", "ledger/000002.json"]
        assert blobs.keys("nothing/") == []
        assert blobs.keys("la") == ["latest"]

    def test_of_many_creators_one_wins(self, open_blobs: OpenBlobs) -> None:
        rivals = [open_blobs() for _ in range(RIVALS)]
        won = race(lambda place: rivals[place].create("ledger/000001.json", f"rival {place}".encode()))
        assert len(won) == 1
        assert rivals[0].read("ledger/000001.json").content == f"rival {won[0]}".encode()  # type: ignore[union-attr]

    def test_no_increment_of_many_is_lost(self, blobs: BlobStore, open_blobs: OpenBlobs) -> None:
        blobs.write("latest", b"0")

        def increment(place: int) -> None:
            mine, done = open_blobs(), 0
            while done < 5:
                blob = mine.read("latest")
                assert blob is not None
                try:
                    mine.replace("latest", b"%d" % (int(blob.content) + 1), etag=blob.etag)
                except PromotionConflict:
                    continue
                done += 1

        race(increment)
        assert blobs.read("latest").content == b"%d" % (5 * RIVALS)  # type: ignore[union-attr]


class ReleaseSuite:
    """The release protocol."""

    @pytest.fixture
    def blobs(self, open_blobs: OpenBlobs) -> BlobStore:
        return open_blobs()

    @pytest.fixture
    def store(self, blobs: BlobStore) -> ReleaseStore:
        return ReleaseStore(blobs)

    def test_an_empty_store_has_nothing_live_and_no_history(self, store: ReleaseStore) -> None:
        assert store.latest() is None
        assert store.ledger() == []

    def test_what_was_put_is_fetched(self, store: ReleaseStore) -> None:
        release = make_release()
        store.put(release)
        assert store.fetch("xgboost-1") == release
        assert store.latest() is None, "to put a release does not make it live"

    def test_the_same_release_again_changes_nothing_even_if_it_was_made_later(self, store: ReleaseStore) -> None:
        first, later = make_release(created="2026-01-01"), make_release(created="2026-02-02")
        store.put(first)
        store.put(later)
        assert store.fetch("xgboost-1") == first

    def test_another_model_under_the_same_version_is_refused(self, store: ReleaseStore) -> None:
        release = make_release()
        store.put(release)
        with pytest.raises(ReleaseRejected, match="a release never changes"):
            store.put(make_release(model=b"other trees"))
        assert store.fetch("xgboost-1") == release

    def test_another_calibration_under_the_same_version_is_refused(self, store: ReleaseStore) -> None:
        release = make_release()
        store.put(release)
        steep = release.manifest.model_copy(
            update={"calibration": Calibration(method="platt", coefficients=(2.0, 0.0))}
        )
        with pytest.raises(ReleaseRejected, match="a release never changes"):
            store.put(replace(release, manifest=steep))

    def test_a_release_that_is_not_what_its_manifest_says_is_not_written(
        self, store: ReleaseStore, blobs: BlobStore
    ) -> None:
        release = make_release()
        with pytest.raises(ReleaseRejected, match=r"says model\.ubj has 5 bytes"):
            store.put(replace(release, files={**release.files, "model.ubj": b"tampered"}))
        with pytest.raises(ReleaseRejected, match="names the files"):
            store.put(replace(release, files={"model.ubj": b"trees"}))
        assert blobs.keys("") == []

    @pytest.mark.parametrize("name", ["model.ubj", "schema.json", "golden.json", "dvc.lock", "params.yaml"])
    def test_an_altered_file_is_refused(self, store: ReleaseStore, blobs: BlobStore, name: str) -> None:
        store.put(make_release())
        blobs.write(f"releases/xgboost-1/{name}", b"altered")
        with pytest.raises(ReleaseRejected, match=f"says {name} has"):
            store.fetch("xgboost-1")

    def test_an_altered_manifest_is_refused(self, store: ReleaseStore, blobs: BlobStore) -> None:
        store.put(make_release())
        blobs.write("releases/xgboost-1/manifest.json", b"{")
        with pytest.raises(ReleaseRejected, match="its manifest cannot be read"):
            store.fetch("xgboost-1")

    def test_a_release_of_a_newer_format_is_refused(self, store: ReleaseStore, blobs: BlobStore) -> None:
        manifest = make_release().manifest.model_copy(update={"format": FORMAT + 1})
        blobs.write("releases/xgboost-1/manifest.json", to_json(manifest))
        with pytest.raises(
            ReleaseRejected, match=f"has format {FORMAT + 1}, this program reads 1, 2, 3, 4, 5, {FORMAT};"
        ):
            store.fetch("xgboost-1")

    @pytest.mark.parametrize("lacks", ["twin", CHAIN_FILE])
    def test_what_has_learned_all_without_a_twin_check_or_a_chain_is_not_promoted(
        self, store: ReleaseStore, lacks: str
    ) -> None:
        old, all_learned = put_and_promote(store, make_release("xgboost-1")), learned_all(lacks=lacks)
        with pytest.raises(ReleaseRejected, match=r"what has learned all has a twin check and chain\.parquet"):
            store.put(all_learned)
        with pytest.raises(ReleaseRejected, match=r"what has learned all has a twin check and chain\.parquet"):
            promote(store, "xgboost-2", old)
        assert store.latest() == old
        store.put(learned_all("xgboost-3"))
        assert promote(store, "xgboost-3", old).version == "xgboost-3"

    @pytest.mark.parametrize("name", ["model.ubj", "schema.json", "golden.json"])
    def test_a_manifest_that_leaves_out_what_a_loader_needs_is_refused(
        self, store: ReleaseStore, blobs: BlobStore, name: str
    ) -> None:
        store.put(make_release())
        manifest = make_release().manifest
        fewer = {each: entry for each, entry in manifest.files.items() if each != name}
        blobs.write("releases/xgboost-1/manifest.json", to_json(manifest.model_copy(update={"files": fewer})))
        with pytest.raises(ReleaseRejected, match="names the files"):
            store.fetch("xgboost-1")

    def test_what_was_damaged_is_mended_by_putting_the_same_release_again(
        self, store: ReleaseStore, blobs: BlobStore
    ) -> None:
        store.put(make_release())
        blobs.write("releases/xgboost-1/model.ubj", b"tree")
        store.put(make_release())
        assert store.fetch("xgboost-1") == make_release()

    @pytest.mark.parametrize("version", ["../../etc", "a/b", "", ".hidden"])
    def test_a_version_cannot_lead_out_of_the_store(self, store: ReleaseStore, version: str) -> None:
        with pytest.raises(ReleaseRejected, match="not a name of a release"):
            store.fetch(version)

    def test_promotion_makes_a_version_live_and_says_why(self, store: ReleaseStore) -> None:
        pointer = put_and_promote(store, make_release())
        assert store.latest() == pointer
        assert (pointer.version, pointer.record) == ("xgboost-1", 1)
        (record,) = store.ledger()
        assert (record.from_version, record.to_version, record.who) == (None, "xgboost-1", "ann")
        assert record.reasons == ("better",)

    def test_a_no_is_written_once_into_the_ledger_and_moves_nothing(self, store: ReleaseStore) -> None:
        live = put_and_promote(store, make_release("xgboost-1"))
        no = Judged(kind="change", rows="a" * 64, look=1, proven=False)
        for judged in (no, no, no.model_copy(update={"rows": "b" * 64, "look": 2})):
            store.note(
                "xgboost-2", who="ann", at="2026-01-01T00:00:00+00:00", reasons=["worse"], live=live, judged=judged
            )
        assert store.latest() == live
        assert [(record.action, record.to_version) for record in store.ledger()] == [
            ("promote", "xgboost-1"),
            ("verdict", "xgboost-2"),
            ("verdict", "xgboost-2"),
        ]
        assert put_and_promote(store, make_release("xgboost-3")).record == 4

    def test_of_many_noes_at_the_same_time_none_is_lost(self, store: ReleaseStore, open_blobs: OpenBlobs) -> None:
        live = put_and_promote(store, make_release("xgboost-1"))

        def note(rival: int) -> None:
            judged = Judged(kind="change", rows=f"{rival:064d}", look=1, proven=False)
            at = "2026-01-01T00:00:00+00:00"
            ReleaseStore(open_blobs()).note("b", who="ann", at=at, reasons=[], live=live, judged=judged)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(note, range(4)))
        assert len({record.judged.rows for record in store.ledger() if record.judged}) == 4

    def test_a_rollback_is_a_move_to_an_earlier_release(self, store: ReleaseStore) -> None:
        put_and_promote(store, make_release("xgboost-1"))
        put_and_promote(store, make_release("xgboost-2"))
        pointer = promote(store, "xgboost-1", store.latest())
        assert store.latest() == pointer
        moves = [(record.from_version, record.to_version) for record in store.ledger()]
        assert moves == [(None, "xgboost-1"), ("xgboost-1", "xgboost-2"), ("xgboost-2", "xgboost-1")]

    def test_a_release_that_is_not_whole_does_not_become_live(self, store: ReleaseStore, blobs: BlobStore) -> None:
        old = put_and_promote(store, make_release("xgboost-1"))
        store.put(make_release("xgboost-2"))
        blobs.write("releases/xgboost-2/model.ubj", b"half")
        with pytest.raises(ReleaseRejected, match=r"says model\.ubj has 5 bytes"):
            promote(store, "xgboost-2", old)
        with pytest.raises(ReleaseRejected, match="xgboost-3 is not in"):
            promote(store, "xgboost-3", old)
        assert store.latest() == old
        assert len(store.ledger()) == 1

    def test_a_decision_about_an_older_champion_does_not_win(self, store: ReleaseStore) -> None:
        seen = put_and_promote(store, make_release("xgboost-1"))
        now = put_and_promote(store, make_release("xgboost-2"))
        store.put(make_release("xgboost-3"))
        for stale in (seen, None):
            with pytest.raises(PromotionConflict, match="xgboost-3 did not become live: somebody else promoted"):
                promote(store, "xgboost-3", stale)
        assert store.latest() == now
        assert len(store.ledger()) == 2

    @pytest.mark.parametrize("someone_is_live", [False, True], ids=["no champion", "a champion"])
    def test_of_several_promoters_one_wins(
        self, store: ReleaseStore, open_blobs: OpenBlobs, someone_is_live: bool
    ) -> None:
        versions = [f"xgboost-{place}" for place in range(RIVALS)]
        for version in versions:
            store.put(make_release(version))
        expected = put_and_promote(store, make_release("forest-0")) if someone_is_live else None
        won = race(lambda place: promote(ReleaseStore(open_blobs()), versions[place], expected, who=f"ann {place}"))
        assert len(won) == 1
        pointer, ledger = store.latest(), store.ledger()
        assert pointer is not None
        assert pointer.version == versions[won[0]] == ledger[pointer.record - 1].to_version

    @pytest.mark.parametrize(
        ("someone_is_live", "write"),
        [
            pytest.param(False, 1, id="no champion, before the record"),
            pytest.param(True, 1, id="a champion, before the record"),
            pytest.param(True, 2, id="a champion, before the pointer"),
        ],
    )
    def test_a_promoter_who_is_overtaken_loses(
        self, store: ReleaseStore, blobs: BlobStore, someone_is_live: bool, write: int
    ) -> None:
        for version in ("xgboost-slow", "xgboost-fast"):
            store.put(make_release(version))
        expected = put_and_promote(store, make_release("forest-0")) if someone_is_live else None
        slow = ReleaseStore(
            InterruptedBlobs(blobs, before=write, happens=lambda: promote(store, "xgboost-fast", expected))
        )
        with pytest.raises(PromotionConflict, match="xgboost-slow did not become live"):
            promote(slow, "xgboost-slow", expected)
        pointer = store.latest()
        assert pointer is not None
        assert pointer.version == "xgboost-fast"
        assert store.ledger()[pointer.record - 1].to_version == "xgboost-fast"

    def test_of_two_first_promotions_the_one_whose_record_is_there_goes_live(
        self, store: ReleaseStore, blobs: BlobStore
    ) -> None:
        for version in ("xgboost-slow", "xgboost-fast"):
            store.put(make_release(version))
        told = list[str]()

        def overtake() -> None:
            with pytest.raises(PromotionConflict) as refused:
                promote(store, "xgboost-fast", None)
            told.append(str(refused.value))

        promote(ReleaseStore(InterruptedBlobs(blobs, before=2, happens=overtake)), "xgboost-slow", None)
        pointer = store.latest()
        assert pointer is not None
        assert pointer.version == "xgboost-slow"
        assert "by ledger record 1 xgboost-slow is live" in told[0]

    def test_of_several_promoters_of_one_version_one_wins(self, store: ReleaseStore, open_blobs: OpenBlobs) -> None:
        store.put(make_release())
        assert len(race(lambda place: promote(ReleaseStore(open_blobs()), "xgboost-1", None))) == 1

    def test_several_may_put_one_release_at_the_same_time(self, store: ReleaseStore, open_blobs: OpenBlobs) -> None:
        won = race(lambda place: ReleaseStore(open_blobs()).put(make_release(created=f"2026-01-0{place + 1}")))
        assert len(won) == RIVALS
        assert store.fetch("xgboost-1").files == make_release().files

    @pytest.mark.parametrize("step", range(1, 11))
    def test_a_crash_before_any_write_leaves_the_old_release_live_and_can_be_finished(
        self, store: ReleaseStore, blobs: BlobStore, step: int
    ) -> None:
        old = put_and_promote(store, make_release("xgboost-1"))
        new = make_release("xgboost-2", model=b"new trees")
        with pytest.raises(Crash):
            put_and_promote(ReleaseStore(InterruptedBlobs(blobs, before=step)), new)
        assert store.latest() == old
        assert store.fetch("xgboost-1") == make_release("xgboost-1")
        if blobs.read("releases/xgboost-2/manifest.json"):
            assert store.fetch("xgboost-2") == new, "with its manifest a release is whole"

        pointer = put_and_promote(store, new)
        assert store.latest() == pointer
        assert store.fetch("xgboost-2") == new
        (_, effective) = store.ledger()
        assert pointer.record == effective.number
        assert (effective.from_version, effective.to_version) == ("xgboost-1", "xgboost-2")

    def test_a_record_that_a_crash_left_is_not_gone_on_with_by_who_says_something_else(
        self, store: ReleaseStore, blobs: BlobStore
    ) -> None:
        old = put_and_promote(store, make_release("xgboost-1"))
        store.put(make_release("xgboost-2"))
        with pytest.raises(Crash):
            promote(ReleaseStore(InterruptedBlobs(blobs, before=2)), "xgboost-2", old)
        assert promote(store, "xgboost-2", old, who="bob").record == 3
        assert [record.who for record in store.ledger()] == ["ann", "ann", "bob"]

    def test_a_promotion_is_ten_writes(self, store: ReleaseStore, blobs: BlobStore) -> None:
        """So that the crash test cannot miss one."""
        put_and_promote(store, make_release("xgboost-1"))
        put_and_promote(ReleaseStore(InterruptedBlobs(blobs, before=11)), make_release("xgboost-2"))
        with pytest.raises(Crash):
            put_and_promote(ReleaseStore(InterruptedBlobs(blobs, before=10)), make_release("xgboost-3"))

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_a_changed_ledger_record_is_noticed(self, store: ReleaseStore, blobs: BlobStore, number: int) -> None:
        for version in ("xgboost-1", "xgboost-2", "xgboost-3"):
            put_and_promote(store, make_release(version))
        key = f"ledger/{number:06d}.json"
        record = json.loads(blobs.read(key).content)  # type: ignore[union-attr]
        blobs.write(key, json.dumps({**record, "to_version": "forest-1"}).encode())
        with pytest.raises(ReleaseRejected, match="ledger"):
            store.ledger()

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b"xgboost-1", b"\xff", b"[" * 100_000], ids=lambda content: repr(content[:9])
    )
    def test_a_broken_pointer_or_record_is_an_error_that_says_so(
        self, store: ReleaseStore, blobs: BlobStore, content: bytes
    ) -> None:
        blobs.write("latest", content)
        with pytest.raises(ReleaseRejected, match=r"`latest` in .* is not a pointer"):
            store.latest()
        blobs.write("ledger/000001.json", content)
        with pytest.raises(FraudError):
            store.ledger()


def race(act: Callable[[int], object]) -> list[int]:
    """Let `RIVALS` threads act at once; return the places of those that met no `PromotionConflict`."""
    start = Barrier(RIVALS)

    def run(place: int) -> bool:
        start.wait()
        try:
            act(place)
        except PromotionConflict:
            return False
        return True

    with ThreadPoolExecutor(RIVALS) as pool:
        return [place for place, won in enumerate(pool.map(run, range(RIVALS))) if won]

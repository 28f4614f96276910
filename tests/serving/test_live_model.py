"""The live model follows the pointer, and a bad release never takes the place of a good one."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters.last_good import LastGood
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.model_formats.ubjson import read_ubjson
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.ports import SMALL, Blob
from mlflow_fraud.core.release.release import GOLDEN_FILE, Release
from mlflow_fraud.serving.live_model import REST_POLLS, LiveModel, polling
from mlflow_fraud.serving.record import Record
from tests.adapters.test_booster_file import written
from tests.serving.conftest import MakeRelease, go_live, with_file


def version(live: LiveModel) -> str | None:
    return live.current.manifest.version if live.current else None


def test_an_empty_store_gives_no_model_and_no_trouble(live: LiveModel) -> None:
    live.poll()
    assert live.current is None
    assert live.trouble is None


def test_what_was_promoted_goes_live_and_what_was_only_put_does_not(
    live: LiveModel, store: ReleaseStore, make_release: MakeRelease
) -> None:
    first, second = make_release(rounds=2), make_release(rounds=3)
    go_live(store, first)
    live.poll()
    assert version(live) == first.manifest.version
    store.put(second)
    live.poll()
    assert version(live) == first.manifest.version
    go_live(store, second)
    live.poll()
    assert version(live) == second.manifest.version


def other_golden_scores(good: Release) -> Release:
    golden = json.loads(good.files[GOLDEN_FILE])
    golden["scores"][-1] += 1e-3
    return with_file(good, GOLDEN_FILE, json.dumps(golden).encode())


def no_golden_rows(good: Release) -> Release:
    return with_file(good, GOLDEN_FILE, b'{"rows": [], "scores": []}')


def golden_rows_of_another_width(good: Release) -> Release:
    golden = json.loads(good.files[GOLDEN_FILE])
    return with_file(good, GOLDEN_FILE, json.dumps({**golden, "rows": [r[:-1] for r in golden["rows"]]}).encode())


def a_schema_of_other_features(good: Release) -> Release:
    schema = json.loads(good.files["schema.json"])
    schema["params"]["ratios"] = []
    return with_file(good, "schema.json", json.dumps(schema).encode())


def a_schema_that_is_no_schema(good: Release) -> Release:
    return with_file(good, "schema.json", b"[]")


def another_calibration_than_the_golden_rows_were_scored_with(good: Release) -> Release:
    other = Calibration(method="platt", coefficients=(1.5, 0.3))
    return Release(good.manifest.model_copy(update={"calibration": other}), good.files)


def a_booster_with_a_child_that_points_at_itself(good: Release) -> Release:
    found = read_ubjson(good.files[BOOSTER_FILE])
    found["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"][0] = 0
    return with_file(good, BOOSTER_FILE, written(found))


def the_booster_of_another_release(good: Release) -> Release:
    found = read_ubjson(good.files[BOOSTER_FILE])
    found["learner"]["learner_model_param"]["base_score"] = "[9E-1]"
    return with_file(good, BOOSTER_FILE, written(found))


def a_model_that_is_no_model(good: Release) -> Release:
    return with_file(good, "model.onnx", b"not trees")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(other_golden_scores, "scores its golden rows", id="other golden scores"),
        pytest.param(
            another_calibration_than_the_golden_rows_were_scored_with, "holds what would be", id="other calibration"
        ),
        pytest.param(no_golden_rows, "has 0 golden rows", id="no golden rows"),
        pytest.param(golden_rows_of_another_width, "golden rows of", id="golden rows of another width"),
        pytest.param(a_schema_of_other_features, "was made with the features", id="other features"),
        pytest.param(a_schema_that_is_no_schema, "cannot be loaded", id="no schema"),
        pytest.param(a_booster_with_a_child_that_points_at_itself, "come after its parent", id="a crafted booster"),
        pytest.param(the_booster_of_another_release, "scores its golden rows", id="another booster"),
        pytest.param(a_model_that_is_no_model, "model", id="no model"),
    ],
)
def test_a_release_that_cannot_answer_leaves_the_old_one_live(
    live: LiveModel, store: ReleaseStore, make_release: MakeRelease, spoil: Callable[[Release], Release], says: str
) -> None:
    good = make_release(rounds=2)
    go_live(store, good)
    live.poll()
    go_live(store, spoil(make_release(rounds=3)))
    live.poll()
    assert version(live) == good.manifest.version
    assert live.trouble is not None
    assert says in live.trouble


@pytest.mark.parametrize("name", ["model.onnx", "schema.json", "golden.json", "manifest.json"])
def test_a_file_corrupted_after_promotion_leaves_the_old_one_live(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease, name: str
) -> None:
    good, bad = make_release(rounds=2), make_release(rounds=3)
    go_live(store, good)
    live.poll()
    go_live(store, bad)
    file = location / "releases" / bad.manifest.version / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    live.poll()
    assert version(live) == good.manifest.version
    assert bad.manifest.version in (live.trouble or "")


def test_a_refused_release_is_rolled_back_by_promoting_the_good_one_again(
    live: LiveModel, store: ReleaseStore, make_release: MakeRelease
) -> None:
    good = make_release(rounds=2)
    go_live(store, good)
    live.poll()
    kept = live.current
    go_live(store, other_golden_scores(good))
    live.poll()
    go_live(store, good)
    live.poll()
    assert live.current is kept, "nothing had to be loaded"
    assert live.trouble is None


class CountingBlobs:
    """A real store that counts how often a model was read."""

    def __init__(self, store: ReleaseStore) -> None:
        self._blobs, self.models_read = store._blobs, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._blobs, name)

    def read(self, key: str, *, at_most: int = SMALL) -> Blob | None:
        self.models_read += key.endswith("model.onnx")
        return self._blobs.read(key, at_most=at_most)


def test_a_refused_release_is_not_fetched_at_each_poll_but_again_later(
    store: ReleaseStore, record: Record, make_release: MakeRelease
) -> None:
    counting = CountingBlobs(store)
    live = LiveModel(ReleaseStore(counting), record)  # type: ignore[arg-type]
    go_live(store, a_model_that_is_no_model(make_release()))
    for _ in range(REST_POLLS):
        live.poll()
    assert counting.models_read == 1
    live.poll()
    assert counting.models_read == 2


def test_a_release_mended_in_its_place_goes_live_after_all(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    release = make_release()
    go_live(store, release)
    (location / "releases" / release.manifest.version / "model.onnx").unlink()
    live.poll()
    assert live.current is None
    store.put(release)
    for _ in range(REST_POLLS):
        live.poll()
    assert version(live) == release.manifest.version


def test_a_store_that_is_emptied_is_trouble_and_leaves_the_model_live(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    release = make_release()
    go_live(store, release)
    live.poll()
    pointer = (location / "latest").read_bytes()
    (location / "latest").unlink()
    live.poll()
    assert version(live) == release.manifest.version
    assert live.trouble is not None
    assert "nothing is live any more" in live.trouble
    (location / "latest").write_bytes(pointer)
    live.poll()
    assert live.trouble is None


def test_a_store_out_of_reach_leaves_the_model_live_until_it_is_back(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    first, second = make_release(rounds=2), make_release(rounds=3)
    go_live(store, first)
    live.poll()
    location.rename(location.with_name("away"))
    location.write_text("no folder")
    live.poll()
    assert version(live) == first.manifest.version
    assert "check the folder" in (live.trouble or "")
    location.unlink()
    shutil.move(location.with_name("away"), location)
    go_live(store, second)
    live.poll()
    assert version(live) == second.manifest.version
    assert live.trouble is None


def test_a_pointer_of_500_megabytes_or_a_pipe_does_not_hang_the_poll(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    good = make_release(rounds=2)
    go_live(store, good)
    live.poll()
    (location / "latest").unlink()
    os.mkfifo(location / "latest")
    live.poll()
    assert "is no file" in (live.trouble or "")
    (location / "latest").unlink()
    with (location / "latest").open("wb") as stream:
        stream.truncate(500_000_000)
    live.poll()
    assert "has 500,000,000 bytes" in (live.trouble or "")
    assert version(live) == good.manifest.version


@pytest.mark.parametrize("name", ["model.onnx", "booster.ubj", "golden.json"])
def test_a_file_of_3_gigabytes_is_not_read(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease, name: str
) -> None:
    release = make_release()
    go_live(store, release)
    with (location / "releases" / release.manifest.version / name).open("wb") as stream:
        stream.truncate(3_000_000_000)
    tracemalloc.start()
    live.poll()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert f"says {name} has" in (live.trouble or "")
    assert "found 3000000000 bytes" in (live.trouble or "")
    assert most < 100_000_000


def test_a_manifest_that_says_its_model_has_gigabytes_is_refused_before_a_file_is_read(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    release = make_release()
    go_live(store, release)
    file = location / "releases" / release.manifest.version / "manifest.json"
    document = json.loads(file.read_text())
    document["files"]["model.onnx"]["size"] = 3_000_000_000
    file.write_text(json.dumps(document))
    live.poll()
    assert "model.onnx of them more than 268,435,456" in (live.trouble or "")


def test_a_manifest_and_a_pointer_of_brackets_alone_are_trouble_and_leave_the_model_live(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease
) -> None:
    good, bad = make_release(rounds=2), make_release(rounds=3)
    go_live(store, good)
    live.poll()
    go_live(store, bad)
    (location / "releases" / bad.manifest.version / "manifest.json").write_bytes(b"[" * 100_000)
    live.poll()
    assert (version(live), live.refused) == (good.manifest.version, 1)
    assert "its manifest cannot be read" in (live.trouble or "")
    (location / "latest").write_bytes(b"[" * 100_000)
    live.poll()
    assert version(live) == good.manifest.version
    assert "is not a pointer" in (live.trouble or "")


@pytest.mark.parametrize("threshold", ["NaN", "Infinity", "-0.1", "1.5"])
def test_a_threshold_that_no_probability_reaches_or_all_do_is_refused(
    live: LiveModel, store: ReleaseStore, location: Path, make_release: MakeRelease, threshold: str
) -> None:
    release = make_release()
    go_live(store, release)
    file = location / "releases" / release.manifest.version / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"threshold": 77}).replace("77", threshold))
    live.poll()
    assert live.current is None
    assert "threshold" in (live.trouble or "")


def test_the_history_is_kept_unless_the_features_change(
    live: LiveModel, store: ReleaseStore, make_release: MakeRelease, few_features: FeatureSchema
) -> None:
    histories = []
    for release in (make_release(rounds=2), make_release(rounds=3), make_release(few_features)):
        go_live(store, release)
        live.poll()
        assert live.current is not None
        histories.append(live.current.history)
    first, second, third = histories
    assert first is second
    assert third is not first


def test_a_record_that_cannot_be_read_keeps_the_model_from_going_live_and_says_why(
    live: LiveModel, store: ReleaseStore, record: Record, make_release: MakeRelease
) -> None:
    def away(*_: object) -> None:
        raise RecordUnavailable("the record cannot be used now")

    go_live(store, make_release())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record.log, "reading", away)
        live.poll()
    assert live.current is None
    assert "the record cannot be used now" in (live.trouble or "")
    live.poll()
    assert live.trouble is None


def began_again(store: ReleaseStore, record: Record, copy: LastGood) -> LiveModel:
    """Return the model of a service that was started anew, after its first look at the store."""
    live = LiveModel(store, record, last_good=copy)
    live.poll()
    return live


def test_a_cold_start_without_the_store_begins_with_what_answered_last_and_says_so(
    store: ReleaseStore, location: Path, record: Record, make_release: MakeRelease, tmp_path: Path
) -> None:
    copy = LastGood(tmp_path / "last-good", str(store))
    first, second = make_release(rounds=2), make_release(rounds=3)
    for release in (first, second):
        go_live(store, release)
        assert not began_again(store, record, copy).from_copy
    assert [path.name for path in (tmp_path / "last-good/releases").iterdir()] == [second.manifest.version]

    location.rename(location.with_name("away"))
    location.write_text("no folder")
    live = began_again(store, record, copy)
    assert (version(live), live.from_copy) == (second.manifest.version, True)
    assert "check the folder" in (live.trouble or "")

    location.unlink()
    location.with_name("away").rename(location)
    live.poll()
    assert (version(live), live.from_copy, live.trouble) == (second.manifest.version, False, None)


def test_a_cold_start_with_a_newest_release_that_is_bad_begins_with_what_answered_last(
    store: ReleaseStore, record: Record, make_release: MakeRelease, tmp_path: Path
) -> None:
    copy = LastGood(tmp_path / "last-good", str(store))
    good = make_release(rounds=2)
    go_live(store, good)
    began_again(store, record, copy)
    go_live(store, a_model_that_is_no_model(make_release(rounds=3)))
    live = began_again(store, record, copy)
    assert (version(live), live.from_copy) == (good.manifest.version, True)
    assert "model" in (live.trouble or "")


def test_a_copy_of_another_store_or_an_altered_one_does_not_answer(
    store: ReleaseStore, location: Path, record: Record, make_release: MakeRelease, tmp_path: Path
) -> None:
    copy = LastGood(tmp_path / "last-good", str(store))
    release = make_release()
    go_live(store, release)
    began_again(store, record, copy)
    shutil.move(location, location.with_name("away"))
    location.write_text("no folder")
    other = LastGood(tmp_path / "last-good", "s3://another/one")
    assert began_again(store, record, other).current is None
    (tmp_path / "last-good/releases" / release.manifest.version / "model.onnx").write_bytes(b"others")
    assert began_again(store, record, copy).current is None


def test_a_service_that_can_keep_no_copy_answers_all_the_same(
    store: ReleaseStore, record: Record, make_release: MakeRelease, tmp_path: Path
) -> None:
    (tmp_path / "last-good").write_text("no folder")
    go_live(store, make_release())
    assert began_again(store, record, LastGood(tmp_path / "last-good", str(store))).current is not None


def test_the_polling_thread_stops_with_its_block(
    live: LiveModel, store: ReleaseStore, make_release: MakeRelease
) -> None:
    go_live(store, make_release(rounds=2))
    with polling(live, every=3600):
        pass  # the first poll is under way or done: the end of the block waits for it
    first = version(live)
    go_live(store, make_release(rounds=3))
    assert first is not None
    assert version(live) == first

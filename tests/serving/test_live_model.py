"""The live model follows the pointer, and a bad release never takes the place of a good one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.ports import Blob
from mlflow_fraud.core.release.release import GOLDEN_FILE, Release
from mlflow_fraud.serving.journal import Journal
from mlflow_fraud.serving.live_model import REST_POLLS, LiveModel, polling
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


def a_model_that_is_no_model(good: Release) -> Release:
    return with_file(good, "model.onnx", b"not trees")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(other_golden_scores, "scores its golden rows", id="other golden scores"),
        pytest.param(
            another_calibration_than_the_golden_rows_were_scored_with, "scores its golden rows", id="other calibration"
        ),
        pytest.param(no_golden_rows, "has 0 golden rows", id="no golden rows"),
        pytest.param(golden_rows_of_another_width, "golden rows of", id="golden rows of another width"),
        pytest.param(a_schema_of_other_features, "was made with the features", id="other features"),
        pytest.param(a_schema_that_is_no_schema, "cannot be loaded", id="no schema"),
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

    def read(self, key: str) -> Blob | None:
        self.models_read += key.endswith("model.onnx")
        return self._blobs.read(key)


def test_a_refused_release_is_not_fetched_at_each_poll_but_again_later(
    store: ReleaseStore, history_path: Path, make_release: MakeRelease
) -> None:
    counting = CountingBlobs(store)
    live = LiveModel(ReleaseStore(counting), history_path, Journal())  # type: ignore[arg-type]
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


def test_a_history_file_of_another_contract_keeps_the_model_from_going_live_and_says_why(
    live: LiveModel, store: ReleaseStore, history_path: Path, make_release: MakeRelease
) -> None:
    history_path.write_bytes(b"no parquet")
    go_live(store, make_release())
    live.poll()
    assert live.current is None
    assert "holds no transactions of the contract sparkov" in (live.trouble or "")


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

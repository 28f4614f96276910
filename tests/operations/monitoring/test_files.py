"""Windows of labelled files: no payment twice, none left out for good, in order of time, and not known is not bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.operations.monitoring.kept import read_windows
from mlflow_fraud.operations.monitoring.monitor import answer, known_until, watch
from mlflow_fraud.paths import TRANSACTIONS, part_file
from mlflow_fraud.simulation import simulate
from tests.operations.monitoring.conftest import after, live


def months(*names: str, quiet: bool = False) -> list[Path]:
    """Write months that follow each other; `quiet` ones have no fraud."""
    files = [Path(f"{name}.csv") for name in names]
    for number, file in enumerate(files):
        rows = simulate(after(30, skip=30 * number))
        (rows.with_columns(is_fraud=pl.lit(0)) if quiet else rows).write_csv(file)
    return files


def set_split(**told: int) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= told
    Path("params.yaml").write_text(yaml.safe_dump(params))


def test_a_window_that_was_pinned_since_is_in_the_past_of_the_next_one_once(served: ReleaseStore) -> None:
    first, second = months("one", "two")
    before = watch(second, [first], served).metrics
    contract = schema_of(live(served)).contract
    pinned = pl.concat([pl.read_parquet(TRANSACTIONS), read_batches([first], contract)])
    pinned.write_parquet(TRANSACTIONS)
    assert watch(second, [first], served).metrics == before
    assert before["f1"] is not None


def test_rows_that_were_too_young_at_the_end_of_their_window_are_judged_with_the_next_one(served: ReleaseStore) -> None:
    files = months("one", "two")
    alone = watch(files[0], [], served)
    known = known_until(files, served)
    again = watch(files[0], [], served, known=known)
    rows = pl.read_csv(files[0])
    assert (alone.metrics["rows"] or 0) < len(rows)
    assert (again.metrics["rows"], again.metrics["frauds"]) == (len(rows), rows["is_fraud"].sum())
    assert [each["rows"] for each in read_windows(of_files=True)] == [len(rows)]


def test_a_window_of_which_no_label_has_arrived_is_no_bad_one_and_still_says_how_far_it_moved(
    served: ReleaseStore,
) -> None:
    set_split(label_horizon_days=30, label_delay_days=30)
    file = Path("young.csv")
    simulate(after(25)).write_csv(file)
    window = watch(file, [], served)
    assert (window.metrics["f1"], window.metrics["rows"]) == (None, 0)
    assert window.metrics["drift"] is not None
    assert window.metrics["drift"] < 0.25
    decision = answer(window.name, window.version)
    assert not decision.retrain
    assert "not defined: f1 in 1, recall in 1" in decision.reason


@pytest.mark.slow
def test_windows_without_fraud_ask_for_nothing_however_many_alerts_were_false(served: ReleaseStore) -> None:
    files = months("one", "two", "three", quiet=True)
    for place, file in enumerate(files):
        window = watch(file, files[:place], served, known=known_until(files, served))
        assert window.metrics["f1"] is None
        assert (window.metrics["alerts_per_day"] or 0) > 0
    assert not answer("three", window.version).retrain


def test_windows_are_in_the_order_of_time_whatever_they_are_called(served: ReleaseStore) -> None:
    for place, file in enumerate(files := months("9", "10", "11")):
        version = watch(file, files[:place], served).version
    assert [each["name"] for each in read_windows(of_files=True)] == ["9", "10", "11"]
    watch(files[0], [], served)
    assert [each["name"] for each in read_windows(of_files=True)] == ["9", "10", "11"]
    assert answer("9", version).reason.startswith("no limit broken")


@pytest.mark.slow
def test_a_release_of_before_the_reference_is_watched_without_drift(served: ReleaseStore) -> None:
    """The checkout's own train file is another model's, for all one knows."""
    release = live(served)
    kept = {name: content for name, content in release.files.items() if name != "reference.json"}
    files = {name: entry for name, entry in release.manifest.files.items() if name in kept}
    older = replace(release, manifest=release.manifest.model_copy(update={"format": 4, "files": files}), files=kept)

    class Store:
        def latest(self) -> object:
            return served.latest()

        def fetch(self, version: str) -> object:
            return older

    (file,) = months("one")
    assert part_file("train").is_file()
    window = watch(file, [], Store())  # type: ignore[arg-type]
    assert window.metrics["drift"] is None
    assert window.drifts == {}
    assert window.metrics["f1"] is not None
    assert not answer("one", window.version).retrain


@pytest.mark.slow
def test_a_new_kind_of_fraud_is_told_by_one_file_in_which_many_bursts_are_missed(served: ReleaseStore) -> None:
    """A single bad window is no trend in F1, but so much that is missed is no chance."""
    file = Path("one.csv")
    simulate(after(45, "new-pattern")).write_csv(file)
    decision = answer("one", watch(file, [], served).version)
    assert (decision.retrain, decision.kind) == (True, "alarm")
    assert "bursts of fraud were missed" in decision.reason

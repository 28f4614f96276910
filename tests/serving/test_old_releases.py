"""Releases as earlier versions of the program wrote them, kept as files: they answer as they did, or not at all.

`format-<number>` has what goes live today. `exact-scores` is of format 1 too, with the features that were shipped then:
its scores are numbers that today's program rounds to thousandths.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mlflow_fraud.adapters.explanation import NoReasons
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.release.release import FORMAT, UNCALIBRATED, Golden, Release
from mlflow_fraud.serving.history import History, Recorded
from mlflow_fraud.serving.loading import LiveRelease, load_release
from mlflow_fraud.serving.record import Record
from tests.conftest import ROOT
from tests.serving.conftest import kept_in, score

RELEASES = ROOT / "tests/releases"
KEPT = sorted(RELEASES.glob("format-*/releases/*"))
EXACT_SCORES = next(RELEASES.glob("exact-scores/releases/*"))


def fetched(folder: Path) -> Release:
    return open_store(str(folder.parents[1])).fetch(folder.name)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A record that nothing is written to."""
    with kept_in(tmp_path_factory.mktemp("record")) as record:
        yield record


def loaded(folder: Path, record: Record) -> LiveRelease:
    return load_release(fetched(folder), lambda schema: History(schema, Recorded(end=record.end), record))


def test_there_are_trees_and_a_line_of_each_format() -> None:
    kinds = {(path.parts[-3], path.name.split("-")[0]) for path in KEPT}
    assert kinds == {(f"format-{number}", kind) for number in (1, 2, 3, 4, 5) for kind in ("xgboost", "logistic")}


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parts[-3]} {path.name}")
def test_a_release_of_an_earlier_format_goes_live_and_answers(folder: Path, empty: Record) -> None:
    live = loaded(folder, empty)

    body = (ROOT / "docs/transaction.json").read_bytes()
    first = score(live, live.request.read(body))
    again = live.score_again(first)
    assert first.answer is not None

    document = json.loads((folder / "schema.json").read_text())
    assert live.manifest.format == int(folder.parts[-3].removeprefix("format-"))
    assert live.manifest.feature_schema_sha256 == document["sha256"]
    assert live.schema.names == document["names"]
    assert 0 <= first.answer.probability <= 1
    assert again == first._replace(answer=first.answer._replace(took_us=0))
    assert isinstance(live.explanation, NoReasons)


ANSWERS = json.loads((RELEASES / "answers.json").read_text())
"""The probabilities of six payments, one after the other, as each release gave them when it was put here."""


def payments() -> list[bytes]:
    """Return payments of two cards and two merchants over three days: windows, last ones and scores have a past."""
    one = json.loads((ROOT / "docs/transaction.json").read_text())
    at = datetime(2020, 12, 28, 22)
    return [
        json.dumps(
            one
            | {
                "trans_num": f"{number:032x}",
                "trans_date_trans_time": f"{at + timedelta(hours=7 * number):%Y-%m-%d %H:%M:%S}",
                "cc_num": 4_000_000_000_000_000 + number % 2,
                "merchant": f"fraud_M{number % 3}",
                "amt": 30.0 + 211 * number,
            }
        ).encode()
        for number in range(6)
    ]


def answers(folder: Path, empty: Record) -> list[float]:
    live = loaded(folder, empty)
    given = [score(live, live.request.read(body)).answer for body in payments()]
    return [answer.probability for answer in given if answer]


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parts[-3]} {path.name}")
def test_a_release_of_an_earlier_format_answers_as_it_did_after_a_past(folder: Path, empty: Record) -> None:
    assert answers(folder, empty) == pytest.approx(ANSWERS[f"{folder.parts[-3]} {folder.name}"], abs=1e-6)


FIRST = [folder for folder in KEPT if folder.parts[-3] == "format-1"]


@pytest.mark.parametrize("folder", FIRST, ids=lambda path: str(path.name))
def test_a_release_from_before_calibration_answers_with_the_scores_of_its_model(folder: Path, empty: Record) -> None:
    release, live = fetched(folder), loaded(folder, empty)
    golden = Golden.model_validate_json(release.files["golden.json"])
    model_file = release.manifest.model_file

    own = load_scorer(model_file, release.files[model_file], threads=1).score(golden.matrix)

    assert "calibration" not in json.loads((folder / "manifest.json").read_text())
    assert release.manifest.calibration == UNCALIBRATED
    assert own.tolist() == live.scorer.score(golden.matrix).tolist() == pytest.approx(golden.scores, abs=1e-6)


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parts[-3]} {path.name}")
def test_the_same_release_from_a_program_of_the_present_format_is_no_new_one(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "releases" / folder.name)
    store, release = open_store(str(tmp_path)), fetched(folder)

    store.put(Release(release.manifest.model_copy(update={"format": FORMAT}), release.files))

    assert store.fetch(folder.name).manifest == release.manifest


def test_a_release_whose_features_are_computed_otherwise_today_is_refused_with_what_to_do(
    empty: Record,
) -> None:
    assert fetched(EXACT_SCORES).manifest.format == 1
    with pytest.raises(
        ReleaseRejected,
        match="was made when scores were not rounded yet, and would be given others than it learned from: "
        r"amount_score_by_card_30d, .*; run the program's version that it was made with, or promote again",
    ):
        loaded(EXACT_SCORES, empty)

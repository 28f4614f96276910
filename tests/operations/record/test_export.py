"""The record as Parquet files: what was scored, answered and told, a day each."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.errors import DataError, FraudError, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record import export as exporting
from mlflow_fraud.operations.record.audit import audit
from mlflow_fraud.operations.record.export import export
from mlflow_fraud.operations.record.forget import forget
from mlflow_fraud.operations.record.quarantine import quarantine, quarantine_list

CARD = 4_000_000_000_000_003


def read(folder: Path, kind: str = "payments") -> pl.DataFrame:
    return pl.concat([pl.read_parquet(file) for file in sorted(folder.glob(f"{kind}/*.parquet"))])


def test_an_export_has_a_row_for_each_payment_with_its_answer_features_and_newest_label(
    filled: list[Payment], desk: Path, schema: FeatureSchema
) -> None:
    said = export(desk / "out")
    assert "50 payments of sparkov on 43 days, 26 labels and 5 corrections" in said
    rows = read(desk / "out")
    assert rows["event_id"].to_list() == [each.key[1] for each in filled]
    opened = rows["features"].struct.unnest()
    assert opened.columns == schema.names
    assert opened.to_numpy().tobytes() == b"".join(each.answer.features for each in filled if each.answer)
    assert rows["answer_flagged"].sum() == 7
    assert rows["label"].null_count() == 50 - 17
    assert (len(read(desk / "out", "labels")), len(read(desk / "out", "corrections"))) == (26, 5)
    assert stat.S_IMODE((desk / "out").stat().st_mode) == 0o700


def test_the_same_record_is_the_same_bytes(filled: list[Payment], desk: Path) -> None:
    export(desk / "one")
    export(desk / "two")
    files = [path.relative_to(desk / "one") for path in sorted((desk / "one").rglob("*.parquet"))]
    assert len(files) > 43
    assert [name for name in files if (desk / "one" / name).read_bytes() != (desk / "two" / name).read_bytes()] == []


def test_days_are_chosen_from_the_first_to_before_the_last(filled: list[Payment], desk: Path) -> None:
    export(desk / "out", since="2020-02-01", until="2020-03-01")
    days = [file.stem for file in sorted((desk / "out/payments").iterdir())]
    assert (days[0][:7], days[-1][:7]) == ("2020-02", "2020-02")
    with pytest.raises(SettingsError, match="--since 'May' is no day; expected one like 2020-06-30"):
        export(desk / "other", since="May")


def test_what_is_in_quarantine_or_forgotten_is_not_in_it(filled: list[Payment], desk: Path) -> None:
    theirs = {each.key[1] for each in filled if each.transaction["card"] == CARD}
    list(forget(["--card", str(CARD)]))
    said = quarantine("2020-02-01", "2020-02-15T12:00", "the feed of one merchant sent zeros")
    spoilt = {each.key[1] for each in filled if "2020-02-01" <= str(each.transaction["event_time"]) < "2020-02-15 12"}
    assert f"{len(spoilt - theirs)} payments of sparkov from 2020-02-01 00:00:00 to before 2020-02-15 12:00:00" in said
    assert "and of the past of a service that runs within seconds" in said
    assert quarantine_list() == "2020-02-01 00:00:00 to 2020-02-15 12:00:00  the feed of one merchant sent zeros"
    assert "quarantine  contract sparkov, from 2020-02-01T00:00:00" in audit()
    export(desk / "out")
    export(desk / "all", with_quarantined=True)
    kept = {each.key[1] for each in filled} - theirs
    assert set(read(desk / "out")["event_id"]) == kept - spoilt
    assert set(read(desk / "all")["event_id"]) == kept


@pytest.mark.parametrize(
    ("since", "until", "reason", "sentence"),
    [
        ("", "2020-01-02", "x", "--from '' is no time"),
        ("2020-01-01T00:00+02:00", "2020-01-02", "x", "is no time on the contract's clock"),
        ("2020-01-02", "2020-01-02", "x", "--to 2020-01-02 is not after --from 2020-01-02"),
        ("2020-01-01", "2020-01-02", " ", "--reason is empty; say what went wrong"),
    ],
)
def test_a_span_without_ends_or_reason_is_a_sentence(
    desk: Path, since: str, until: str, reason: str, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        quarantine(since, until, reason)


def test_an_export_takes_the_place_of_nothing_and_leaves_no_half(
    filled: list[Payment], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "out").mkdir()
    (desk / "out/notes.txt").write_text("mine")
    with pytest.raises(DataError, match="out holds something already; export into a folder of its own"):
        export(desk / "out")

    def full(path: Path, _: pl.DataFrame) -> None:
        if path.parent.name == "labels":
            raise OSError(28, "No space left on device")
        path.parent.mkdir(exist_ok=True)

    monkeypatch.setattr(exporting, "write_parquet", full)
    with pytest.raises(FraudError, match="cannot be written \\(No space left on device\\)"):
        export(desk / "new")
    assert sorted(path.name for path in desk.iterdir()) == ["data", "out", "params.yaml"]


def test_a_record_without_answers_is_exported_too(desk: Path, log: object) -> None:
    assert "0 payments of sparkov on 0 days" in export(desk / "out")

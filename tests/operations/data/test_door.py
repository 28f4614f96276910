"""At the door no row is lost or doubled in silence: a batch is its name, and what would go for another is said."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.operations.data import add as adding
from mlflow_fraud.operations.data.use import use
from mlflow_fraud.settings import load_contract
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import ROOT, write_pointer

CONTRACT = """
name: tiny
columns:
  id: {role: event_id, type: integer}
  paid_at: {role: event_time, type: timestamp, format: "%Y-%m-%d %H:%M:%S"}
  customer: {role: entity, entity: customer, type: text}
  amount: {role: amount, type: decimal, minimum: 0}
  fraud: {role: label, type: integer, minimum: 0, maximum: 1}
"""
RAW = Path("data/raw/tiny")


def month(number: int, rows: int = 24) -> str:
    """Return the payments of a month as CSV."""
    lines = [
        f"{number * 1000 + row},2020-{number:02}-{row % 28 + 1:02} {row % 24:02}:10:00,C{row % 5},{row + number}.50,"
        f"{int(row % 9 == 0)}"
        for row in range(rows)
    ]
    return "\n".join(["id,paid_at,customer,amount,fraud", *sorted(lines, key=lambda line: line.split(",")[1])]) + "\n"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set that has no batch yet; pinning writes DVC's pointer."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    split = {"protocol": "holdout", "validation_days": 5, "test_days": 5}
    params["datasets"]["tiny"] = {"contract": "data/contracts/tiny.yaml", "split": split, "refit": "validation"}
    (tmp_path / "data/contracts").mkdir(parents=True)
    (tmp_path / "data/contracts/tiny.yaml").write_text(CONTRACT)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params | {"dataset": "tiny"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(adding.dvc_repo, "pin", write_pointer)
    return tmp_path


def write(name: str, content: str | bytes) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def zipped(**members: str) -> Path:
    with zipfile.ZipFile("feed.zip", "w") as packed:
        for place, content in members.items():
            packed.writestr(place, content)
    return Path("feed.zip")


def batches() -> dict[str, int]:
    """Return how many rows of each batch the pipeline would learn from."""
    ingest()
    return {
        str(name): int(rows)
        for name, rows in pl.read_parquet("data/transactions.parquet")["batch"].value_counts().iter_rows()
    }


def tree() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("data").rglob("*") if path.is_file()}


def test_one_name_in_two_folders_of_a_zip_or_of_a_folder_is_two_batches(capsys: pytest.CaptureFixture[str]) -> None:
    feed = zipped(**{"2020-01/data.csv": month(1), "2020-02/data.csv": month(2)})
    adding.add(feed, "tiny")
    assert batches() == {"2020-01_data": 24, "2020-02_data": 24}
    assert "2020-01/data.csv goes on as 2020-01_data.csv: other files have its name too" in capsys.readouterr().out

    with zipfile.ZipFile(feed) as packed:
        packed.extractall("unpacked")
    adding.add(Path("unpacked"), "tiny")
    assert "2 batches of tiny are there and as pinned" in capsys.readouterr().out


def test_next_months_file_of_a_pinned_name_is_refused_and_replaces_it_only_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    adding.add(write("export.csv", month(1)), "tiny")
    before = tree()
    write("export.csv", month(2, rows=20))

    with pytest.raises(DataError) as refused:
        adding.add(Path("export.csv"), "tiny")

    assert str(refused.value) == (
        "export.csv (20 rows from 2020-02-01 to 2020-02-20) would replace the pinned export.csv (24 rows from "
        "2020-01-01 to 2020-01-24); give the file another name if both are to stay, or let the pinned rows go by "
        "`mlflow-fraud data add … --replace`"
    )
    assert tree() == before
    with pytest.raises(DataError, match="would replace the pinned"):
        adding.check(Path("export.csv"), "tiny", Path("gate"))
    adding.add(Path("export.csv"), "tiny", replace=True)
    assert "replaces the pinned export.csv (24 rows from 2020-01-01 to 2020-01-24)" in capsys.readouterr().out
    assert batches() == {"export": 20}


@pytest.mark.parametrize("name", ["export.csv.gz", "export.parquet", "EXPORT.CSV", "Export.csv"])
def test_a_batch_is_its_name_whatever_the_suffix_or_the_capitals(name: str) -> None:
    adding.add(write("export.csv", month(1)), "tiny")
    Path("later").mkdir()
    if name.endswith("parquet"):
        pl.read_csv(month(2).encode()).with_columns(pl.col("paid_at").str.to_datetime()).write_parquet(f"later/{name}")
    else:
        write(f"later/{name}", gzip.compress(month(2).encode()) if name.endswith("gz") else month(2))

    with pytest.raises(DataError, match=r"would replace the pinned export\.csv"):
        adding.add(Path("later") / name, "tiny")

    adding.add(Path("later") / name, "tiny", replace=True)
    assert list(batches().values()) == [24]
    assert [file.name.lower() for file in RAW.glob("*.dvc")] == [f"{name.lower()}.dvc"]


def test_the_same_rows_under_another_name_are_refused(desk: Path) -> None:
    adding.add(write("2020-01.csv", month(1)), "tiny")
    with pytest.raises(DataError, match=r"2020-02\.csv has the content of 2020-01\.csv, which is pinned"):
        adding.add(write("2020-02.csv", month(1)), "tiny")
    with pytest.raises(DataError, match=r"a\.csv, b\.csv have one and the same content; leave one of them"):
        adding.add(zipped(**{"a.csv": month(3), "b.csv": month(3)}), "tiny")


def test_an_older_batch_may_be_replaced_without_saying_that_it_reaches_back() -> None:
    adding.add(zipped(**{"jan.csv": month(1), "feb.csv": month(2)}), "tiny")
    adding.add(write("jan.csv", month(1, rows=22)), "tiny", replace=True)
    assert batches() == {"jan": 22, "feb": 24}


def test_names_that_a_shell_reads_otherwise_are_pinned_and_told_so_that_the_commands_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("-x.csv", "May 2020 (2).csv", "a[1].csv", "größe*.csv", "it's $6.csv", "{0}.csv")
    adding.add(zipped(**{name: month(number) for number, name in enumerate(names, start=1)}), "tiny")
    assert list(batches().values()) == [24] * 6
    told = capsys.readouterr().out
    assert all(f"{RAW / name}: pinned" in told for name in names)
    adding.add(write("it's $7.csv", month(7)), "tiny")
    asked = 'git checkout -b data-it-s-7\n  git add data/raw/tiny\n  git commit -m "Data: it-s-7"'
    assert asked in capsys.readouterr().out


def beside(name: str) -> None:
    write(str(RAW / name), month(2))


def pinned_beside(name: str) -> None:
    beside(name)
    write_pointer(RAW / name)


STRAYS: dict[str, tuple[Callable[[], object], str]] = {
    "a file that nobody pinned": (
        lambda: beside("copied.csv"),
        r"copied\.csv in data/raw/tiny is not pinned; `mlflow-fraud data add data/raw/tiny/copied\.csv --dataset tiny`",
    ),
    "the same batch packed": (
        lambda: pinned_beside("2020-01.csv.gz"),
        r"2020-01\.csv and 2020-01\.csv\.gz would both be the batch 2020-01",
    ),
    "the same batch in Parquet": (lambda: pinned_beside("2020-01.parquet"), "would both be the batch 2020-01"),
    "a name in capitals": (lambda: pinned_beside("2020-01.CSV"), "would both be the batch 2020-01"),
    "an edited batch": (lambda: beside("2020-01.csv"), r"2020-01\.csv is not as it is pinned; `dvc checkout "),
    "a batch that is not here": (
        lambda: (pinned_beside("2020-02.csv"), (RAW / "2020-02.csv").unlink()),
        r"2020-02\.csv of data/raw/tiny is pinned and not here; `dvc pull` fetches",
    ),
    "a pointer with a merge in it": (
        lambda: (beside("2020-02.csv"), write(str(RAW / "2020-02.csv.dvc"), "<<<<<<< HEAD\n- a\n")),
        r"2020-02\.csv\.dvc is no pointer of DVC; `git checkout",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), [pytest.param(*case, id=name) for name, case in STRAYS.items()])
def test_only_what_is_pinned_is_learned_from_and_all_of_it(spoil: Callable[[], object], said: str) -> None:
    adding.add(write("2020-01.csv", month(1)), "tiny")
    assert batches() == {"2020-01": 24}
    spoil()
    with pytest.raises(DataError, match=said):
        ingest()


def test_a_file_that_was_copied_by_hand_is_pinned_where_it_lies() -> None:
    adding.add(write("2020-01.csv", month(1)), "tiny")
    beside("2020-02.csv")
    with pytest.raises(DataError, match=r"2020-02\.csv is there with other content and not pinned; take it away"):
        adding.add(write("2020-02.csv", month(3)), "tiny")
    adding.add(RAW / "2020-02.csv", "tiny")
    assert batches() == {"2020-01": 24, "2020-02": 24}


def test_the_shipped_split_by_files_holds_for_an_archive_with_a_folder_in_it() -> None:
    adding.add(zipped(**{"kaggle/fraudTrain.csv": month(1), "kaggle/fraudTest.csv": month(2)}), "tiny")
    assert batches() == {"fraudTrain": 24, "fraudTest": 24}
    assert load_contract(Path("data/contracts/tiny.yaml")).name == "tiny"


def test_a_data_set_is_not_made_the_active_one_before_its_test_batch_is_there() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["datasets"]["tiny"]["split"] = {"protocol": "official", "test_batch": "may", "validation_days": 5}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    adding.add(write("export.csv", month(1)), "tiny")

    with pytest.raises(SettingsError, match="tiny is tested on the batch may, but pinned are export; add it, or name"):
        use("tiny")

    adding.add(write("may.csv", month(5)), "tiny")
    use("tiny")


def test_what_goes_into_the_commit_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    adding.add(write("export.csv", month(1)), "tiny", also=(Path("data/contracts/tiny.yaml"), Path("params.yaml")))

    assert "git add data/raw/tiny data/contracts/tiny.yaml params.yaml\n" in capsys.readouterr().out

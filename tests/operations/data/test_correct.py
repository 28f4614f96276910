"""What changes pinned rows: by a file of its own, through a gate of its own, applied by arrival."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.data import add as adding
from mlflow_fraud.operations.data.correct import correct
from mlflow_fraud.operations.data.past import write_past
from mlflow_fraud.operations.data.up_to_date import require_batches_here
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import ROOT, write_pointer
from tests.operations.data.test_door import CONTRACT, month, write

TABLE = Path("data/transactions.parquet")
CORRECTIONS = Path("data/raw/tiny/corrections")
HEAD = "id,column,value,arrived\n"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set of one pinned month; pinning writes DVC's pointer."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    split = {"protocol": "holdout", "validation_days": 5, "test_days": 5, "label_delay_days": 3}
    params["datasets"]["tiny"] = {"contract": "data/contracts/tiny.yaml", "split": split, "refit": "validation"}
    (tmp_path / "data/contracts").mkdir(parents=True)
    (tmp_path / "data/contracts/tiny.yaml").write_text(CONTRACT)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params | {"dataset": "tiny"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(adding.dvc_repo, "pin", write_pointer)
    adding.add(write("2020-01.csv", month(1)), "tiny")
    return tmp_path


def row(event_id: int) -> dict[str, object]:
    return pl.read_parquet(TABLE).filter(pl.col("event_id") == event_id).row(0, named=True)


def test_a_correction_is_pinned_once_and_ingest_applies_it(capsys: pytest.CaptureFixture[str]) -> None:
    ingest()
    before = TABLE.read_bytes()
    file = write("late.csv", HEAD + "1003,fraud,1,2020-03-01 00:00:00\n1004,amount,7.25,2020-02-10 12:00:00\n")

    target = correct(file)

    assert target is not None
    assert target.parent == CORRECTIONS
    assert target.with_name(f"{target.name}.dvc").is_file()
    ingest()
    assert (row(1003)["label"], row(1004)["amount"]) == (1, 725)
    assert "2 corrections from 1 file applied by arrival" in capsys.readouterr().out
    assert correct(file) is None
    assert "late.csv: 2 corrections, all pinned already" in capsys.readouterr().out
    more = write(
        "more.csv", file.read_text() + "1004,amount,8,2020-02-11 12:00:00\n1005,reversed,,2020-02-01 00:00:00\n"
    )
    correct(more)
    ingest()
    assert row(1004)["amount"] == 800
    assert 1005 not in pl.read_parquet(TABLE)["event_id"]
    for pinned in (*CORRECTIONS.glob("*.parquet"), *CORRECTIONS.glob("*.dvc")):
        pinned.unlink()
    ingest()
    assert TABLE.read_bytes() == before


def test_the_past_as_of_a_day_is_as_it_was() -> None:
    """Of rows of by then; a label that says no time of its own is known three days later here."""
    correct(write("late.csv", HEAD + "1000,fraud,0,2020-03-01 00:00:00\n1003,amount,7,2020-01-20 00:00:00\n"))
    said = write_past("2020-01-10", Path("then.parquet"))
    assert said == "then.parquet: 9 transactions of tiny as they were known at 2020-01-10 00:00:00"
    then = pl.read_parquet("then.parquet")
    assert then["event_id"].to_list() == [*range(1000, 1009)]
    assert then.filter(pl.col("event_id") == 1003)["amount"].item() == 450
    assert then["label"].to_list() == [1, 0, 0, 0, 0, 0, None, None, None]
    write_past("2020-03-02", Path("later.parquet"))
    later = pl.read_parquet("later.parquet")
    ingest()
    assert later.equals(pl.read_parquet(TABLE))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("77,amount,1,2020-02-01 00:00:00", "1 id is of no pinned row: 77"),
        ("1003,amout,1,2020-02-01 00:00:00", "amout is nothing that can be corrected, did you mean amount?"),
        ("1003,customer,C9,2020-02-01 00:00:00", "customer is nothing that can be corrected"),
        ("1003,amount,-1,2020-02-01 00:00:00", "amount: 1 value is not what the contract allows"),
        ("1003,fraud,2,2020-02-01 00:00:00", "fraud: 1 value is not what the contract allows"),
        ("1003,amount,much,2020-02-01 00:00:00", "amount: 1 value is not decimal; write a value as raw files have it"),
        ("1003,amount,,2020-02-01 00:00:00", "amount: 1 value is missing"),
        ("1003,erased,1,2020-02-01 00:00:00", "1 row that goes away with a value"),
        ("1003,amount,1,", "arrived: 1 value is missing"),
        ("1003,amount,1,2020-01-01 00:00:00", "1 correction arrives before the payment was made"),
        ("1003,amount,1,2090-01-01 00:00:00", "the newest arrival is 2090-01-01 00:00:00, in the future"),
        (
            "1003,amount,1,2020-02-01 00:00:00\n1003,amount,2,2020-02-01 00:00:00",
            "2 lines say of one row, column and arrival what another line says",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_pinned(line: str, sentence: str) -> None:
    file = write("wrong.csv", f"{HEAD}1002,amount,3.50,2020-02-01 00:00:00\n{line}\n")
    with pytest.raises(DataError, match=sentence.replace("?", "\\?")):
        correct(file)
    assert not CORRECTIONS.exists()


def test_another_value_at_a_pinned_arrival_is_refused() -> None:
    correct(write("one.csv", HEAD + "1003,amount,1,2020-02-01 00:00:00\n"))
    with pytest.raises(DataError, match="1 line says something else than what is pinned for the same row"):
        correct(write("two.csv", HEAD + "1003,amount,2,2020-02-01 00:00:00\n"))


def test_corrections_that_are_not_here_not_pinned_or_of_another_form_stop_ingest() -> None:
    target = correct(write("one.csv", HEAD + "1003,amount,1,2020-02-01 00:00:00\n"))
    assert target is not None
    content = target.read_bytes()
    target.unlink()
    for reads in (ingest, require_batches_here):
        with pytest.raises(DataError, match="is pinned and not here; `dvc pull` fetches"):
            reads()
    target.write_bytes(content)
    target.with_name("stray.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"stray\.parquet is not pinned; take it away"):
        ingest()
    pl.DataFrame({"a": [1]}).write_parquet(target.with_name("stray.parquet"))
    write_pointer(target.with_name("stray.parquet"))
    with pytest.raises(DataError, match=r"stray\.parquet is no table of corrections of the contract tiny: expected"):
        ingest()

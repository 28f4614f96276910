"""What is pinned has no plain value of a secret column, and with another key nothing is written at all."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.operations.data import add as adding
from mlflow_fraud.operations.data.bring import bring
from mlflow_fraud.operations.data.log import log
from mlflow_fraud.operations.data.pseudonym_key import key_line, new_key
from mlflow_fraud.operations.data.up_to_date import require_key
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import ROOT, write_pointer
from tests.secret_contract import CHECK, KEY, OTHER_KEY, left_in

CONTRACT = """
name: tiny
pseudonym_key_check: "{check}"
columns:
  id: {{role: event_id, type: integer}}
  paid_at: {{role: event_time, type: timestamp, format: "%Y-%m-%d %H:%M:%S"}}
  iban: {{role: entity, entity: account, type: text, secret: true}}
  amount: {{role: amount, type: decimal, minimum: 0}}
  fraud: {{role: label, type: integer, minimum: 0, maximum: 1}}
"""
RAW = Path("data/raw/tiny")
IBANS = [f"DE8937040044053201300{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set whose accounts are secret, and its key in the environment."""
    folder = tmp_path / "desk"
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    split = {"protocol": "holdout", "validation_days": 5, "test_days": 5}
    params["datasets"]["tiny"] = {"contract": "data/contracts/tiny.yaml", "split": split, "refit": "validation"}
    (folder / "data/contracts").mkdir(parents=True)
    (folder / "data/contracts/tiny.yaml").write_text(CONTRACT.format(check=CHECK))
    (folder / "params.yaml").write_text(yaml.safe_dump(params | {"dataset": "tiny"}))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(adding.dvc_repo, "pin", write_pointer)
    monkeypatch.setenv("FRAUD_PSEUDONYM_KEY", KEY)
    return folder


def month(number: int, ibans: list[str] = IBANS) -> str:
    lines = [
        f"{number * 1000 + day},2020-{number:02}-{day:02} 10:00:00,{ibans[day % 5]},{day}.50,{int(day % 9 == 0)}"
        for day in range(1, 25)
    ]
    return "\n".join(["id,paid_at,iban,amount,fraud", *lines]) + "\n"


def feed(name: str, content: str) -> Path:
    file = Path("..") / name
    file.write_text(content)
    return file


def tree() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def accounts() -> list[str]:
    ingest()
    return pl.read_parquet("data/transactions.parquet")["account"].to_list()


def test_a_batch_is_pinned_without_the_plain_numbers_and_the_report_says_so(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adding.add(feed("2020-01.csv", month(1)), "tiny")

    said = (
        "2020-01.csv: 24 values of iban hidden: pinned is a file with pseudonyms in their place, not the one that came"
    )
    assert said in capsys.readouterr().out
    assert len(set(accounts())) == 5
    assert left_in(desk, IBANS) == []


def test_the_same_batch_again_is_as_pinned_and_the_pinned_one_is_taken_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    adding.add(feed("2020-01.csv", month(1)), "tiny")
    before = tree()
    adding.add(Path("../2020-01.csv"), "tiny")
    adding.add(RAW / "2020-01.csv", "tiny")
    assert capsys.readouterr().out.count("1 batch of tiny is there and as pinned") == 2
    assert tree() == before


def test_accounts_meet_across_batches_whether_they_were_pinned_plain_or_not(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RAW.mkdir(parents=True)
    (RAW / "2020-01.csv").write_text(month(1))
    write_pointer(RAW / "2020-01.csv")
    adding.add(feed("2020-02.csv", month(2)), "tiny")

    assert len(set(accounts())) == 5
    assert "warning: 2020-01.csv: iban: 24 values are plain in the file" in capsys.readouterr().out
    assert left_in(desk, IBANS) == ["data/raw/tiny/2020-01.csv: bytes"]
    adding.add(RAW / "2020-01.csv", "tiny", replace=True)
    assert left_in(desk, IBANS) == []
    assert len(set(accounts())) == 5


@pytest.mark.parametrize("key", ["", OTHER_KEY, "hunter2-hunter2-hunter2"], ids=["no key", "another key", "a weak key"])
def test_with_another_key_nothing_is_written(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    adding.add(feed("2020-01.csv", month(1)), "tiny")
    ingest()
    feed("2020-02.csv", month(2))
    feed("own.yaml", CONTRACT.format(check=CHECK).replace("name: tiny", "name: own"))
    before = tree()
    monkeypatch.setenv("FRAUD_PSEUDONYM_KEY", key)

    asked = [
        lambda: adding.add(Path("../2020-02.csv"), "tiny"),
        lambda: adding.check(Path("../2020-02.csv"), "tiny", Path("gate")),
        lambda: bring(Path("../own.yaml"), Path("../2020-02.csv")),
        ingest,
        require_key,
        lambda: log("tiny"),
    ]
    for each in asked:
        with pytest.raises(SettingsError, match="FRAUD_PSEUDONYM_KEY") as refused:
            each()
        assert "hunter2" not in str(refused.value)
        assert tree() == before


def test_a_batch_under_another_key_is_refused_whole() -> None:
    other = CONTRACT.format(check=key_check(OTHER_KEY))
    Path("data/contracts/tiny.yaml").write_text(other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_PSEUDONYM_KEY", OTHER_KEY)
        adding.add(feed("2020-01.csv", month(1)), "tiny")
    Path("data/contracts/tiny.yaml").write_text(CONTRACT.format(check=CHECK))
    with pytest.raises(DataError, match=r"2020-01\.csv: iban: 24 values are pseudonyms of another key"):
        ingest()
    adding.add(Path("../2020-01.csv"), "tiny", replace=True)
    assert len(set(accounts())) == 5


def test_all_batches_of_an_old_key_are_replaced_in_one_go(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("../feeds").mkdir()
    feeds = [feed(f"feeds/2020-0{number}.csv", month(number)) for number in (1, 2)]
    adding.add(feeds[0].parent, "tiny")
    old = accounts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_PSEUDONYM_KEY", OTHER_KEY)
        Path("data/contracts/tiny.yaml").write_text(CONTRACT.format(check=key_check(OTHER_KEY)))
        adding.add(feeds[0].parent, "tiny", replace=True)
        new = accounts()
    assert "the pinned 2020-01.csv (its rows are not what the contract says now)" in capsys.readouterr().out
    assert len(set(new)) == len(set(old)) == 5
    assert not set(new) & set(old)


def key_check(key: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_PSEUDONYM_KEY", key)
        return key_line().split('"')[1]


def test_the_gates_pages_show_no_value_of_a_secret_column(desk: Path) -> None:
    report = adding.check(feed("2020-01.csv", month(1)), "tiny", Path("gate"))

    assert "account is a pseudonym" in [finding.rule for finding in report.findings if finding.holds]
    assert left_in(desk, IBANS) == []
    pages = [page.read_text() for page in Path("gate").rglob("*") if page.is_file()]
    assert not any(re.search("pn1-[0-9a-f]{8}", page) for page in pages)


def test_a_line_for_the_contract_is_made_of_a_key_and_a_new_key_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_line() == f'pseudonym_key_check: "{CHECK}"'
    variable, line = new_key()
    monkeypatch.setenv(*variable.split("=", 1))
    assert key_line() == line
    assert new_key() != (variable, line)
    monkeypatch.delenv("FRAUD_PSEUDONYM_KEY")
    with pytest.raises(
        SettingsError, match="FRAUD_PSEUDONYM_KEY is not set; set it to your key, or let `--new` make one"
    ):
        key_line()

"""The store in a folder keeps the promises of `BlobStore`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.core.errors import FraudError
from tests.store_suite import BlobSuite, OpenBlobs

INCREMENT = """
import sys
from pathlib import Path
from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.core.errors import PromotionConflict

store, done = FileStore(Path(sys.argv[1])), 0
while done < 50:
    blob = store.read("latest")
    try:
        store.replace("latest", b"%d" % (int(blob.content) + 1), etag=blob.etag)
        done += 1
    except PromotionConflict:
        pass
"""


@pytest.fixture
def open_blobs(tmp_path: Path) -> OpenBlobs:
    return lambda: FileStore(tmp_path / "store")


class TestFileStore(BlobSuite):
    pass


def test_processes_that_race_lose_no_increment(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("latest", b"0")
    racers = [subprocess.Popen([sys.executable, "-c", INCREMENT, tmp_path]) for _ in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    assert store.read("latest").content == b"150"  # type: ignore[union-attr]


def test_what_a_crash_left_half_written_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / ".0123.new").write_bytes(b"half")
    assert FileStore(tmp_path).keys("") == []


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a", b"1")
    store.create("b", b"1")
    store.replace("a", b"2", etag=store.read("a").etag)  # type: ignore[union-attr]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a", "b"]


def test_a_folder_that_is_a_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(FraudError, match=r"cannot write latest in the release store .*: .*check the folder"):
        FileStore(tmp_path / "store").write("latest", b"1")

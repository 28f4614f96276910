"""A journal gives back what it was given, whatever happened to its process in between."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from mlflow_fraud.adapters.journal_file import NEWER, JournalFile
from mlflow_fraud.core.errors import DataError

ROW = {
    "event_id": "0b242abb",
    "event_time": datetime(2020, 6, 21, 12, 14, 25, 1),
    "birth_date": date(1968, 3, 19),
    "amount": 2**62,
    "latitude": 0.1 + 0.2,
    "city": "Zürich",
    "category": None,
}
OPEN = """
import sys
from pathlib import Path
from mlflow_fraud.adapters.journal_file import JournalFile
JournalFile(Path(sys.argv[1]), kept=10)
"""


@contextmanager
def journal(folder: Path, kept: int = 100) -> Iterator[JournalFile]:
    file = JournalFile(folder, kept=kept)
    yield file
    file.close()


def held(folder: Path, kept: int = 100) -> list[Any]:
    with journal(folder, kept) as file:
        return list(file.entries())


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow over `size` bytes."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_entries_come_back_in_their_order_and_types(tmp_path: Path) -> None:
    entries = [{"scored": ROW}, {"label": ["0b242abb", 1, datetime(2020, 6, 28)]}]
    with journal(tmp_path) as file:
        for entry in entries:
            file.append(entry)
    with journal(tmp_path) as file:
        assert list(file.entries()) == entries
        file.append({"scored": {}})
    assert held(tmp_path) == [*entries, {"scored": {}}]


def test_an_entry_that_was_cut_off_is_dropped_and_the_next_one_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with journal(tmp_path) as file:
        file.append({"number": 1})
        file.append({"number": 2})
    path = tmp_path / NEWER
    path.write_bytes(path.read_bytes()[:-3])
    with journal(tmp_path) as file:
        file.append({"number": 3})
    assert held(tmp_path) == [{"number": 1}, {"number": 3}]
    assert "ends in the middle of an entry" in caplog.text


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    (tmp_path / NEWER).write_text('{"number":1}\nnot ours\n')
    with pytest.raises(DataError, match=rf"{NEWER}:2: expected an entry .* move the file away"):
        held(tmp_path)


def test_the_newest_stay_and_at_most_as_many_before_them(tmp_path: Path) -> None:
    for start in range(0, 35, 5):  # opened again and again
        with journal(tmp_path, kept=10) as file:
            assert len(list(file.entries())) <= 20
            for number in range(start, start + 5):
                file.append({"number": number})
    numbers = [entry["number"] for entry in held(tmp_path, kept=10)]
    assert numbers == list(range(20, 35))


def test_a_full_disk_leaves_no_half_entry(tmp_path: Path) -> None:
    with journal(tmp_path) as file:
        file.append({"number": 1})
        with room_for((tmp_path / NEWER).stat().st_size + 5), pytest.raises(OSError, match="only 5 of 13 bytes"):
            file.append({"number": 2})
        file.append({"number": 3})
    assert held(tmp_path) == [{"number": 1}, {"number": 3}]


def test_a_second_process_is_turned_away(tmp_path: Path) -> None:
    with journal(tmp_path):
        second = subprocess.run(
            [sys.executable, "-c", OPEN, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert "is in use by another service" in second.stderr
    assert subprocess.run([sys.executable, "-c", OPEN, str(tmp_path)], check=False).returncode == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file cannot hold the journal .* set FRAUD_JOURNAL"):
        JournalFile(tmp_path / "file", kept=10)


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    with journal(tmp_path) as file:
        file.append({"scored": ROW})
    assert (tmp_path / NEWER).stat().st_mode & 0o777 == 0o600

"""What a path holds comes in under names of its own, whole, or is refused; nothing is passed over in silence."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters.raw_batches import find_batches
from mlflow_fraud.core.errors import DataError

Pack = Callable[[zipfile.ZipFile], object]
LINK = 0o120777 << 16


def packed(folder: Path, pack: Pack) -> Path:
    with zipfile.ZipFile(folder / "feed.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        pack(archive)
    return folder / "feed.zip"


def members(*names: str) -> Pack:
    return lambda archive: [archive.writestr(name, f"content of {name}") for name in names]


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("x.csv")
    info.external_attr = LINK
    archive.writestr(info, "/etc/passwd")


REFUSED: dict[str, tuple[Pack, str]] = {
    "a way out": (members("../../x.csv"), r"'\.\./\.\./x\.csv' leads out of what it was packed in"),
    "a way out on Windows": (members("a\\..\\x.csv"), "leads out of what it was packed in"),
    "a place of its own": (members("/etc/x.csv"), "'/etc/x.csv' leads out"),
    "a drive": (members("C:\\data\\x.csv"), "'C:/data/x.csv' leads out"),
    "a zip inside": (members("x.csv", "more/inner.zip"), r"feed\.zip holds an archive, more/inner\.zip; unpack it"),
    "a tarball inside": (members("x.csv", "inner.tar.gz"), "holds an archive"),
    "one name twice": (members("x.csv", "x.csv"), r"holds two files of the name x\.csv"),
    "one batch packed and not": (members("x.csv", "x.csv.gz"), r"x\.csv and x\.csv\.gz would both be the batch x;"),
    "one batch in Parquet too": (members("a/x.csv", "a/x.parquet"), "would both be the batch a_x"),
    "names that differ in capitals": (members("X.csv", "x.csv"), r"X\.csv and x\.csv would both be the batch x"),
    "accents in two forms": (members("\u00e9.csv", "e\u0301.csv"), "would both be the batch"),
    "names that meet with their folders": (members("a/b_x.csv", "a_b/x.csv", "a/b/x.csv"), "would both be the batch"),
    "a link": (link, r"x\.csv in feed\.zip is a link to another file"),
    "a line end in a name": (members("a\nb.csv"), r"'a\\nb\.csv' is no name for a batch"),
    "a name without end": (members("x" * 220 + ".csv"), "is no name for a batch"),
    "no batch": (members("readme.txt", "__MACOSX/._x.csv", ".hidden.csv"), r"holds no \.csv, \.csv\.gz, \.parquet"),
}

NAMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "one folder around all": (("kaggle/a.csv", "kaggle/b.csv"), ("a.csv", "b.csv")),
    "one name in two folders": (("1/x.csv", "2/x.csv"), ("1_x.csv", "2_x.csv")),
    "in folders of folders": (("2020/1/x.csv", "2021/1/x.csv"), ("2020_1_x.csv", "2021_1_x.csv")),
    "one name with two suffixes": (("1/x.csv", "2/x.parquet"), ("1_x.csv", "2_x.parquet")),
    "capitals in two folders": (("1/X.csv", "2/x.csv"), ("1_X.csv", "2_x.csv")),
    "only some meet": (("x.csv", "1/x.csv", "y.csv"), ("1_x.csv", "x.csv", "y.csv")),
    "a suffix in capitals": (("DATA.CSV", "MORE.Csv.GZ"), ("DATA.csv", "MORE.csv.gz")),
    "blanks and letters": (("May 2020.csv", "größe.csv"), ("May 2020.csv", "größe.csv")),
    "what a Mac leaves": (("x.csv", "__MACOSX/._x.csv", "._x.csv", ".DS_Store"), ("x.csv",)),
}


@pytest.mark.parametrize(("pack", "said"), [pytest.param(*case, id=name) for name, case in REFUSED.items()])
def test_a_zip_that_cannot_come_in_whole_is_refused(pack: Pack, said: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=said):
        find_batches(packed(tmp_path, pack), tmp_path / "out")
    assert list(tmp_path.rglob("*.csv")) == []


@pytest.mark.parametrize(("places", "names"), [pytest.param(*case, id=name) for name, case in NAMED.items()])
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_each_file_comes_in_under_a_name_of_its_own(
    kind: str, places: tuple[str, ...], names: tuple[str, ...], tmp_path: Path
) -> None:
    archive = packed(tmp_path, members(*places, "folder.csv/"))
    (tmp_path / "out").mkdir()
    if kind == "folder":
        with zipfile.ZipFile(archive) as unpacked:
            unpacked.extractall(tmp_path / "in")
    found = find_batches(archive if kind == "zip" else tmp_path / "in", tmp_path / "out")
    assert tuple(file.name for file in found) == names
    wanted = {f"content of {place}" for place in places if "._" not in place and ".DS" not in place}
    assert {file.read_text() for file in found} == wanted


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_what_is_not_read_is_told(kind: str, tmp_path: Path) -> None:
    archive = packed(tmp_path, members("x.csv", "readme.txt", "old/x.xlsx", ".y.csv", "z.tsv", "__MACOSX/._x.csv"))
    (tmp_path / "out").mkdir()
    if kind == "folder":
        with zipfile.ZipFile(archive) as unpacked:
            unpacked.extractall(tmp_path / "feed.zip.d")
    told: list[str] = []
    find_batches(archive if kind == "zip" else tmp_path / "feed.zip.d", tmp_path / "out", told.append)
    (line,) = told
    assert all(name in line for name in ("and 1 more", "no .csv, .csv.gz, .parquet file"))
    assert "MACOSX" not in line


def test_a_password_is_named(tmp_path: Path) -> None:
    archive = packed(tmp_path, members("x.csv"))
    content = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + place
        content[at : at + 2] = struct.pack("<H", 1)
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"feed\.zip is protected by a password; unpack it and add the folder"):
        find_batches(archive, tmp_path)


def test_a_way_of_packing_that_is_not_known_is_named(tmp_path: Path) -> None:
    archive = packed(tmp_path, members("x.csv"))
    content = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(mark) + place
        content[at : at + 2] = struct.pack("<H", 9)
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"feed\.zip cannot be unpacked here: .*; unpack it and add the folder"):
        find_batches(archive, tmp_path)


def test_altered_content_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "feed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", "1,2,3\n" * 5000)
    content = bytearray((tmp_path / "feed.zip").read_bytes())
    content[50:60] = b"\xff" * 10
    (tmp_path / "feed.zip").write_bytes(content)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=r"feed\.zip is not a whole zip file: .*; fetch it again"):
        find_batches(tmp_path / "feed.zip", tmp_path / "out")


def test_a_file_may_have_its_suffix_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "MAY.CSV").write_text("a\n1\n")
    (tmp_path / "out").mkdir()
    (found,) = find_batches(tmp_path / "MAY.CSV", tmp_path / "out")
    assert (found.name, found.read_text()) == ("MAY.csv", "a\n1\n")


def test_a_linked_folder_is_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.csv").touch()
    (tmp_path / "in/round").symlink_to(tmp_path / "in")
    told: list[str] = []
    assert [file.name for file in find_batches(tmp_path / "in", tmp_path, told.append)] == ["x.csv"]
    assert told == ["not read from in: round (no .csv, .csv.gz, .parquet file)"]

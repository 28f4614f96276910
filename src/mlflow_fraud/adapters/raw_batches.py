"""The batches that a path holds, each in a file of its own name: one file, the files of a folder, or those of a zip."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mlflow_fraud.core.contract.batch_names import SUFFIXES, batch_of, is_batch_name, names_of
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import DataError

Tell = Callable[[str], None]

ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What desktops leave in folders and archives; not worth a word."""
_ENCRYPTED = 0x1


def quiet(line: str) -> None:
    """Tell nobody."""


def find_batches(path: Path, unpack_to: Path, tell: Tell = quiet) -> list[Path]:
    """Return the batches that `path` holds: itself, the files in a folder and those below it, or those in a zip.

    Files in a zip are unpacked into `unpack_to`; where the files of two folders have one name, each goes on under a
    name with its folders in it. What is not read is told. Raises `DataError` where there is no batch, or where two
    files would be one.
    """
    if path.is_dir():
        found = _in_folder(path, unpack_to, tell)
    elif path.is_file() and path.suffix.lower() == ".zip":
        found = _unpack(path, unpack_to, tell)
    elif path.is_file() and is_batch(path):
        found = [_called(path, names_of([path.name])[path.name], unpack_to)]
    else:
        raise DataError(
            f"{path} is not there or is no batch; expected a {', '.join(SUFFIXES)} or .zip file, or a folder of them"
        )
    if not found:
        raise DataError(f"{path} holds no {', '.join(SUFFIXES)} file")
    return sorted(found, key=lambda file: file.name)


def batches_in(folder: Path) -> list[Path]:
    """Return the batches that lie in a folder, by name; raise `DataError` where two files are one batch."""
    found = sorted(path for path in folder.glob("*") if path.is_file() and is_batch(path))
    names_of(path.name for path in found)
    return found


def is_batch(path: Path) -> bool:
    """Return whether a file's name is that of a batch."""
    return is_batch_name(path.name)


def batch_name(path: Path) -> str:
    """Return the name of the batch in a file.

    >>> batch_name(Path("data/raw/cards/2020-01.csv.gz"))
    '2020-01'
    """
    return batch_of(path.name)


def _in_folder(folder: Path, links: Path, tell: Tell) -> list[Path]:
    places = list(_below(folder))
    names = names_of(_batches_of(places, folder, tell))
    _tell_of_names(names, tell)
    return [_called(folder / place, name, links) for place, name in names.items()]


def _below(folder: Path) -> Iterator[str]:
    """Give the place of each file in a folder and below it; hidden folders are left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked = [name for name in folders if (Path(root) / name).is_symlink()]
        yield from ((Path(root) / name).relative_to(folder).as_posix() for name in (*sorted(files), *linked))


def _called(file: Path, name: str, links: Path) -> Path:
    """Return a path of this name to the file: its own, or else a link in `links`."""
    if file.name == name:
        return file
    link = links / name
    link.symlink_to(file.absolute())
    return link


def _unpack(archive: Path, folder: Path, tell: Tell) -> list[Path]:
    try:
        with zipfile.ZipFile(archive) as packed:
            members = _members(archive, packed)
            names = names_of(_batches_of(members, archive, tell))
            _tell_of_names(names, tell)
            return [_unpack_one(packed, members[place], folder / name) for place, name in names.items()]
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeError) as error:
        raise DataError(f"{archive.name} is not a whole zip file: {error}; fetch it again") from None
    except NotImplementedError as error:
        raise DataError(f"{archive.name} cannot be unpacked here: {error}; unpack it and add the folder") from None
    except OSError as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error.strerror or error}") from None


def _members(archive: Path, packed: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files in a zip by their places; raise `DataError` for one that cannot be read as it stands."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in packed.infolist():
        place = info.filename.replace("\\", "/")
        if info.is_dir() or place.endswith("/") or _is_junk(place):
            continue
        if place in members:
            raise DataError(f"{archive.name} holds two files of the name {place}; pack them again under two names")
        if info.flag_bits & _ENCRYPTED:
            raise DataError(f"{archive.name} is protected by a password; unpack it and add the folder")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"{place} in {archive.name} is a link to another file; pack the file itself")
        if place.lower().endswith(ARCHIVES):
            raise DataError(f"{archive.name} holds an archive, {place}; unpack it and add what is in it")
        members[place] = info
    return members


def _unpack_one(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> Path:
    with packed.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    return target


def _batches_of(places: Iterable[str], where: Path, tell: Tell) -> list[str]:
    """Return the places of batches; the other files are told, but for what desktops leave."""
    worth = [place for place in places if not _is_junk(place)]
    batches = [place for place in worth if is_batch_name(place.rsplit("/", 1)[-1])]
    others = [place for place in worth if place not in set(batches)]
    if others:
        tell(f"not read from {where.name or where}: {listed(others)} (no {', '.join(SUFFIXES)} file)")
    return batches


def _is_junk(place: str) -> bool:
    return bool(set(place.split("/")) & set(JUNK)) or "/._" in f"/{place}"


def _tell_of_names(names: dict[str, str], tell: Tell) -> None:
    for place, name in names.items():
        if name.lower() != place.rsplit("/", 1)[-1].lower():
            tell(f"{place} goes on as {name}: other files have its name too")

"""`dvc.lock`: what each stage ran with, and whether that is still what lies here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from mlflow_fraud.adapters.files import md5
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.paths import LOCK


def locked_params(lock: Path = LOCK) -> dict[str, Any]:
    """Return every parameter that the stages in `dvc.lock` ran with, by its dotted name in `params.yaml`."""
    found: dict[str, Any] = {}
    for stage in _stages(lock).values():
        found |= stage.get("params", {}).get("params.yaml", {})
    return found


def locked_data(lock: Path = LOCK) -> dict[str, str]:
    """Return the MD5 of every data file that `dvc.lock` names, inputs and outputs alike."""
    items = [item for stage in _stages(lock).values() for key in ("deps", "outs") for item in stage.get(key, [])]
    return {item["path"]: item["md5"] for item in items if item["path"].startswith("data/") and "md5" in item}


def locked_test(text: str) -> tuple[Any, Any]:
    """Return what says which rows the test has, of the text of a `dvc.lock`: the hash of all rows, and the split.

    >>> locked_test("schema: '2.0'")
    (None, None)
    """
    stages = _parsed(text, str(LOCK))
    outs = stages.get("ingest", {}).get("outs", [{}])
    settings = stages.get("preprocess", {}).get("params", {}).get("params.yaml", {})
    split = settings.get("datasets", {}).get(settings.get("dataset"), {}).get("split")
    return outs[0].get("md5"), split


def locked_out(text: str, path: Path) -> str | None:
    """Return the hash of what a stage left at `path`, of the text of a `dvc.lock`; None where none did.

    >>> locked_out("stages: {ship: {outs: [{path: data/models/shipped/model, md5: 0a.dir}]}}", Path("data"))
    """
    outs = (out for stage in _parsed(text, str(LOCK)).values() for out in stage.get("outs", []))
    return next((out.get("md5") for out in outs if out["path"] == path.as_posix()), None)


def locked_code(stages: Iterable[str], lock: Path = LOCK) -> dict[str, str]:
    """Return the MD5 of every source file or folder that the stages ran with."""
    known = _stages(lock)
    items = [known.get(stage, {}).get("deps", []) for stage in stages]
    return {item["path"]: item["md5"] for each in items for item in each if item["path"].startswith("src/")}


def changed_since(stage: str, under: str, lock: Path = LOCK) -> list[str]:
    """Return what below `under` is not as `dvc.lock` says the stage found or left it, or that it has no such stage."""
    locked = _stages(lock).get(stage)
    if locked is None:
        return [f"{lock} without the stage {stage}"]
    items = [item for key in ("deps", "outs") for item in locked.get(key, []) if item["path"].startswith(under)]
    return [item["path"] for item in items if md5_of(Path(item["path"])) != item.get("md5")]


def _stages(lock: Path) -> dict[str, Any]:
    return _parsed(lock.read_bytes(), str(lock)) if lock.is_file() else {}


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same values in an eighth of the time, where it was built


def _parsed(content: str | bytes, lock: str) -> dict[str, Any]:
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return dict((yaml.load(text, Loader=_Loader) or {}).get("stages", {}))
    except (yaml.YAMLError, AttributeError, UnicodeError):
        raise SettingsError(f"{lock} is not as DVC writes it; `git checkout {lock}` takes the committed one") from None


def md5_of(path: Path) -> str:
    """Return a file's or a folder's MD5 as DVC counts it, empty where it is not there."""
    if path.is_file():
        return md5(path)
    if not path.is_dir():
        return ""
    inside = (file for file in path.rglob("*") if file.is_file() and not _ignored(file))
    listed = sorted(({"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in inside), key=_relpath)
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _relpath(entry: dict[str, str]) -> str:
    return entry["relpath"]


def _ignored(file: Path) -> bool:
    """Return whether `.dvcignore` leaves the file out: what Python keeps beside its modules."""
    return "__pycache__" in file.parts or file.suffix == ".pyc"

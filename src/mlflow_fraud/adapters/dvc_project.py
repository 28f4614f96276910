"""DVC's own files in this folder, looked at before DVC is asked for anything."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.paths import DATA, DVC_CONFIG, LOCK, MODELS, PARAMS_FILE, PIPELINE

MARKS = ("<<<<<<< ", ">>>>>>> ")


def require_no_marks(folder: Path = Path()) -> None:
    """Raise `SettingsError` where a file that git merges, and that is read here, has the marks of a conflict."""
    for file in (DVC_CONFIG, PIPELINE, PARAMS_FILE, LOCK, *_pointers(folder), *_metrics(folder)):
        if (folder / file).is_file():
            _unmarked(folder, file)


def require_project(folder: Path = Path()) -> None:
    """Raise `SettingsError` where DVC could not work: this is no project of it, or a file of its own is broken."""
    for file in (DVC_CONFIG, PIPELINE):
        if not (folder / file).is_file():
            raise SettingsError(
                f"{file} is not here, so this folder is no DVC project; run from the repository's top folder, or clone "
                "the repository again"
            )
    require_no_marks(folder)
    for file in (PIPELINE, LOCK, *_pointers(folder)):  # who reads the others says more
        if (folder / file).is_file():
            _require_yaml(_unmarked(folder, file), file)


def whole_addresses(config: str, folder: Path) -> str:
    r"""Return the text of a `.dvc/config.local` of `folder` with its places by whole paths, to be used elsewhere.

    >>> print(whole_addresses("['remote \"store\"']\n    url = ../../store\n", Path("/srv/fraud")), end="")
    ['remote "store"']
    url = /srv/store
    >>> print(whole_addresses("['remote \"store\"']\n    url = s3://bank/dvc\n", Path("/srv/fraud")), end="")
    ['remote "store"']
    url = s3://bank/dvc
    """
    lines = []
    for line in config.splitlines():
        name, _, place = (part.strip() for part in line.partition("="))
        here = name in ("url", "dir") and "://" not in place and not Path(place).is_absolute()
        lines.append(f"{name} = {os.path.normpath(folder / DVC_CONFIG.parent / place)}" if here else line.strip())
    return "".join(f"{line}\n" for line in lines)


def _pointers(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in (folder / DATA).rglob("*.dvc"))


def _metrics(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in (folder / MODELS).glob("*/metrics.json"))


def _unmarked(folder: Path, file: Path) -> str:
    """Return the file's text; raise `SettingsError` where it has the marks of a conflict."""
    text = (folder / file).read_text(encoding="utf-8", errors="replace")
    marked = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith(MARKS)]
    if marked:
        again = ", then `dvc repro`, and commit it" if file == LOCK or file.name == "metrics.json" else ""
        raise SettingsError(
            f"{file} has the marks of a merge conflict from line {marked[0]} on; take one side: "
            f"`git checkout --ours {file}` or `--theirs`{again}"
        )
    return text


def _require_yaml(text: str, file: Path) -> None:
    committed = f"`git checkout {file}` takes the committed one"
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SettingsError(f"{file} is no YAML from line {line} on: correct it; {committed}") from None
    keys = {LOCK: ("schema",), PIPELINE: ("stages",)}.get(file, ("outs",))
    if content is None and file == LOCK:
        return
    if not isinstance(content, dict) or any(key not in content for key in keys):
        raise SettingsError(f"{file} does not have what DVC writes, {' and '.join(keys)}: correct it; {committed}")

"""Where the answers to a file are written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.core.errors import SettingsError

KINDS = (".csv", ".parquet")


def target_of(file: Path, out: Path | None) -> Path:
    """Return where answers are written; raise `SettingsError` where that is no table's name, or the file itself."""
    kind = ".parquet" if file.suffix.lower() == ".parquet" else ".csv"
    target = out or file.with_name(f"{batch_name(file)}.scores{kind}")
    written = {each.resolve() for each in (target, refused_beside(target))}
    if target.suffix.lower() not in KINDS or file.resolve() in written or target.is_dir():
        raise SettingsError(f"--out is {target}; expected the name of another file that ends in {' or '.join(KINDS)}")
    return target


def refused_beside(target: Path) -> Path:
    """Return where it is written which rows were refused."""
    return target.with_name(f"{target.stem}.refused.csv")


def require_folder(folder: Path) -> None:
    """Make a folder where it is not there; raise `SettingsError` where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".scoring-"):
            pass
    except OSError as error:
        raise SettingsError(f"nothing can be written into {folder} ({error.strerror}); say where by --out") from None

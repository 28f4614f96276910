"""For which changed files a pull request retrains: all that a stage depends on, and what says what a stage is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mlflow_fraud.paths import CONTRACTS, LOCK, PARAMS_FILE, PIPELINE, RAW


def trigger_paths(pipeline: Path = PIPELINE) -> list[str]:
    """Return the patterns of `paths:` in `retrain.yml`: data and pipeline first, then the code of the stages."""
    return paths_of(yaml.safe_load(pipeline.read_text(encoding="utf-8")))


def paths_of(pipeline: Mapping[str, Any]) -> list[str]:
    """Return the patterns for the content of a `dvc.yaml`; what stages make themselves is not among them.

    >>> stages = {"ingest": {"deps": ["data/raw/${dataset}", "${core}/gate", {"src/a.py": {}}, "data/made.parquet"]}}
    >>> paths_of({"vars": [{"core": "src/core"}], "stages": stages})[-2:]
    ['src/a.py', 'src/core/gate/**']
    """
    told = {name: value for each in pipeline.get("vars", []) for name, value in each.items()}
    deps = [dep for stage in pipeline["stages"].values() for dep in stage.get("deps", [])]
    names = (next(iter(dep)) if isinstance(dep, Mapping) else dep for dep in deps)
    whole = {re.sub(r"\$\{(\w+)\}", lambda found: str(told.get(found[1], found[0])), name) for name in names}
    code = sorted(name for name in whole if not name.startswith("data/") and not _is_within(name, whole))
    own = [f"{RAW.as_posix()}/**", f"{CONTRACTS.as_posix()}/**", *(str(each) for each in (LOCK, PIPELINE, PARAMS_FILE))]
    return own + [_pattern(name) for name in code]


def _is_within(name: str, others: Iterable[str]) -> bool:
    return any(name.startswith(f"{other}/") for other in others)


def _pattern(name: str) -> str:
    return name if Path(name).suffix else f"{name}/**"

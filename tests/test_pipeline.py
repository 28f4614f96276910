"""What a stage depends on in `dvc.yaml` is the code that makes its outputs: no more, and nothing is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

SOURCE = ROOT / "src"
STAGES = ("ingest", "validate", "preprocess", "train", "ship")


def code_of(stage: str) -> list[Path]:
    """Return the code that the stage names as its dependencies, files and folders."""
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    names = {name: path for each in pipeline["vars"] for name, path in each.items()}
    told = [dep.replace("${", "{") for dep in pipeline["stages"][stage]["deps"] if dep.startswith("${")]
    return [ROOT / dep.format(**names) for dep in told]


def imported_by(stage: str) -> set[Path]:
    """Return the stage's module and all of this package that it imports, directly or not."""
    found, left = set[Path](), [SOURCE / "mlflow_fraud/stages" / f"{stage}.py"]
    while left:
        module = left.pop()
        if module not in found:
            found.add(module)
            left += _imports(module)
    return found


def _imports(module: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlflow_fraud"):
            names = [f"{node.module}", *(f"{node.module}.{each.name}" for each in node.names)]
            paths = [SOURCE.joinpath(*name.split(".")).with_suffix(".py") for name in names]
            yield from (path for path in paths if path.exists())


def is_told(module: Path, told: list[Path]) -> bool:
    return any(module == each or each in module.parents for each in told)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_code_that_it_runs(stage: str) -> None:
    modules, told = imported_by(stage), code_of(stage)
    assert told
    assert [each for each in told if not any(is_told(module, [each]) for module in modules)] == []


@pytest.mark.parametrize(("stage", "package"), [("validate", "gate"), ("preprocess", "features")])
def test_a_stage_depends_on_each_module_of_what_it_computes(stage: str, package: str) -> None:
    computing = {module for module in imported_by(stage) if module.parent.name == package}
    assert len(computing) > 3
    assert [module for module in computing if not is_told(module, code_of(stage))] == []

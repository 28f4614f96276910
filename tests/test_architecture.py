"""The tree is as `docs/architecture.md` says it is."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from mlflow_fraud import paths
from mlflow_fraud.core.learning.split import BETWEEN, PARTS
from tests.conftest import ROOT

PACKAGE = ROOT / "src/mlflow_fraud"
PAGE = (ROOT / "docs/architecture.md").read_text()


def folders(where: Path) -> set[str]:
    return {folder.name for folder in where.iterdir() if (folder / "__init__.py").is_file()}


def test_the_page_names_every_folder_and_loose_module() -> None:
    missing = [name for name in folders(PACKAGE) if f"`{name}/`" not in PAGE]
    missing += [name for name in folders(PACKAGE / "core") if f"<b>{name}/</b>" not in PAGE]
    missing += [
        name for name in folders(PACKAGE / "operations") if not re.search(rf"operations/</b>.*\b{name}\b", PAGE)
    ]
    loose = {file.name for file in PACKAGE.glob("*.py")} - {"__init__.py"}
    ground = {file.stem for file in (PACKAGE / "core").glob("*.py")} - {"__init__"}
    said = re.search(r'ground\["(.*)"\]', PAGE)
    assert missing == []
    assert [name for name in loose if f"`{name}`" not in PAGE] == []
    assert said is not None
    assert set(said[1].split(" · ")) == ground


def test_every_file_and_folder_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:core|adapters|stages|operations|serving|tests|docs|flows|simulation)/[\w/.]*)`", PAGE)
    places = (ROOT, PACKAGE)
    assert len(named) > 20
    assert [
        name
        for name in named
        if not any((place / name).exists() or (place / f"{name}.py").exists() for place in places)
    ] == []


def test_the_picture_has_the_arrows_of_the_core_and_no_other() -> None:
    drawn = set[tuple[str, str]]()
    for above, below in re.findall(r"^ {4}([\w &]+) --> (\w+)$", PAGE, re.MULTILINE):
        drawn |= {(each, below) for each in above.split(" & ")}
    stations = folders(PACKAGE / "core")
    found = set[tuple[str, str]]()
    for station in stations:
        for module in (PACKAGE / "core" / station).glob("*.py"):
            for other in re.findall(r"^from mlflow_fraud\.core\.(\w+)", module.read_text(), re.MULTILINE):
                found.add((station, other if other in stations else "ground"))
    found = {(above, below) for above, below in found if above != below}
    # a station on the second floor may stand on the ground as well; the picture draws that once, from the first
    assert {arrow for arrow in found if arrow[1] != "ground"} == {arrow for arrow in drawn if arrow[1] != "ground"}


def test_the_import_contracts_name_every_station() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    path = next(each for each in contracts if each.get("containers") == ["mlflow_fraud.core"])
    assert path["exhaustive"]
    assert set(re.findall(r"\w+", " ".join(path["layers"]))) >= folders(PACKAGE / "core")


def test_no_stage_module_is_there_that_no_stage_needs() -> None:
    from tests.test_pipeline import STAGES, imported_by

    used = set().union(*(imported_by(stage) for stage in STAGES))
    assert [file.name for file in (PACKAGE / "stages").glob("[a-z]*.py") if file not in used] == []


def strings(file: Path) -> list[str]:
    """Return the texts in a module's code: no docstrings, no examples."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in said]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_a_place_on_disk_is_said_in_one_module() -> None:
    modules = [*PACKAGE.rglob("*.py"), *(ROOT / "flows").rglob("*.py")]
    whole = re.compile(r"(data|\.local|\.dvc)/[\w./-]*|(params|dvc)\.yaml|dvc\.lock")
    found = {f"{file.name}: {text}" for file in modules for text in strings(file) if whole.fullmatch(text)}
    assert {each for each in found if not each.startswith("paths.py: ")} == SAID_ELSEWHERE


SAID_ELSEWHERE = {
    "release.py: dvc.lock",  # names inside a release, which stay what they are
    "release.py: params.yaml",
    "dvc_lock.py: params.yaml",  # keys of DVC's own file
    "dvc_lock.py: data/",
    "git_repo.py: dvc.yaml",  # what git is asked about, beside folders of code
}


def test_what_the_pipeline_makes_lies_where_the_paths_say() -> None:
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    made = {
        str(next(iter(out)) if isinstance(out, dict) else out)
        for stage in pipeline.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    }
    files = {str(value) for value in vars(paths).values() if isinstance(value, Path)}
    files |= {str(paths.part_file(part)) for part in (*PARTS, BETWEEN)}
    models = tuple(str(paths.model_folder(name)) for name in ("${item.candidate}", paths.SHIPPED))
    assert {out for out in made if out not in files and not out.startswith(models)} == set()


def test_git_keeps_what_is_made_out_and_what_is_pinned_in() -> None:
    made = [value for value in vars(paths).values() if isinstance(value, Path) and value not in KEPT_IN]
    asked = [str(value / "x" if value.suffix == "" else value) for value in made if value != paths.DATA]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *asked], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert [each for each in asked if each not in ignored and not each.startswith(str(paths.MODELS))] == []


KEPT_IN = {paths.PARAMS_FILE, paths.PIPELINE, paths.LOCK, paths.DVC_CONFIG, paths.CONTRACTS, paths.RAW}

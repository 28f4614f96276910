"""How promote.yml asks for a promotion: its step itself, typed with a program in the place of ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

BEFORE = "1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a3f2e"


def workflow() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/promote.yml").read_text())
    return document


@pytest.fixture
def asks(tmp_path: Path) -> Callable[..., str]:
    """Run the step with these variables; return with which words the program was called."""
    steps = workflow()["jobs"]["promote"]["steps"]
    (step,) = [each for each in steps if each.get("name") == "Promote what was reviewed"]
    program = tmp_path / "mlflow-fraud"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)

    def run(**told: str) -> str:
        environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "page")}
        environ |= {"FRAUD_RELEASE_STORE": "s3://bank-fraud/live", "FIRST": "", "BASE": ""} | told
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert (tmp_path / "page").read_text().endswith(ended.stdout)
        return ended.stdout.strip()

    return run


def test_a_merge_is_judged_by_the_rule_that_was_there_before_it(asks: Callable[..., str]) -> None:
    assert asks(BASE=BEFORE) == f"promote --reviewed --base {BEFORE}"


def test_a_first_push_of_main_has_no_rule_before_it_and_is_judged_by_its_own(asks: Callable[..., str]) -> None:
    assert asks(BASE="0" * 40) == "promote --reviewed"


def test_by_hand_it_is_the_rule_of_main_and_a_first_release_is_asked_for(asks: Callable[..., str]) -> None:
    assert asks() == "promote --reviewed"
    assert asks(FIRST="--first") == "promote --reviewed --first"


def test_going_back_neither_waits_for_a_promotion_nor_gives_way_to_one() -> None:
    """A promotion may wait for a reviewer for days; those behind it keep their turn."""
    groups = workflow()["concurrency"]
    assert groups["group"] == "${{ inputs.what == 'rollback' && 'rollback' || 'promotion' }}"
    assert (groups["cancel-in-progress"], groups["queue"]) == (False, "max")


def test_no_token_of_a_workflow_lets_anything_go_live_or_back() -> None:
    """Who runs a run of somebody else's again triggers it, and its actor stays the other."""
    may = [job["if"] for name, job in workflow()["jobs"].items() if "environment" in job]
    assert len(may) == 2
    assert all(each.rstrip().endswith("&& github.triggering_actor != 'github-actions[bot]'") for each in may)

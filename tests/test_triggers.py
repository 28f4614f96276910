"""The workflow starts for every file that a stage depends on: its list is the one that dvc.yaml makes."""

from __future__ import annotations

import yaml

from docs.made.triggers import WORKFLOW, workflow
from mlflow_fraud.operations.review.paths import trigger_paths
from mlflow_fraud.paths import PIPELINE
from tests.conftest import ROOT


def test_the_list_in_retrain_yml_is_the_one_that_the_pipeline_makes() -> None:
    """`python -m docs.made` writes it."""
    assert WORKFLOW.read_text() == workflow()
    document = yaml.safe_load(WORKFLOW.read_text())
    assert document[True]["pull_request"]["paths"] == trigger_paths(ROOT / PIPELINE)  # YAML 1.1 reads `on` as true


def test_it_is_started_by_hand_too_since_github_starts_nothing_for_a_pull_request_in_conflict() -> None:
    document = yaml.safe_load(WORKFLOW.read_text())
    assert document[True]["workflow_dispatch"]["inputs"].keys() == {"number", "base"}
    told = document["jobs"]["retrain"]["env"]
    assert {name: told[name].split(" || ")[1] for name in ("NUMBER", "BRANCH", "BASE")} == {
        "NUMBER": "inputs.number }}",
        "BRANCH": "github.ref_name }}",
        "BASE": "inputs.base }}",
    }

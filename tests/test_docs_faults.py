"""The table of faults names what is there: tests, alerts, metrics, and fields of readiness."""

from __future__ import annotations

import re

import yaml

from mlflow_fraud.serving.app import Readiness
from mlflow_fraud.serving.writer import BACKLOG, WAIT_SECONDS
from tests.conftest import ROOT
from tests.test_docs_places import names, page, rows

FAULTS = rows(page("faults.md"), "fault")
OUTCOMES = [row for row in FAULTS if "lost" in row]
SHOWN = [row for row in FAULTS if "test" in row]


def test_every_fault_has_its_outcome_and_a_test_that_shows_it() -> None:
    assert [row["fault"] for row in OUTCOMES] == [row["fault"] for row in SHOWN]
    assert len(OUTCOMES) > 15
    assert all(row["a client sees"] and row["an operator sees"] and row["lost"] for row in OUTCOMES)


def test_every_test_of_the_table_is_there() -> None:
    sources = [file.read_text() for file in (ROOT / "tests").rglob("test_*.py")]
    there = {found for source in sources for found in re.findall(r"^def (test_\w+)\(", source, re.MULTILINE)}
    for row in SHOWN:
        assert names(row["test"])
        assert [each for each in names(row["test"]) if each not in there] == []


def test_every_alert_of_the_table_is_a_rule() -> None:
    groups = yaml.safe_load(page("alerts.yml"))["groups"]
    rules = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {each for row in OUTCOMES for each in names(row["alert"])} - rules == set()


def test_what_an_operator_sees_is_shown_by_the_service() -> None:
    shown = set(re.findall(r"^\| `(fraud_\w+)", page("serving.md"), re.MULTILINE))
    reasons = {
        each for row in rows(page("serving.md"), "status") for each in re.findall(r"/problems/([\w-]+)", row["`type`"])
    }
    there = shown | set(Readiness.model_fields) | reasons | {"no-room"}
    assert {each for row in OUTCOMES for each in names(row["an operator sees"])} - there == set()


def test_the_table_says_the_real_numbers() -> None:
    assert f"after {WAIT_SECONDS * 1000:g} ms" in page("faults.md")
    assert f"until {BACKLOG:,} payments wait" in page("faults.md")

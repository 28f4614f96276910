"""The documents say what is so: files exist, words and variables are the real ones, examples are accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlflow_fraud.adapters.key_file import BYTES
from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.describing.page import page_of
from mlflow_fraud.core.explaining.reasons import MOST as MOST_REASONS
from mlflow_fraud.core.features.clock import IN_A_ROW, SEVERAL, STEADY
from mlflow_fraud.core.gate.in_words import HOW
from mlflow_fraud.core.gate.rules import rules_of
from mlflow_fraud.environment import PREFIX, Environment
from mlflow_fraud.serving.batch import PIECE, PIECE_SECONDS
from mlflow_fraud.serving.body import BODY_SECONDS, LARGE_AT_ONCE
from mlflow_fraud.serving.connections import HEADER_BYTES, HEADER_SECONDS, IDLE_SECONDS, MOST, UNREAD_SECONDS, Bounds
from mlflow_fraud.serving.explaining import AT_MOST, WAIT_SECONDS
from mlflow_fraud.serving.keyring import LOOK_SECONDS
from mlflow_fraud.serving.logs import LINES_A_SECOND
from mlflow_fraud.serving.rows import BATCH_BYTES, ROWS
from mlflow_fraud.serving.schema import TransactionSchema
from tests.conftest import ROOT
from tests.pages import PAGES

WORDS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_word_exists(page: Path) -> None:
    said = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert said - WORDS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_ours_exists(page: Path) -> None:
    from mlflow_fraud.cli import app, contract, data, keys, labels, record, review

    own = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    groups = {"data": data, "contract": contract, "record": record, "labels": labels, "keys": keys}
    groups["review"] = review
    under = {f"{name} {command.name}" for name, group in groups.items() for command in group.registered_commands}
    said = set(
        re.findall(r"`?mlflow-fraud ((?:data |contract |record |labels |keys |review )?[a-z][a-z-]*)", page.read_text())
    )
    said = {word for word in said if f"`mlflow-fraud {word}" in page.read_text() or " " in word}
    assert said - own - under == set()


def test_readme_names_every_variable_and_no_other() -> None:
    said = set(re.findall(r"`(FRAUD_[A-Z0-9_]+)`", (ROOT / "README.md").read_text()))
    known = {PREFIX + field.upper() for field in Environment.model_fields} - {"FRAUD_GITHUB_TOKEN"}
    assert said == known


def test_the_contract_page_is_the_one_that_the_contract_makes(contract: Contract) -> None:
    page = (ROOT / "docs/data-contract.md").read_text()
    made, _, by_hand = page.partition("\n## The gate at work\n")
    assert made == page_of(contract, file="data/contracts/sparkov.yaml", rules=len(rules_of(contract)), how=HOW)
    assert "images/gate-report.png" in by_hand


def test_every_adr_has_its_parts() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        for part in ("Status:", "## Context", "## Decision", "## Consequences", "## What would change it"):
            assert part in page.read_text(), f"{page.name} has no {part}"


def test_the_example_transaction_is_one(contract: Contract) -> None:
    transaction = TransactionSchema(contract).read((ROOT / "docs/transaction.json").read_bytes())
    assert transaction["amount"] == 98_120


def test_no_file_names_a_registry_or_a_machine() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "http" not in "".join(
        line for line in lock.splitlines() if not re.match(r"^(aio)?http|^ {4}--hash|^[a-z]", line)
    )
    assert "index-url" not in lock
    assert "--hash=sha256:" in lock


def test_the_page_on_the_service_says_the_real_numbers() -> None:
    page = (ROOT / "docs/serving.md").read_text()
    assert (
        f"?reasons=5` asks for the five strongest with the answer, whatever was decided; 1 to {MOST_REASONS} may"
        in page
    )
    assert f"waits for them at most\n  {WAIT_SECONDS * 1000:g} milliseconds" in page
    assert f"At most {AT_MOST:,} answers wait for theirs" in page
    assert f"more than {BODY_BYTES:,} bytes ({BODY_BYTES // 1024} KiB)" in page
    assert f"not there after {BODY_SECONDS:g} seconds" in page
    assert f"its headers after {HEADER_SECONDS:g} seconds, or its body after {BODY_SECONDS:g} seconds" in page
    assert f"| {HEADER_SECONDS:g} seconds | 408; without a letter, closed |" in page
    assert f"more than {HEADER_BYTES:,} bytes that come in pieces" in page
    assert f"| a connection without a request | {IDLE_SECONDS} seconds |" in page
    assert f"| an answer that the client does not read | {UNREAD_SECONDS:g} seconds |" in page
    few, many = (Bounds.within(descriptors).connections for descriptors in (256, 1024))
    assert f"{MOST}, or what the limit on open files leaves: {few} of 256, {many} of 1024" in page
    assert f"more than {LINES_A_SECOND} lines a second" in page
    assert f"{BYTES * 8} random bits" in page
    assert f"looked at {'once a second' if LOOK_SECONDS == 1 else LOOK_SECONDS}" in page
    assert (SEVERAL, IN_A_ROW, page.count(f"last {STEADY} t")) == (3, 10, 2)
    assert f"1 to {ROWS:,} transactions in at most {BATCH_BYTES:,} bytes ({BATCH_BYTES // 1024**2} MiB)" in page
    assert f"or fewer that took {PIECE_SECONDS * 1000:g} milliseconds" in page
    assert PIECE == 20
    assert f"At most {LARGE_AT_ONCE} batches are read or answered" in page
    assert Environment().clock_tolerance == "1d"
    assert Environment().clock == "stream"

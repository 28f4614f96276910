"""The first contract for a public layout needs only what a person must decide, and says what it chose."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Column, Contract, read_contract
from mlflow_fraud.core.describing.drafting import WIDTH
from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.operations.data.bring import first_contract
from mlflow_fraud.serving.schema import TransactionSchema
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.conftest import ROOT
from tests.layouts import LAYOUTS, write

ROWS = 800
ARCHIVE = ROOT.parent / "shared/data/sparkov/archive.zip"
DECIDED = ("minimum", "maximum", "values")
"""What a person decides about a column of `sparkov.yaml`: which values are possible at all."""

V = [f"V{i}" for i in range(1, 340)]
ROLES: dict[str, dict[str, list[str]]] = {
    "creditcard": {"event_time": ["Time"], "amount": ["Amount"], "label": ["Class"], "numeric": V[:28]},
    "paysim": {
        "event_time": ["step"],
        "categorical": ["type"],
        "amount": ["amount"],
        "entity": ["nameOrig", "nameDest"],
        "numeric": ["oldbalanceOrg", "oldbalanceDest"],
        "unused": ["newbalanceOrig", "newbalanceDest", "isFlaggedFraud"],
        "label": ["isFraud"],
    },
    "banksim": {
        "event_time": ["step"],
        "entity": ["customer", "merchant"],
        "categorical": ["age", "category"],
        "personal": ["gender", "zipcodeOri", "zipMerchant"],
        "amount": ["amount"],
        "label": ["fraud"],
    },
    "ieee_cis": {
        "event_id": ["TransactionID"],
        "label": ["isFraud"],
        "event_time": ["TransactionDT"],
        "amount": ["TransactionAmt"],
        "entity": ["card1"],
        "unused": ["card2", "card3", "card5", "addr1"],
        "categorical": [
            *("ProductCD", "card4", "card6", "addr2", "P_emaildomain", "R_emaildomain"),
            *(f"M{i}" for i in range(1, 10)),
        ],
        "numeric": [
            *("dist1", "dist2", *(f"C{i}" for i in range(1, 15)), *(f"D{i}" for i in range(1, 16))),
            *V,
        ],
    },
    "bank_account": {
        "label": ["fraud_bool"],
        "amount": ["intended_balcon_amount"],
        "event_time": ["month"],
        "unused": ["device_fraud_count"],
        "categorical": ["payment_type", "employment_status", "housing_status", "source", "device_os"],
        "numeric": [
            *("income", "name_email_similarity", "prev_address_months_count", "current_address_months_count"),
            *("customer_age", "days_since_request", "zip_count_4w", "velocity_6h", "velocity_24h", "velocity_4w"),
            *("bank_branch_count_8w", "date_of_birth_distinct_emails_4w", "credit_risk_score", "email_is_free"),
            *("phone_home_valid", "phone_mobile_valid", "bank_months_count", "has_other_cards"),
            *("proposed_credit_limit", "foreign_request", "session_length_in_minutes", "keep_alive_session"),
            "device_distinct_emails_8w",
        ],
    },
    "ecommerce": {
        "event_time": ["purchase_time"],
        "amount": ["purchase_value"],
        "entity": ["user_id", "device_id"],
        "categorical": ["source", "browser"],
        "numeric": ["age"],
        "personal": ["sex", "ip_address"],
        "unused": ["signup_time"],
        "label": ["class"],
    },
}
TO_DECIDE = {
    "creditcard": ["Time", "event_id"],
    "paysim": ["step", "event_id"],
    "banksim": ["step", "event_id"],
    "ieee_cis": ["TransactionDT"],
    "bank_account": ["month", "event_id"],
    "ecommerce": ["event_id"],
}
NAMED = {
    "creditcard": "creditcard.csv",
    "paysim": "PaySim",
    "banksim": "BankSim",
    "ieee_cis": "IEEE-CIS",
    "bank_account": "Bank Account Fraud",
    "ecommerce": "e-commerce",
}
TOLD_IN_WORDS = {"paysim": {"newbalanceOrig", "newbalanceDest"}}
"""Columns that the table of layouts describes."""
SAID = {
    "creditcard": ["so no history is kept", "48 hours in seconds, 120 days in minutes"],
    "paysim": [
        "31 days in hours, 2.0 years in days",
        "newbalanceOrig, newbalanceDest and isFlaggedFraud: by their names known only after the payment",
        "histories are kept of payer (nameOrig) and payee (nameDest)",
        "no value of nameOrig is there twice",
    ],
    "banksim": [
        "7.5 days in hours, 179 days in days",
        "the single quotes are part of each value",
        "Left out: gender, zipcodeOri and zipMerchant: personal data, which never goes on",
    ],
    "ieee_cis": ["card2, card3, card5 and addr1: codes, whose numbers count nothing"],
    "bank_account": ["device_fraud_count: by their names known only", "in months, for which a contract has no unit"],
    "ecommerce": ["signup_time: times that nothing reads", "user_id may be it", "sex and ip_address: personal data"],
}


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The draft for each layout."""
    folder = tmp_path_factory.mktemp("layouts")
    return {name: first_contract(write(made(ROWS), folder / f"{name}.csv"), name) for name, made in LAYOUTS.items()}


def parsed(text: str) -> Contract:
    return read_contract(yaml.safe_load(text), where="draft")


def top(text: str) -> str:
    """Return what a draft says before it begins, in one line."""
    said = [line for line in text.splitlines() if line.startswith("#")]
    return " ".join(line.removeprefix("#").strip() for line in said)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_column_has_the_role_that_a_person_would_give(layout: str, drafts: dict[str, str]) -> None:
    roles: dict[str, list[str]] = {}
    for column in parsed(drafts[layout]).columns:
        roles.setdefault(column.role, []).append(column.source)
    assert {role: sorted(found) for role, found in roles.items()} == {
        role: sorted(found) for role, found in ROLES[layout].items()
    }


@pytest.mark.parametrize(("layout", "made"), LAYOUTS.items(), ids=list(LAYOUTS))
def test_the_draft_reads_the_whole_file_and_gives_features(
    layout: str, made: Callable[[int], pl.DataFrame], drafts: dict[str, str], tmp_path: Path
) -> None:
    contract = parsed(drafts[layout])
    rows = read_batches([write(made(ROWS), tmp_path / "file.csv")], contract)
    assert len(rows) == ROWS
    assert rows["event_time"].n_unique() > 1
    assert rows["label"].sum() > 0
    features = fit_features(load_params(ROOT / "params.yaml").features, contract)
    predictors = {column.source for column in contract.columns if column.role in ("numeric", "categorical")}
    assert predictors <= set(features.row)


@pytest.mark.parametrize(("layout", "made"), LAYOUTS.items(), ids=list(LAYOUTS))
def test_the_service_reads_a_row_of_the_file_as_the_pipeline_does(
    layout: str, made: Callable[[int], pl.DataFrame], drafts: dict[str, str], tmp_path: Path
) -> None:
    contract = parsed(drafts[layout])
    file = write(made(20), tmp_path / "file.csv")
    read = {row["event_id"]: row for row in read_batches([file], contract).to_dicts()}
    schema = TransactionSchema(contract)
    texts = {column.source for column in contract.columns if column.type == "text"}
    sent = pl.read_csv(file, schema_overrides=dict.fromkeys(texts, pl.String), infer_schema_length=None).to_dicts()
    for number, row in enumerate(sent, start=1):
        request = row | ({"event_id": f"file:{number}"} if contract.event_id else {})
        transaction = schema.read(json.dumps(request).encode())
        assert transaction == {name: read[transaction["event_id"]][name] for name in transaction}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_left_to_decide_stands_on_top_with_the_line_as_it_is_proposed(
    layout: str, drafts: dict[str, str]
) -> None:
    lines = drafts[layout].splitlines()
    proposed = [line.removeprefix("#").strip() for line in lines if line.startswith("#     ")]
    stated = yaml.safe_load(drafts[layout])
    assert len(re.findall(r"^# TO DO: ", drafts[layout], re.MULTILINE)) == len(proposed)
    assert [next(iter(yaml.safe_load(line))) for line in proposed] == TO_DECIDE[layout]
    for line in map(yaml.safe_load, proposed):
        assert line.items() <= (stated | stated["columns"]).items()
    assert max(len(line) for line in lines if line.startswith("# ")) <= WIDTH


@pytest.mark.parametrize("layout", LAYOUTS)
def test_choices_and_columns_that_may_mislead_are_said(layout: str, drafts: dict[str, str]) -> None:
    assert [said for said in SAID[layout] if said not in top(drafts[layout])] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_column_that_is_left_out_is_named_on_top_and_in_the_table_of_layouts(
    layout: str, drafts: dict[str, str]
) -> None:
    left_out = [*ROLES[layout].get("unused", []), *ROLES[layout].get("personal", [])]
    reasons = top(drafts[layout]).partition("Chosen: ")[2]
    page = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    table = page.partition("## Public layouts")[2].split("\n\n")
    row = next(line for part in table for line in part.splitlines() if line.startswith(f"| {NAMED[layout]}"))
    assert [name for name in left_out if name not in reasons] == []
    in_table = set(re.findall(r"`(\w+)`", row.rsplit(" | ", 1)[-1]))
    assert in_table | TOLD_IN_WORDS.get(layout, set()) == set(left_out)


def kaggle_head(file: Path) -> Path:
    with zipfile.ZipFile(ARCHIVE) as packed, packed.open("fraudTrain.csv") as lines:
        file.write_bytes(b"".join(islice(lines, 20_000)))
    return file


def kaggle_made(file: Path) -> Path:
    plan = SimulationPlan(start=date(2020, 1, 1), days=60, transactions=4000, cards=40, merchants=60)
    return write(simulate(plan), file)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(kaggle_made, id="made by the simulator"),
        pytest.param(
            kaggle_head,
            id="the archive",
            marks=pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the real-layout archive is not at {ARCHIVE}"),
        ),
    ],
)
def test_the_draft_of_the_kaggle_layout_is_the_contract_but_for_what_a_person_decides(
    file: Callable[[Path], Path], tmp_path: Path
) -> None:
    drafted = parsed(first_contract(file(tmp_path / "fraudTrain.csv"), "sparkov"))
    stated = load_contract(ROOT / "data/contracts/sparkov.yaml")

    def undecided(column: Column) -> dict[str, Any]:
        return column.model_dump(exclude=set(DECIDED))

    in_files = [column for column in stated.columns if column.role != "label_time"]
    assert list(map(undecided, drafted.columns)) == list(map(undecided, in_files))
    rest = {"columns", "description", "table"}
    assert drafted.model_dump(exclude=rest) == stated.model_dump(exclude=rest)


def test_a_sample_is_of_the_whole_file(tmp_path: Path) -> None:
    """The first ten thousand rows are of days that may as well be months."""
    days = pl.date_range(date(2020, 1, 1), date(2020, 12, 31), eager=True).dt.strftime("%d/%m/%Y 12:00")
    at = pl.concat([days] * 100).sort()
    frame = pl.DataFrame({"id": range(len(at)), "paid": at, "amount": 1.5, "is_fraud": 0})
    drafted = first_contract(write(frame, tmp_path / "payments.csv"), "own")
    assert parsed(drafted).columns[1].format == "%d/%m/%Y %H:%M"
    assert "as well" not in drafted
    assert f"of {len(at):,} rows" in drafted

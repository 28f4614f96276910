"""The day after: what is lost comes back, while payments go on. `make drill` prints what was tried and what came."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mlflow_fraud.adapters.key_file import sha256_of
from rehearsal import losses
from rehearsal.asking import Client
from rehearsal.bank import RATE, Bank
from rehearsal.business import Business
from rehearsal.checks import Check
from rehearsal.looks import lost, ready, until
from rehearsal.lost_disk import database_disk_lost
from rehearsal.workplace import Workplace, program
from stack import scoring
from stack.place import private


def drill(business: Business, place: Workplace, say: Callable[[str], None]) -> list[Check]:
    """Try each loss in turn while the bank goes on, and return what came of it."""
    found = []
    with Bank(business, place.client) as bank:
        bank.waits_for(RATE)
        for step in (
            record_backup,
            key_rotation,
            losses.database_lost,
            database_disk_lost,
            losses.store_lost,
            losses.release_lost,
            losses.service_killed,
            losses.service_disk_lost,
            losses.worker_lost,
            losses.worker_disk_lost,
        ):
            say(step.__name__.replace("_", " "))
            found.append(step(place, bank))
    state = ready(place)
    missing = lost(place, bank.answered_ids)
    found.append(
        Check(
            "after all of it: answered payments that the record lacks",
            "0",
            f"{missing} of {bank.answered:,}; {bank.failed} had no answer while the service was down",
            not missing and not state["waiting"],
        )
    )
    return found


def record_backup(place: Workplace, bank: Bank) -> Check:
    """A backup is taken while payments go on, and fills an empty record with the same rows."""
    backup, restored = place.desk / ".local/drill/backup.db", place.desk / ".local/drill/restored.db"
    shutil.rmtree(backup.parent, ignore_errors=True)
    backup.parent.mkdir(parents=True)
    before = bank.answered
    place.does(program("mlflow-fraud"), "record", "backup", backup)
    meanwhile = bank.answered - before
    there = {**place.environ, "FRAUD_PREDICTION_LOG": f"sqlite:///{restored}"}
    place._replace(environ=there).does(program("mlflow-fraud"), "record", "restore", backup)
    kept, again = (_payments(file) for file in (backup, restored))
    said = f"{kept:,} payments in the backup, {again:,} restored; {meanwhile} answered meanwhile"
    return Check("the record is backed up while serving, and restored", "the same rows", said, kept == again > 0)


def key_rotation(place: Workplace, bank: Bank) -> Check:
    """The bank's own key is replaced while it posts: another one is made, the bank takes it, the first goes."""
    failed, answered, url, old = bank.failed, bank.answered, place.client.url, scoring.key()
    at = place._replace(environ={**place.environ, "FRAUD_API_KEYS": str(scoring.KEYS.resolve())})
    scopes = [word for scope in scoring.SCOPES for word in ("--scope", scope)]
    new = at.does(program("mlflow-fraud"), "keys", "add", scoring.NAME, *scopes).split()[0]
    good = until(lambda: Client(url, new).live() != "")
    bank.takes(new)
    private(scoring.KEY, new)
    bank.waits_for(RATE)
    at.does(program("mlflow-fraud"), "keys", "remove", scoring.NAME, "--mark", sha256_of(old))
    over = until(lambda: Client(url, old).live() == "")
    before = bank.answered
    bank.waits_for(RATE)
    goes_on = bank.answered >= before + RATE
    said = (
        f"the new one good after {good:.1f} s, the old one over after {over:.1f} s; of {bank.answered - answered} "
        f"payments meanwhile {bank.failed - failed} failed"
    )
    holds = goes_on and bank.failed == failed and max(good, over) < 5
    return Check(
        "the bank's key is rotated while it posts, without a restart", "no payment without an answer", said, holds
    )


def _payments(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from payment").fetchone()[0])

"""The day after: what is lost comes back, while payments go on. `make drill` prints what was tried and what came."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rehearsal import losses
from rehearsal.asking import Client
from rehearsal.bank import RATE, Bank
from rehearsal.business import Business
from rehearsal.checks import Check
from rehearsal.looks import lost, ready, until
from rehearsal.workplace import Workplace, program
from stack import scoring


def drill(business: Business, place: Workplace, say: Callable[[str], None]) -> list[Check]:
    """Try each loss in turn while the bank goes on, and return what came of it."""
    found = []
    with Bank(business, place.client) as bank:
        bank.waits_for(RATE)
        for step in (
            record_backup,
            key_rotation,
            losses.database_lost,
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
    """A second key is good beside the first one; the first is over within seconds of being taken away."""
    url, keys = place.client.url, {**place.environ, "FRAUD_API_KEYS": str(scoring.KEYS.resolve())}
    at = place._replace(environ=keys)
    new = at.does(program("mlflow-fraud"), "keys", "add", "rotated", "--scope", "score").split()[0]
    old = at.does(program("mlflow-fraud"), "keys", "add", "leaving", "--scope", "score").split()[0]
    both = until(lambda: Client(url, new).live() != "" and Client(url, old).live() != "")
    at.does(program("mlflow-fraud"), "keys", "remove", "leaving")
    gone = until(lambda: Client(url, old).live() == "")
    stays = Client(url, new).live() != ""
    said = (
        f"both good after {both:.1f} s, the old one over after {gone:.1f} s, the new one {'good' if stays else 'over'}"
    )
    return Check(
        "a key is rotated without a restart", "no moment without a good key", said, max(both, gone) < 5 and stays
    )


def _payments(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from payment").fetchone()[0])

"""The disk of the database is lost while payments go on, and what was backed up takes its place."""

from __future__ import annotations

import shutil
from pathlib import Path

from rehearsal.bank import RATE, SECONDS, Bank
from rehearsal.checks import Check
from rehearsal.looks import lacking, ready, until
from rehearsal.workplace import Workplace, program
from stack import database, dumps, parts, process, scoring

WHAT = "the disk of the database is lost, and restored from a backup"
ASKED = "answers go on; what came since the backup is lacking, and comes in when it is sent again"

RECORD = "record"
OTHERS = [name for name in parts.DATABASES if name != RECORD]


def database_disk_lost(place: Workplace, bank: Bank) -> Check:
    """The server's files are gone: the record is restored beside the service, which writes what waited.

    Then the service is started anew, for it remembers payments that the record lacks, and the bank sends these again.
    """
    if not database.runs():
        return Check(WHAT, ASKED, "no PostgreSQL here", None)
    failed, server, early = bank.failed, database.start(()), {*bank.answered_ids}
    folder = _backed_up(place, server)
    bank.waits_for(2 * RATE)
    until(lambda: bool(ready(place)["waiting"] == 0))
    database.stop(at_once=True)
    recorded = {*bank.answered_ids}  # the bank goes on posting: what came before the stop may be written by then
    database.remove()
    bank.waits_for(RATE)
    answered = {*bank.answered_ids}
    _restored(place, server, folder)
    back = until(lambda: ready(place)["waiting"] == 0 and ready(place)["record"] is None)
    refused, gone = bank.failed - failed, lacking(place, answered)
    process.stop("service")
    scoring.start(int(place.client.url.rpartition(":")[2]), place.environ)
    until(lambda: place.client.live() != "")
    bank.sends_again(gone)
    until(lambda: bool(ready(place)["waiting"] == 0))
    left = lacking(place, answered)
    said = (
        f"{refused} failed; all that waited written {back:.1f} s after it was back, {len(gone)} of {len(answered):,} "
        f"lacking, {len(gone - recorded)} of them not since the backup, {len(left)} after they were sent again"
    )
    only_since = bool(gone) and gone <= recorded - early
    return Check(WHAT, ASKED, said, not refused and back < SECONDS and only_since and not left)


def _backed_up(place: Workplace, server: database.Database) -> Path:
    """Back up the record as the runbook says, and the other databases with PostgreSQL's own program."""
    folder = place.desk / ".local/drill/database"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place.does(program("mlflow-fraud"), "record", "backup", folder / RECORD)
    for name in OTHERS:
        dumps.dump(server, name, folder / name)
    return folder


def _restored(place: Workplace, server: database.Database, folder: Path) -> None:
    """Fill a new server where no service looks, and let it take the place of the one that is gone.

    A service that found its record empty would hold it, and nothing goes into a record that a service holds.
    """
    beside = database.start(parts.DATABASES)
    for name in OTHERS:
        dumps.load(beside, name, folder / name)
    there = {**place.environ, "FRAUD_PREDICTION_LOG": beside.address(RECORD)}
    place._replace(environ=there).does(program("mlflow-fraud"), "record", "restore", folder / RECORD)
    database.stop()
    database.start((), port=server.port)

"""The day after: what is lost comes back, while payments go on. `make drill` prints what was tried and what came."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import func, select

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from rehearsal.asking import Client
from rehearsal.business import Business
from rehearsal.checks import Check
from rehearsal.workplace import Workplace, program
from stack import database, orchestration, process, scoring, store

RATE = 20
"""Payments a second that go on meanwhile."""
SECONDS = 60


class Bank:
    """Posts payments at a steady pace in a thread of its own; `unrecorded` counts answers that are not recorded yet."""

    def __init__(self, business: Business, client: Client) -> None:
        self._payments: Iterator[dict[str, Any]] = chain.from_iterable(rows for _, rows, _ in business.by_day())
        self._client, self._over = client, Event()
        self.answered = self.unrecorded = 0
        self.slowest = 0.0
        self._thread = Thread(target=self._post, daemon=True)

    @property
    def failed(self) -> int:
        """How many payments got no answer."""
        return len(self._client.refused)

    def __enter__(self) -> Bank:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def waits_for(self, number: int) -> None:
        """Return once so many more payments are answered."""
        wanted, until = self.answered + number, time.monotonic() + SECONDS
        while self.answered < wanted and time.monotonic() < until:
            time.sleep(0.05)

    def _post(self) -> None:
        for payment in self._payments:
            if self._over.wait(1 / RATE):
                return
            began = time.monotonic()
            answer = self._client.score(payment)
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer is not None:
                self.answered += 1
                self.unrecorded += not answer.recorded


def drill(business: Business, place: Workplace, say: Callable[[str], None]) -> list[Check]:
    """Try each loss in turn while the bank goes on, and return what came of it."""
    found = []
    with Bank(business, place.client) as bank:
        bank.waits_for(RATE)
        for step in (
            record_backup,
            key_rotation,
            database_lost,
            store_lost,
            release_lost,
            service_killed,
            worker_lost,
        ):
            say(step.__name__.replace("_", " "))
            found.append(step(place, bank))
    ready = _ready(place)
    everything = _recorded(place)
    found.append(
        Check(
            "after all of it: payments without an answer, and lost to the record",
            "0 and 0",
            f"{bank.failed} of {bank.answered + bank.failed:,} and {ready['lost']}; {everything:,} in the record",
            not ready["lost"] and not ready["waiting"],
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
    both = _until(lambda: Client(url, new).live() != "" and Client(url, old).live() != "")
    at.does(program("mlflow-fraud"), "keys", "remove", "leaving")
    gone = _until(lambda: Client(url, old).live() == "")
    stays = Client(url, new).live() != ""
    said = (
        f"both good after {both:.1f} s, the old one over after {gone:.1f} s, the new one {'good' if stays else 'over'}"
    )
    return Check(
        "a key is rotated without a restart", "no moment without a good key", said, max(both, gone) < 5 and stays
    )


def database_lost(place: Workplace, bank: Bank) -> Check:
    """The database ends at once; answers go out all the same, and are written when it is back."""
    if not database.runs():
        return Check("the database is lost and back", "no answer lost", "no PostgreSQL here: not tried", True)
    failed, unrecorded, server = bank.failed, bank.unrecorded, database.start(())
    database.stop(at_once=True)
    bank.waits_for(2 * RATE)
    without = bank.unrecorded - unrecorded
    database.start((), port=server.port)
    back = _until(lambda: _ready(place)["waiting"] == 0 and _ready(place)["record"] is None)
    said = f"{without} answers without it, {bank.failed - failed} failed; all written {back:.1f} s after it was back"
    return Check(
        "the database is lost and back",
        "no answer lost",
        said,
        bank.failed == failed and without > 0 and back < SECONDS,
    )


def store_lost(place: Workplace, bank: Bank) -> Check:
    """The S3 server ends; the service goes on with what it has, and begins again from its copy."""
    failed, endpoint = bank.failed, place.environ["FRAUD_S3_ENDPOINT_URL"]
    live = place.client.live()
    process.kill("store")
    bank.waits_for(RATE)
    goes_on = place.client.live() == live
    _until(lambda: _ready(place)["reload"] is not None)
    store.start(int(endpoint.rpartition(":")[2]))
    back = _until(lambda: _ready(place)["reload"] is None)
    said = f"answers went on, {bank.failed - failed} failed; the release confirmed {back:.1f} s after it was back"
    return Check(
        "the store is lost and back", "answers go on", said, goes_on and bank.failed == failed and back < SECONDS
    )


def release_lost(place: Workplace, bank: Bank) -> Check:
    """Somebody empties the bucket's releases; a copy that was taken while serving brings them back."""
    failed, bucket = bank.failed, store.client_of(place.environ["FRAUD_S3_ENDPOINT_URL"])
    listed = bucket.list_objects_v2(Bucket=store.BUCKET, Prefix="releases/")["Contents"]
    kept = {each["Key"]: bucket.get_object(Bucket=store.BUCKET, Key=each["Key"])["Body"].read() for each in listed}
    for name in kept:
        bucket.delete_object(Bucket=store.BUCKET, Key=name)
    bank.waits_for(RATE)
    troubled = _until(lambda: _ready(place)["reload"] is not None)
    for name, content in kept.items():
        bucket.put_object(Bucket=store.BUCKET, Key=name, Body=content)
    back = _until(lambda: _ready(place)["reload"] is None)
    said = f"{len(kept)} objects gone and said so after {troubled:.1f} s, restored and confirmed after {back:.1f} s"
    return Check(
        "the releases are lost and restored from a copy",
        "answers go on",
        said,
        bank.failed == failed and max(troubled, back) < SECONDS,
    )


def service_killed(place: Workplace, bank: Bank) -> Check:
    """The service is killed; started again it knows every payment that it answered."""
    process.kill("service")
    answered = bank.answered
    began = time.monotonic()
    scoring.start(int(place.client.url.rpartition(":")[2]), place.environ)
    back = _until(lambda: place.client.live() != "")
    lost = max(0, answered - _recorded(place))
    said = f"answers again after {time.monotonic() - began:.1f} s, {lost} payments lost"
    return Check("the service is killed and started again", "no payment lost", said, back < SECONDS and not lost)


def worker_lost(place: Workplace, bank: Bank) -> Check:
    """The worker's machine is gone in the middle of a retraining; another one begins where it was."""
    before = len(place.prefect.runs("retraining"))
    place.prefect.start("retraining", reason="the drill")
    _until(lambda: place.prefect.runs("retraining")[-1]["state_type"] == "RUNNING")
    time.sleep(5)
    process.kill("worker")
    orchestration.start_worker(place.environ)
    place.prefect.start("retraining", reason="the drill, again")
    found = place.prefect.wait_for("retraining", before + 2)[before:]
    states = [run["state_name"] for run in found]
    dirty = place.does("git", "status", "--porcelain", at=place.clone).strip()
    said = f"the two runs are {' and '.join(states)}; the clone is {'changed' if dirty else 'clean'}"
    return Check(
        "the worker is lost in a run and another takes over",
        "the next run completes",
        said,
        states[-1] == "Completed" and not dirty,
    )


def _ready(place: Workplace) -> dict[str, Any]:
    """Return what the service says of itself."""
    nothing = {"waiting": -1, "record": "no answer", "reload": "no answer", "lost": -1}
    return place.client.ready() or nothing


def _recorded(place: Workplace) -> int:
    """Return how many payments that a service saw are in the record."""
    with closing(PredictionLog(place.environ["FRAUD_PREDICTION_LOG"], make=False)) as log, log.reading() as connection:
        seen = select(func.count()).select_from(PAYMENT).where(PAYMENT.c.source == "service")
        return int(connection.execute(seen).scalar_one())


def _payments(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from payment").fetchone()[0])


def _until(holds: Callable[[], bool]) -> float:
    """Return the seconds until something holds, or those that are too many."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS and not holds():
        time.sleep(0.1)
    return time.monotonic() - began

"""What a drill loses while payments go on, one part after the other, and how it comes back."""

from __future__ import annotations

import shutil
import time

from mlflow_fraud.paths import DVC_CACHE, LAST_GOOD, POINTER, RAW
from rehearsal.bank import RATE, SECONDS, Bank
from rehearsal.checks import Check
from rehearsal.looks import lost, ready, until
from rehearsal.workplace import Workplace
from stack import database, orchestration, process, scoring, store


def database_lost(place: Workplace, bank: Bank) -> Check:
    """The database ends at once; answers go out all the same, and are written when it is back."""
    if not database.runs():
        return Check("the database is lost and back", "no answer lost", "no PostgreSQL here", None)
    failed, unrecorded, server = bank.failed, bank.unrecorded, database.start(())
    database.stop(at_once=True)
    bank.waits_for(2 * RATE)
    without = bank.unrecorded - unrecorded
    database.start((), port=server.port)
    back = until(lambda: ready(place)["waiting"] == 0 and ready(place)["record"] is None)
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
    until(lambda: ready(place)["reload"] is not None)
    store.start(int(endpoint.rpartition(":")[2]))
    back = until(lambda: ready(place)["reload"] is None)
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
    troubled = until(lambda: ready(place)["reload"] is not None)
    for name, content in kept.items():
        bucket.put_object(Bucket=store.BUCKET, Key=name, Body=content)
    back = until(lambda: ready(place)["reload"] is None)
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
    answered = [*bank.answered_ids]
    began = time.monotonic()
    scoring.start(int(place.client.url.rpartition(":")[2]), place.environ)
    back = until(lambda: place.client.live() != "")
    missing = lost(place, answered)
    said = f"answers again after {time.monotonic() - began:.1f} s, {missing} of {len(answered):,} lost"
    return Check("the service is killed and started again", "no payment lost", said, back < SECONDS and not missing)


def service_disk_lost(place: Workplace, bank: Bank) -> Check:
    """What the service keeps on its disk is gone, while it serves and at a restart: store and record have it."""
    failed = bank.failed
    shutil.rmtree(LAST_GOOD, ignore_errors=True)
    bank.waits_for(RATE)
    refused = bank.failed - failed
    process.kill("service")
    answered = [*bank.answered_ids]
    shutil.rmtree(LAST_GOOD, ignore_errors=True)
    scoring.start(int(place.client.url.rpartition(":")[2]), place.environ)
    back = until(lambda: place.client.live() != "")
    missing, kept = lost(place, answered), LAST_GOOD.is_dir()
    said = f"{refused} failed while serving; answers again after {back:.1f} s, {missing} payments lost, "
    return Check(
        "the disk of the service is lost and back",
        "answers go on, no payment lost",
        said + ("a copy of the release is kept again" if kept else "no copy of the release is kept"),
        not refused and not missing and kept and back < SECONDS,
    )


def worker_disk_lost(place: Workplace, bank: Bank) -> Check:
    """The worker's clone is gone, and the DVC cache with it: repository and bucket have what was known."""
    pinned, known = _pinned(place), place.does("git", "rev-parse", "HEAD", at=place.clone).strip()
    process.stop("worker")
    shutil.rmtree(place.clone)
    shutil.rmtree(place.desk / DVC_CACHE)
    orchestration.start_worker(place.environ)
    run = place.prefect.run("retraining", reason="the drill, on an empty disk")
    missing = len(pinned - _pinned(place))
    has_it = known in place.does("git", "rev-list", "HEAD", at=place.clone).split()
    said = f"the next run is {run['state_name']}; {missing} of {len(pinned)} pinned files missing, the last commit is "
    return Check(
        "the disk of the worker is lost and back",
        "nothing known is missing",
        said + ("there" if has_it else "missing"),
        run["state_name"] == "Completed" and not missing and has_it,
    )


def _pinned(place: Workplace) -> set[tuple[str, int]]:
    """Return the names and sizes of the raw files in the worker's clone."""
    return {(file.name, file.stat().st_size) for file in (place.clone / RAW).rglob("*.*") if file.suffix != POINTER}


def worker_lost(place: Workplace, bank: Bank) -> Check:
    """The worker's machine is gone in the middle of a retraining; another one begins where it was."""
    before = len(place.prefect.runs("retraining"))
    place.prefect.start("retraining", reason="the drill")
    until(lambda: place.prefect.runs("retraining")[-1]["state_type"] == "RUNNING")
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

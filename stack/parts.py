"""The parts of the stack, in the order in which they need each other, and what they tell whoever uses them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from mlflow_fraud.paths import STACK
from stack import database, git_host, orchestration, process, scoring, store, tracking
from stack.place import folder_of, free_ports, private

ENVIRONMENT = STACK / "environment"
"""The variables of whoever works with the stack, for a shell: `. .local/stack/environment`."""

PROCESSES = (("service", "worker"), ("prefect", "mlflow", "store"))
"""In the order in which they end, each group at once; the database is last."""

DATABASES = ("mlflow", "prefect", "record")
PREFECT_NEEDS = "pg_trgm"


def start(say: Callable[[str], None]) -> Mapping[str, str]:
    """End what runs, start all of it, write down how it is used, and return addresses by what they are of.

    Raises `FraudError` where a part does not start: what was started before it goes on.
    """
    stop(say)
    parts = ("store", "mlflow", "prefect", "service")
    ports = dict(zip(parts, free_ports(len(parts)), strict=True))
    say("the git repository")
    repository = git_host.start()
    say("the database")
    addresses, databases = _databases(say)
    say("the S3 server")
    s3 = store.start(ports["store"])
    say("MLflow and Prefect")
    reach_store = s3.credentials | {"MLFLOW_S3_ENDPOINT_URL": s3.endpoint_url}
    artifacts = f"s3://{store.BUCKET}/mlflow"
    with ThreadPoolExecutor() as both:  # the two that take longest, and know nothing of each other
        tracks = both.submit(tracking.start, ports["mlflow"], databases["mlflow"], artifacts, reach_store)
        runs = both.submit(orchestration.start_server, ports["prefect"], databases["prefect"])
    mlflow, prefect = tracks.result(), runs.result()
    used = {
        **s3.credentials,
        "FRAUD_TRACKING_URI": mlflow,
        "FRAUD_ARTIFACT_LOCATION": "mlflow-artifacts:/fraud",
        "FRAUD_RELEASE_STORE": f"s3://{store.BUCKET}/releases",
        "FRAUD_S3_ENDPOINT_URL": s3.endpoint_url,
        "FRAUD_PREDICTION_LOG": databases["record"],
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }
    used |= orchestration.client(prefect)
    environ = {**os.environ, **used}
    say("Prefect's deployments")
    orchestration.deploy(environ)
    say("a worker in a clone of its own")
    orchestration.start_worker(environ)
    say("the scoring service")
    service = scoring.start(ports["service"], environ)
    addresses |= {"git": str(repository)}
    addresses |= {"S3 server": s3.endpoint_url, "MLflow": mlflow, "Prefect": prefect, "scoring service": service}
    told = used | {"SERVICE_URL": service}
    private(ENVIRONMENT, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(told.items())))
    return addresses


def variables() -> dict[str, str]:
    """Return the variables by which what was started last is used."""
    lines = shlex.split(ENVIRONMENT.read_text(encoding="utf-8"))
    return dict(each.split("=", 1) for each in lines if each != "export")


def stop(say: Callable[[str], None]) -> None:
    """End whatever runs of it; what it has kept stays."""
    for group in PROCESSES:
        with ThreadPoolExecutor() as ends:
            found = ends.map(process.stop, group)
        for name, ran in zip(group, found, strict=True):
            if ran:
                say(f"{name} ended")
    if database.stop():
        say("the database ended")


def running() -> dict[str, bool]:
    """Return of each part whether it runs."""
    names = [name for group in PROCESSES for name in group]
    return {"database": database.runs(), **{name: process.alive(name) for name in reversed(names)}}


def _databases(say: Callable[[str], None]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what to say of the database, and an address for each that keeps something in it."""
    files = {name: folder_of("files") / f"{name}.db" for name in DATABASES}
    found = {name: f"sqlite:///{file}" for name, file in files.items()}
    found["prefect"] = f"sqlite+aiosqlite:///{files['prefect']}"
    try:
        server = database.start(DATABASES)
    except database.NoDatabase as error:
        say(f"{error}; files take its place")
        return {"database": str(folder_of("files"))}, found
    found |= {name: server.address(name) for name in ("mlflow", "record")}
    if server.offers(PREFECT_NEEDS):
        found["prefect"] = server.address("prefect", "asyncpg")
    else:
        say(f"this PostgreSQL has no {PREFECT_NEEDS}, which Prefect needs: its history is in a file")
    return {"database": f"127.0.0.1:{server.port}"}, found

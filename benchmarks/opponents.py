"""What else would answer: MLflow's own server, the few lines of FastAPI that everybody writes, and one without work.

The first two are given the features: they compute, record, calibrate and explain nothing. The last one says what the
machine, the socket and the parser of HTTP take by themselves: nobody who answers takes less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from stack.place import free_ports

BOOSTER = "BENCH_BOOSTER"
START_SECONDS = 120.0
_UVICORN = ("-m", "uvicorn", "--port", "{port}", "--no-access-log")


class Row(BaseModel):
    """The features of one payment."""

    features: list[float]


def everybodys() -> FastAPI:
    """Return the application with the booster of a file."""
    booster = xgboost.Booster(model_file=os.environ[BOOSTER])
    booster.set_param({"nthread": 1})
    app = FastAPI()

    @app.post("/score")
    def score(row: Row) -> dict[str, float]:
        probability = booster.inplace_predict(np.array([row.features], dtype=np.float32))
        return {"probability": float(probability[0])}

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {}

    return app


async def idle(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each request with the same bytes, once its body is there."""
    while (await receive()).get("more_body", False):
        pass
    head = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"{}"})


def save_for_mlflow(booster: xgboost.Booster, width: int, folder: Path) -> None:
    """Save a model whose signature is one tensor: with a column for each feature pandas checks each of them."""
    import mlflow.xgboost
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, width))]))
    mlflow.xgboost.save_model(booster, folder, signature=signature, model_format="ubj")


@contextmanager
def running(command: list[str], environment: dict[str, str], health: str) -> Iterator[tuple[int, int]]:
    """Start a server, `{port}` in its command being free; yield its process and port, and end it with its children."""
    (port,) = free_ports(1)
    told: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [sys.executable, *(word.format(port=port) for word in command)], env=os.environ | environment, **told
    )
    try:
        until = time.monotonic() + START_SECONDS
        while not _is_there(port, health):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"expected a server on {health}, found none: {' '.join(command)}")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        process.wait()


def everybodys_server(booster: Path) -> Any:
    """Start the few lines of FastAPI."""
    return running([*_UVICORN, "--factory", "benchmarks.opponents:everybodys"], {BOOSTER: str(booster)}, "/ping")


def idle_server() -> Any:
    """Start the one that does nothing, on the same server as ours."""
    return running([*_UVICORN, "--lifespan", "off", "benchmarks.opponents:idle"], {}, "/")


def mlflow_server(model: Path) -> Any:
    """Start `mlflow models serve` with one worker, in this environment."""
    command = ["-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "--workers", "1"]
    return running([*command, "--host", "127.0.0.1", "--port", "{port}"], {}, "/version")


def _is_there(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()

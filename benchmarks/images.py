"""What the images weigh over their base and how soon each answers: `python -m benchmarks.images`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from typing import NamedTuple

BASE = "python:3.11-slim"
MB = 1_000_000
PATIENCE = 300.0
COMPILED = (
    "import pathlib; print(sum(f.stat().st_size for f in pathlib.Path('/opt').rglob('*.pyc')),"
    "sum(f.lstat().st_size for f in pathlib.Path('/opt').rglob('*') if f.is_file()))"
)


class Image(NamedTuple):
    """An image, where it answers once it runs, and the command that it is started with in place of its own."""

    name: str
    port: int
    path: str
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    how: str = ""


IMAGES = (
    Image("mlflow-fraud", 5000, "/health"),
    Image(
        "mlflow-fraud",
        5000,
        "/health",
        ("--app-name", "basic-auth"),
        ("-e", "MLFLOW_FLASK_SERVER_SECRET_KEY=for-a-bench", "-e", "MLFLOW_AUTH_ADMIN_PASSWORD=for-a-bench-alone"),
        ", with its login",
    ),
    Image(
        "mlflow-fraud-worker",
        4200,
        "/api/health",
        ("prefect", "server", "start", "--host", "0.0.0.0", "--port", "4200"),
        ("-e", "PREFECT_HOME=/worker/prefect"),
        ", Prefect's server",
    ),
    Image("mlflow-fraud-api", 8000, "/livez"),
)


def main() -> None:
    """Print the table of docs/images.md."""
    (engine,) = [name for name in ("docker", "podman") if shutil.which(name) and _said(name, "info")][:1] or [""]
    if not engine:
        sys.exit("error: no container engine: neither `docker info` nor `podman info` answers")
    base = size(engine, BASE)
    print("| image | MB over its base | of it packages | of these compiled | first start | next start |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for image in IMAGES:
        over = size(engine, image.name) - base
        compiled, packages = map(
            int, _said(engine, "run", "--rm", "--entrypoint=python", image.name, "-c", COMPILED).split()
        )
        first, again = starts(engine, image)
        numbers = f"{over / MB:.0f} | {packages / MB:.0f} | {compiled / MB:.0f} | {first:.1f} s | {again:.1f} s"
        print(f"| `{image.name}`{image.how} | {numbers} |")
    print(f"\nload average of the last minute: {os.getloadavg()[0]:.1f}, processors: {os.cpu_count()}")


def size(engine: str, image: str) -> int:
    """Return what an image weighs with its base, in bytes."""
    found = _said(engine, "image", "inspect", image)
    if not found:
        sys.exit(f"error: {image} is not here; docs/images.md builds it")
    return int(json.loads(found)[0]["Size"])


def starts(engine: str, image: Image) -> list[float]:
    """Return how many seconds it takes until the image answers: on an empty volume, and again on what that left."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    volume = json.loads(_said(engine, "image", "inspect", image.name))[0]["Config"]["Volumes"]
    kept = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "-v", f"{name}:{next(iter(volume))}", *image.options]
    took = []
    try:
        if image.name.endswith("-api"):  # it asks for a key where others reach it
            _said(engine, "run", "--rm", *kept, image.name, "keys", "add", "bench", "--scope", "score")
        for _ in range(2):
            published = ["-p", f"127.0.0.1:{port}:{image.port}"]
            began = time.perf_counter()
            _said(engine, "run", "-d", "--name", name, *published, *kept, image.name, *image.command)
            _wait(f"http://127.0.0.1:{port}{image.path}")
            took.append(time.perf_counter() - began)
            _said(engine, "rm", "-f", name)
    finally:
        _said(engine, "rm", "-f", name)
        _said(engine, "volume", "rm", "-f", name)
    return took


def _wait(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"error: no answer from {url} in {PATIENCE:.0f} s")


def _said(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ended.returncode else ended.stdout


if __name__ == "__main__":
    main()

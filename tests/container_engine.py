"""A container engine, where one answers: images are built from this repository and run on ports of the loopback."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from stack.place import free_ports
from tests.absent import absent
from tests.conftest import ROOT
from tests.loopback import wait_for

BASE = "python:3.11-slim"
BOUNDS = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
"""What an image has to do with, as compose.yaml says it."""


def run(*command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=seconds, check=False)


@pytest.fixture(scope="module")
def engine() -> str:
    """An engine that answers and has, or can fetch, the base image; without one the tests are skipped at a desk."""
    answering = [name for name in ("docker", "podman") if shutil.which(name) and run(name, "info").returncode == 0]
    if not answering:
        absent("no container engine: neither `docker info` nor `podman info` answers")
    name = answering[0]
    if run(name, "image", "inspect", BASE).returncode != 0:
        pulled = run(name, "pull", BASE, seconds=300)
        if pulled.returncode != 0:
            absent(f"the base image {BASE} is not here and cannot be fetched: {pulled.stderr.splitlines()[-1]}")
    return name


def build(engine: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    for_podman = ["--format=docker", "--layers"] if engine == "podman" else []  # its own format has no health check
    environ = {**os.environ, "DOCKER_BUILDKIT": "1"}
    command = [engine, "build", *for_podman, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ, timeout=1500, check=False)


@functools.cache
def built(engine: str, target: str) -> str:
    """Return the image of a target, built once in all tests; it is kept, its layers make the next build quick."""
    image = f"mlflow-fraud-{target}:test"
    ended = build(engine, "--target", target, "-t", image, ".")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return image


@contextmanager
def volume_of(engine: str) -> Iterator[str]:
    name = f"mlflow-test-{uuid.uuid4().hex[:12]}"
    assert run(engine, "volume", "create", name).returncode == 0
    try:
        yield name
    finally:
        run(engine, "volume", "rm", "-f", name)


@contextmanager
def container(
    engine: str, image: str, port: int, ready: str, *options: str, command: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Run an image, its root read-only, with its port on a free one; yield the container's name and the address."""
    (here,) = free_ports(1)
    published = f"--publish=127.0.0.1:{here}:{port}"
    with started(engine, image, published, *options, command=command) as name:
        wait_for(f"http://127.0.0.1:{here}{ready}")
        yield name, f"http://127.0.0.1:{here}"


@contextmanager
def started(engine: str, image: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """Run an image, its root read-only; yield the container's name."""
    name = f"mlflow-test-{uuid.uuid4().hex[:12]}"
    ended = run(engine, "run", "-d", "--name", name, *BOUNDS, *options, image, *command)
    try:
        assert ended.returncode == 0, ended.stderr
        yield name
    finally:
        run(engine, "rm", "-f", name)

"""The MLflow image: what can be read off its files, its start script as a server, and the image built and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from stack.place import free_ports
from tests.loopback import wait_for

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim"
IMAGE = "mlflow-fraud:test"  # kept after the tests: its layers make the next build quick


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the development packages in the repository."""
    return run(str(Path(sys.executable).with_name(name)), *arguments)


def run(*command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=seconds, check=False)


def locked_versions() -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


# Read off the files


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("hadolint", "Dockerfile"), id="Dockerfile"),
        pytest.param(("shellcheck", "docker/serve"), id="start script"),
        pytest.param(("check-jsonschema", "--builtin-schema=vendor.compose-spec", "compose.yaml"), id="compose file"),
    ],
)
def test_the_linter_finds_nothing(command: tuple[str, ...]) -> None:
    result = tool(*command)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_that_the_image_asks_for_is_in_the_lock() -> None:
    packages = re.search(r'^ARG PACKAGES="(.+)"', (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert packages is not None
    assert set(packages[1].split()) <= {name for name, _ in locked_versions()}


def test_the_base_image_has_a_python_that_we_support() -> None:
    bases = re.findall(r"^FROM python:([\d.]+)-slim", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    assert len(bases) == 2
    assert all(SpecifierSet(supported).contains(version) for version in bases)


# The start script, run here as it is in the image


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    """Run the image's start script with the development environment's MLflow and yield the server's address."""
    (port,) = free_ports(1)
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [str(ROOT / "docker/serve"), "--host=127.0.0.1", f"--port={port}"]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    with served(folder, MLFLOW_SERVER_ALLOWED_HOSTS="runs.bank.example:5000, *.lab.example") as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost:5000", 200),
        ("127.0.0.1:5000", 200),
        ("mlflow:5000", 200),
        ("runs.bank.example:5000", 200),
        ("a.lab.example", 200),
        ("elsewhere.example:5000", 403),
        ("10.elsewhere.example", 403),  # MLflow's own default lets this one through
    ],
)
def test_the_server_answers_to_its_names_only(server: str, name: str, status: int) -> None:
    assert status_of(server, Host=name) == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:5000", 200),
        ("http://mlflow:5000", 200),
        ("https://runs.bank.example:5000", 200),
        ("http://elsewhere.example", 403),
    ],
)
def test_a_page_of_another_origin_can_change_nothing(server: str, origin: str, status: int) -> None:
    search = f"{server}/ajax-api/2.0/mlflow/experiments/search"

    assert status_of(search, b'{"max_results": 1}', Origin=origin, **{"Content-Type": "application/json"}) == status


# The image


@pytest.fixture(scope="module")
def engine() -> str:
    """A container engine that answers and has, or can fetch, the base image; without one the tests are skipped."""
    answering = [name for name in ("docker", "podman") if shutil.which(name) and run(name, "info").returncode == 0]
    if not answering:
        pytest.skip("no container engine: neither `docker info` nor `podman info` answers")
    name = answering[0]
    if run(name, "image", "inspect", BASE).returncode != 0:
        pulled = run(name, "pull", BASE, seconds=300)
        if pulled.returncode != 0:
            pytest.skip(f"the base image {BASE} is not here and cannot be fetched: {pulled.stderr.splitlines()[-1]}")
    return name


def build(engine: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    keep_health_check = ["--format=docker"] if engine == "podman" else []
    return run(engine, "build", *keep_health_check, *arguments, seconds=1500)


@pytest.fixture(scope="module")
def image(engine: str) -> str:
    built = build(engine, "-t", IMAGE, ".")
    assert built.returncode == 0, built.stdout + built.stderr
    return IMAGE


@pytest.fixture
def volume(engine: str) -> Iterator[str]:
    name = f"mlflow-test-{uuid.uuid4().hex[:12]}"
    assert run(engine, "volume", "create", name).returncode == 0
    yield name
    run(engine, "volume", "rm", "-f", name)


@contextmanager
def container(engine: str, image: str, volume: str) -> Iterator[tuple[str, str]]:
    """Run the image on a free port and yield the container's name and the server's address."""
    (port,) = free_ports(1)
    name = f"mlflow-test-{uuid.uuid4().hex[:12]}"
    ports, mount = f"127.0.0.1:{port}:5000", f"{volume}:/mlflow"
    started = run(engine, "run", "-d", "--name", name, "-p", ports, "-v", mount, image)
    try:
        assert started.returncode == 0, started.stderr
        wait_for(f"http://127.0.0.1:{port}/health")
        yield name, f"http://127.0.0.1:{port}"
    finally:
        run(engine, "rm", "-f", name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_and_its_artifact_outlive_the_container(engine: str, image: str, volume: str, tmp_path: Path) -> None:
    with container(engine, image, volume) as (name, url):
        client = mlflow.MlflowClient(url)
        made = client.create_run(client.create_experiment("fraud"), run_name="xgboost").info.run_id
        client.log_metric(made, "f1", 0.94)
        client.log_text(made, "threshold 0.42\n", "notes/threshold.txt")
        assert run(engine, "stop", name).returncode == 0
        assert run(engine, "inspect", "--format={{.State.ExitCode}}", name).stdout.strip() == "0"  # not killed

    with container(engine, image, volume) as (_, url):
        client = mlflow.MlflowClient(url)
        assert client.get_run(made).data.metrics == {"f1": 0.94}
        fetched = client.download_artifacts(made, "notes/threshold.txt", str(tmp_path))
        assert Path(fetched).read_text() == "threshold 0.42\n"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_container_serves_the_page_from_locked_packages_and_not_as_root(
    engine: str, image: str, volume: str
) -> None:
    listing = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    with container(engine, image, volume) as (name, url):
        page = urllib.request.urlopen(f"{url}/").read().decode()
        scripts = re.findall(r'src="(?:\./)?([^"]+\.js)"', page)
        assert "<title>MLflow</title>" in page
        assert [status_of(f"{url}/{script}") for script in scripts] == [200] * len(scripts) != []

        assert run(engine, "exec", name, "id", "-u").stdout.strip() == "10001"
        assert run(engine, "exec", name, "touch", "/opt/mlflow/new").returncode != 0
        assert run(engine, "exec", name, "healthy").returncode == 0

        installed = run(engine, "exec", name, "python", "-c", listing).stdout.splitlines()
        pairs = {(canonicalize_name(package), version) for package, version in map(str.split, installed)}
        assert len(pairs) > 50
        assert pairs <= locked_versions()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_image_declares_its_volume_port_user_and_health_check(engine: str, image: str) -> None:
    about = json.loads(run(engine, "image", "inspect", image).stdout)[0]
    config = about["Config"]

    assert set(config["Volumes"]) == {"/mlflow"}
    assert set(config["ExposedPorts"]) == {"5000/tcp"}
    assert config["User"] == "10001:10001"
    assert "healthy" in (config.get("Healthcheck") or about["Healthcheck"])["Test"]  # podman has it one level up


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_volume_of_another_user_stops_the_container_with_what_to_do(engine: str, image: str, volume: str) -> None:
    refused = run(engine, "run", "--rm", "--user=12345", "-v", f"{volume}:/mlflow", image)

    assert refused.returncode == 1
    assert "/mlflow must be writable for user 12345, but belongs to user 10001" in refused.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_file_whose_hash_is_not_in_the_lock_is_not_installed(engine: str, tmp_path: Path) -> None:
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    lock = (ROOT / "requirements.lock").read_text()
    entry = re.search(r"^click==.*\n(?: +--hash.*\n)+", lock, re.MULTILINE)
    assert entry is not None
    (tmp_path / "requirements.lock").write_text(lock.replace(entry[0], re.sub("sha256:..", "sha256:00", entry[0])))

    built = build(engine, "--target=packages", "--build-arg=PACKAGES=click", str(tmp_path))

    assert built.returncode != 0
    assert re.search(r"wheels/click-\S+: its hash \w+ is not in requirements.lock", built.stdout + built.stderr)


def status_of(url: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status that a request for `url` is answered with."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code

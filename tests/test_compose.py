"""The stack in containers is the stack of `make stack`: the same parts, told the same, reached from here alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from stack import database, git_host, orchestration, parts, process, scoring, store
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
AS_PROCESS = {"store": "store", "mlflow": "mlflow", "prefect": "prefect", "worker": "worker", "api": "service"}
"""Of each service the process that `make stack` starts in its place."""


class Started(SimpleNamespace):
    """What a process of `make stack` was started with."""

    command: list[str]
    told: Mapping[str, str]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Started]:
    """`make stack`, each process written down in place of started."""
    monkeypatch.chdir(tmp_path)
    found: dict[str, Started] = {}

    def write_down(name: str, command: Sequence[object], told: Mapping[str, str], ready: object = None) -> None:
        found[name] = Started(command=[str(word) for word in command], told=dict(told))

    monkeypatch.setattr("os.environ", {"PATH": ""})
    monkeypatch.setattr(process, "start", write_down)
    monkeypatch.setattr(git_host, "start", lambda: tmp_path / "remote.git")
    monkeypatch.setattr(orchestration, "deploy", lambda environ: None)
    monkeypatch.setattr(database, "stop", lambda: False)
    server = database.Database(tmp_path, tmp_path, 1)
    monkeypatch.setattr(database, "start", lambda names: server)
    monkeypatch.setattr(database.Database, "offers", lambda self, extension: True)
    parts.start(lambda line: None)
    return found


def environment(service: str) -> dict[str, str]:
    return {name: value or "" for name, value in SERVICES[service]["environment"].items()}


@pytest.mark.parametrize("service", AS_PROCESS)
def test_a_service_is_told_what_its_process_is(service: str, started: dict[str, Started]) -> None:
    told = started[AS_PROCESS[service]].told
    elsewhere = {"PATH", "NO_PROXY", "no_proxy"}  # of this machine
    elsewhere |= {"FRAUD_API_KEYS"}  # where it is if not stated: in the volume
    elsewhere |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION"}  # in the image
    if service == "api":  # it trains nothing
        elsewhere |= {name for name in told if name.startswith("PREFECT_")} | {"FRAUD_TRACKING_URI"}
        elsewhere |= {"FRAUD_ARTIFACT_LOCATION"}

    assert told.keys() - elsewhere - environment(service).keys() == set()


@pytest.mark.parametrize("service", ["store", "mlflow", "prefect"])
def test_a_service_is_started_with_the_options_of_its_process(service: str, started: dict[str, Started]) -> None:
    def names(words: Sequence[str]) -> set[str]:
        return {match[1] for word in words if (match := re.match(r"--?([a-z0-9.-]+)", word))}

    served = (ROOT / "docker/serve").read_text().partition("exec ")[2].split()
    said = served if service == "mlflow" else SERVICES[service]["command"]
    in_environment = {"artifacts-destination"}
    of_one_loopback = {name for pair in store.PORTS.items() for name in pair}  # a container has ports of its own

    options = names(started[AS_PROCESS[service]].command)
    assert options - names(said) - in_environment - of_one_loopback == set()


def test_the_database_has_a_place_for_each_part_that_keeps_something() -> None:
    made = re.findall(r"create database (\w+)", (ROOT / "docker/databases.sql").read_text())
    assert tuple(made) == parts.DATABASES
    asked = re.findall(r"@database/(\w+)", (ROOT / "compose.yaml").read_text())
    assert set(asked) == set(parts.DATABASES)


def test_one_bucket_has_all_that_is_in_the_store() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert f"-bucket={store.BUCKET}" in SERVICES["store"]["command"]
    assert set(re.findall(r"s3://([^/]+)/", text)) == {store.BUCKET}


def test_the_scopes_of_the_first_key_are_those_of_the_stack() -> None:
    (said,) = re.findall(r"api keys add \w+ (.*)", (ROOT / "docs/images.md").read_text())
    assert sorted(re.findall(r"--scope (\w+)", said)) == sorted(scoring.SCOPES)


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_published_to_other_machines(service: str) -> None:
    assert [port for port in SERVICES[service].get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert "network_mode" not in SERVICES[service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_watched_bounded_and_keeps_what_it_has_in_a_volume(service: str) -> None:
    told = SERVICES[service]
    assert {"test", "interval", "timeout", "start_period", "retries"} == told["healthcheck"].keys()
    assert told["mem_limit"]
    assert told["pids_limit"]
    assert told["restart"] == "unless-stopped"
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert any(volume.split(":")[0] in COMPOSE["volumes"] for volume in told["volumes"])
    if "build" in told or service == "worker":
        assert (told["read_only"], told["cap_drop"], told["tmpfs"]) == (True, ["ALL"], ["/tmp"])


def test_passwords_are_drawn_once_for_their_owner_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)

    def drawn_now() -> dict[str, str]:
        subprocess.run(["make", "passwords"], cwd=tmp_path, check=True, capture_output=True)
        return dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())

    drawn = drawn_now()

    assert drawn_now() == drawn
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert drawn.keys() == required()
    assert {len(value) for name, value in drawn.items() if name != "AWS_ACCESS_KEY_ID"} == {48}
    assert len(set(drawn.values())) == len(drawn)


def test_a_password_that_is_there_stays_and_one_that_came_later_is_drawn_beside_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".env").write_text("DATABASE_PASSWORD=mine\nGIT_REMOTE=https://git.bank.example/fraud")

    subprocess.run(["make", "passwords"], cwd=tmp_path, check=True, capture_output=True)

    told = dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())
    assert (told["DATABASE_PASSWORD"], told["GIT_REMOTE"]) == ("mine", "https://git.bank.example/fraud")
    assert required() <= told.keys()


@pytest.mark.parametrize("service", [name for name in SERVICES if "AWS_ACCESS_KEY_ID" in SERVICES[name]["environment"]])
def test_whoever_has_the_key_is_told_the_token_of_one_that_was_lent(service: str) -> None:
    told = SERVICES[service]["environment"]
    assert "AWS_SESSION_TOKEN" in told
    assert told["AWS_SESSION_TOKEN"] is None  # as it is outside, and not set where there is none


def test_the_variables_that_are_taken_are_those_that_the_documentation_has() -> None:
    text = (ROOT / "compose.yaml").read_text()
    bare = {name for told in SERVICES.values() for name, value in told.get("environment", {}).items() if value is None}
    rows = re.findall(r"^\|.*\|$", (ROOT / "docs/images.md").read_text(), re.MULTILINE)

    assert {"MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_AUTH_CONFIG_PATH"} <= bare
    assert bare | set(re.findall(r"\$\{(\w+)", text)) == set(re.findall(r"`([A-Z0-9]+_[A-Z0-9_]+)=?`", "\n".join(rows)))


def test_the_worker_is_the_user_of_mlflow_that_the_first_start_makes() -> None:
    server, worker = environment("mlflow"), environment("worker")
    assert SERVICES["mlflow"]["command"] == ["--app-name", "basic-auth"]
    assert server["MLFLOW_AUTH_ADMIN_USERNAME"] == worker["MLFLOW_TRACKING_USERNAME"]
    assert server["MLFLOW_AUTH_ADMIN_PASSWORD"].startswith("${MLFLOW_PASSWORD:?")
    assert worker["MLFLOW_TRACKING_PASSWORD"] == "${MLFLOW_PASSWORD}"


def required() -> set[str]:
    """Return the variables without which `docker compose` refuses to start."""
    return set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))


def test_no_password_was_chosen_by_us() -> None:
    text = (ROOT / "compose.yaml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*)([^}]*)\}", text)
    assert len(secrets) > 5
    assert [name for name, rest in secrets if rest.startswith((":-", "-"))] == []
    assert {name for name, _ in secrets} == required()

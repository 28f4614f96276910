"""Four weeks of a bank by themselves on the stack of `make stack`: what `make simulate-year` plays in a year."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.desk import Desk, fresh_clone
from tests.e2e.reader import made_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


PRINTED = ".local/printed.txt"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A fresh clone in which four weeks were played, with the servers left on."""
    desk = fresh_clone(tmp_path_factory.mktemp("stack") / "clone")
    made_environment(desk.folder)
    ended = desk.tries("python", "-m", "rehearsal", "weeks", "--leave", seconds=1400)
    try:
        assert ended.returncode in (0, 1), ended.stdout[-3000:] + ended.stderr[-3000:]
        desk.path(PRINTED).write_text(ended.stdout)
        yield desk
    finally:
        at(desk).tries("python", "-m", "stack", "stop")


def at(played: Desk) -> Desk:
    """Return the desk of the bank that was played, where its stack is."""
    return Desk(played.path(".local/rehearsal/weeks/desk"))


@pytest.fixture(scope="module")
def desk(played: Desk) -> Desk:
    """The desk whose stack runs."""
    return at(played)


def test_four_weeks_go_round_by_themselves_and_every_line_holds(played: Desk) -> None:
    table = played.path(".local/rehearsal/weeks.md").read_text()
    assert "FAILS" not in table, table
    assert table.count("| holds |") == 7
    assert played.path(".local/rehearsal/weeks.png").read_bytes().startswith(b"\x89PNG")


def variables(desk: Desk) -> dict[str, str]:
    """Return the variables that a shell has after `. .local/stack/environment`."""
    command = f". {desk.path('.local/stack/environment')} && env -0"
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env=desk.environ).stdout
    return dict(line.split("=", 1) for line in told.split("\0") if line)


def asked(url: str, **headers: str) -> int:
    """Return the status of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def address(desk: Desk, of: str) -> str:
    """Return where a part answers, as `make stack` said."""
    log = desk.path(f".local/stack/logs/{of}.log").read_text()
    process = psutil.Process(json.loads(desk.path(f".local/stack/running/{of}.json").read_text())["pid"])
    ports = {each.laddr.port for each in process.net_connections() if each.status == psutil.CONN_LISTEN}
    assert len(ports) == 1, log[-500:]
    return f"http://127.0.0.1:{ports.pop()}"


def test_every_part_runs_and_its_passwords_are_its_owners_alone(desk: Desk) -> None:
    status = desk.does("python", "-m", "stack", "status")
    told = variables(desk)

    assert "does not run" not in status
    for name in ("environment", "passwords.json", "service.key", "service/api-keys.json"):
        assert stat.S_IMODE(desk.path(f".local/stack/{name}").stat().st_mode) == 0o600, name
    secrets = json.loads(desk.path(".local/stack/passwords.json").read_text())
    assert len(set(secrets.values())) == len(secrets) >= 2
    assert told["AWS_SECRET_ACCESS_KEY"] == secrets["store"]
    assert all(secret not in status for secret in secrets.values())


def test_the_command_that_starts_it_says_where_each_part_answers_and_no_password(played: Desk, desk: Desk) -> None:
    printed, told = played.path(PRINTED).read_text(), variables(desk)

    said = printed.partition("all of it runs:")[2]
    for name in ("FRAUD_TRACKING_URI", "FRAUD_S3_ENDPOINT_URL", "SERVICE_URL", "PREFECT_API_URL"):
        assert f" {told[name].removesuffix('/api')}\n" in said, name
    secrets = json.loads(desk.path(".local/stack/passwords.json").read_text())
    assert all(secret not in printed for secret in secrets.values())


def test_without_its_password_a_part_does_nothing(desk: Desk) -> None:
    service, prefect = address(desk, "service"), variables(desk)["PREFECT_API_URL"]
    key = desk.path(".local/stack/service.key").read_text()

    assert asked(f"{service}/livez") == 200
    assert asked(f"{service}/v1/model") == 401
    assert asked(f"{service}/v1/model", Authorization=f"Bearer {key}") == 200
    assert asked(f"{prefect}/admin/version") == 401


def test_only_this_machine_reaches_it(desk: Desk) -> None:
    for name in ("service", "mlflow", "prefect", "store"):
        pid = json.loads(desk.path(f".local/stack/running/{name}.json").read_text())["pid"]
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            listens = [each.laddr.ip for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
            assert set(listens) <= {"127.0.0.1", "::1"}, name


def test_the_deployments_are_there_and_a_worker_asks_for_runs(desk: Desk) -> None:
    found = subprocess.run(
        [Path(desk.environ["PATH"].split(os.pathsep)[0]) / "prefect", "deployment", "ls"],
        env=variables(desk),
        cwd=desk.folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "retraining/retraining" in found
    assert desk.path(".local/stack/clone/.git").exists()


def test_what_the_worker_learned_is_in_the_stacks_repository_and_the_checkouts_remote_is_not_touched(
    desk: Desk, played: Desk
) -> None:
    desk.does("git", "fetch", "--quiet", ".local/stack/remote.git", "main")
    pushed = desk.does("git", "log", "--format=%s", "FETCH_HEAD").splitlines()
    assert "Retraining: the first model" in pushed
    assert Path(desk.does("git", "remote", "get-url", "origin").strip()).samefile(played.folder)
    assert "Retraining: the first model" not in played.does("git", "log", "--format=%s", "--all")


def test_one_command_ends_all_of_it(desk: Desk) -> None:
    pids = [json.loads(file.read_text())["pid"] for file in desk.path(".local/stack/running").glob("*.json")]
    below = [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]

    desk.does("python", "-m", "stack", "stop")

    assert not [pid for pid in (*pids, *below) if psutil.pid_exists(pid)]
    assert "runs\n" not in desk.does("python", "-m", "stack", "status").replace("does not run\n", "")

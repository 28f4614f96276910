"""The action that hands on keys of AWS, against servers that answer and refuse as its own do, and which jobs may."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.conftest import ROOT
from tests.loopback import answering

ACTION = ROOT / ".github/actions/aws"
ROLE = "arn:aws:iam::123456789012:role/fraud-retraining"
LENT = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a+secret/of=AWS", "SessionToken": "a-token=="}


class Hosts(BaseHTTPRequestHandler):
    """GitHub's server of tokens at /token, and AWS's STS elsewhere."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = address.path == "/token" and parse_qs(address.query).get("audience") == ["sts.amazonaws.com"]
        if not asked or self.headers["Authorization"] != "bearer of-this-job":
            return self._says(401, {"message": "Unauthorized"})
        return self._says(200, {"value": "the.proof"})

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = {
            "Action": ["AssumeRoleWithWebIdentity"],
            "Version": ["2011-06-15"],
            "RoleArn": [ROLE],
            "RoleSessionName": ["mlflow-fraud-77"],
            "DurationSeconds": ["3600"],
            "WebIdentityToken": ["the.proof"],
        }
        if asked != right or self.headers["Accept"] != "application/json":
            said = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
            return self._says(403, {"Error": {"Code": "AccessDenied", "Message": said}})
        return self._says(
            200, {"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials": LENT}}}
        )

    def _says(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hosts() -> Iterator[str]:
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Hosts)) as url:
        yield url


def borrowed(hosts: str, folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step as a job would that may ask for a token; an empty variable is not set."""
    environ = {
        "ROLE": ROLE,
        "REGION": "eu-west-1",
        "SECONDS_LENT": "3600",
        "GITHUB_RUN_ID": "77",
        "GITHUB_ENV": str(folder / "env"),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{hosts}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-this-job",
        "AWS_ENDPOINT_URL_STS": f"{hosts}/",
        "NO_PROXY": "127.0.0.1",
    } | changed
    environ = {name: value for name, value in environ.items() if value}
    command = [sys.executable, str(ACTION / "lend.py")]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_a_role_is_lent_to_the_steps_that_follow_and_masked_before_it_is_handed_on(hosts: str, tmp_path: Path) -> None:
    ended = borrowed(hosts, tmp_path)

    assert ended.returncode == 0, ended.stderr
    told = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert told == {
        "AWS_ACCESS_KEY_ID": LENT["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": LENT["SecretAccessKey"],
        "AWS_SESSION_TOKEN": LENT["SessionToken"],
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    assert ended.stdout.splitlines() == [f"::add-mask::{value}" for value in LENT.values()]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"ROLE": "arn:aws:iam::1:role/x"}, "answers 403, Not authorized.*docs/aws.md", id="no trust"),
        pytest.param(
            {"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "expected `permissions: id-token: write`", id="no permission"
        ),
        pytest.param({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another"}, "answers 401", id="no token"),
        pytest.param({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9/"}, "127.0.0.1:9 is not reached", id="not reached"),
    ],
)
def test_what_is_missing_is_one_sentence_and_nothing_is_handed_on(
    hosts: str, tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    ended = borrowed(hosts, tmp_path, **changed)

    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert re.search(message, said)
    assert not (tmp_path / "env").exists()


STATIC = {"KEY_ID": "AKIAEXAMPLE", "SECRET_KEY": "static+secret"}


def test_a_static_key_is_handed_on_where_no_role_is_named(hosts: str, tmp_path: Path) -> None:
    ended = borrowed(hosts, tmp_path, ROLE="", **STATIC)

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "env").read_text() == "AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY=static+secret\n"


def test_a_static_key_never_stands_beside_a_role(hosts: str, tmp_path: Path) -> None:
    assert borrowed(hosts, tmp_path, **STATIC).returncode == 0
    told = (tmp_path / "env").read_text()
    assert LENT["AccessKeyId"] in told
    assert "AKIAEXAMPLE" not in told


@pytest.mark.parametrize("given", STATIC)
def test_half_a_static_key_is_refused(hosts: str, tmp_path: Path, given: str) -> None:
    ended = borrowed(hosts, tmp_path, ROLE="", **{given: STATIC[given]})

    assert ended.returncode == 1
    assert "expected the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found no AWS_" in ended.stderr
    assert not (tmp_path / "env").exists()


def test_no_input_of_the_action_is_part_of_a_command() -> None:
    steps = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]
    assert [step["run"] for step in steps] == ['python3 "$LEND"']
    assert steps[0]["if"] == "inputs.role != '' || inputs.key-id != '' || inputs.secret-key != ''"


# The workflows


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each job with a name to tell it by."""
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield f"{name} of {file.name}", job


def named(kind: str, text: str) -> set[str]:
    """Return the names of the variables (`vars`) or `secrets` that a workflow's text reads."""
    return set(re.findall(rf"\b{kind}\.(\w+)", text))


def rows(first: str) -> set[str]:
    """Return the names in the table of what is set up once, of the rows that begin so."""
    page = (ROOT / "docs/github-actions.md").read_text().partition("## Set up once")[2]
    found = re.findall(rf"^\| {re.escape(first)} \| (.*?) \|", page, re.MULTILINE)
    return {name for cell in found for name in re.findall(r"`(\w+)`", cell)}


def test_each_job_of_an_environment_borrows_its_role_before_it_reads_a_store_and_no_other_may() -> None:
    borrowing = 0
    for name, job in jobs():
        used = [step.get("uses", "") for step in job["steps"]]
        if "environment" not in job:
            assert "./.github/actions/aws" not in used, name
            assert "id-token" not in job.get("permissions", {}), name
            continue
        borrowing += 1
        assert used.index("./.github/actions/aws") < used.index("./.github/actions/ready"), name
        role = job["steps"][used.index("./.github/actions/aws")]["with"]["role"]
        of = "PRODUCTION" if job["environment"] == "production" else "RETRAINING"
        assert role == f"${{{{ vars.AWS_ROLE_{of} }}}}", name
        assert job["permissions"]["id-token"] == "write", name
    assert borrowing == 5


def test_no_key_of_aws_is_a_variable_of_a_job() -> None:
    told = [name for _, job in jobs() for each in (job, *job["steps"]) for name in each.get("env", {})]
    assert len(told) > 20
    assert [name for name in told if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))] == []


def test_the_page_names_every_variable_that_is_read_and_no_other() -> None:
    files = [*(ROOT / ".github").glob("workflows/*.yml"), *(ROOT / ".github").glob("actions/*/action.yml")]
    assert rows("variable") == {name for file in files for name in named("vars", file.read_text())} != set()


def test_the_page_names_every_secret_at_the_environment_that_it_is_read_in_and_no_other() -> None:
    read: dict[str | None, set[str]] = {}
    for _, job in jobs():
        read.setdefault(job.get("environment"), set()).update(named("secrets", yaml.safe_dump(job)))
    assert read.pop(None) == set()
    assert read == {name: rows(f"secret of `{name}`") for name in rows("environment")}


def test_the_trust_policy_of_the_page_has_both_forms_of_who_asks() -> None:
    blocks = re.findall(r"```text\n(\{.*?)```", (ROOT / "docs/aws.md").read_text(), re.DOTALL)
    trust, rights = (json.loads(block)["Statement"] for block in blocks)

    (equals,) = trust[0]["Condition"].values()
    names, ids = equals["token.actions.githubusercontent.com:sub"]
    assert list(trust[0]["Condition"]) == ["StringEquals"]
    assert re.fullmatch(r"repo:\w+/\w+:environment:production", names)
    assert re.sub(r"@\d+", "", ids) == names
    assert {right["Resource"] for right in rights if "s3:PutObject" in right["Action"]} == {
        "arn:aws:s3:::bank-fraud/dvc/*"
    }
    assert "Delete" not in json.dumps(rights)


def test_every_action_of_others_is_pinned_by_commit() -> None:
    files = [*(ROOT / ".github").glob("workflows/*.yml"), *(ROOT / ".github").glob("actions/*/action.yml")]
    uses = [each for file in files for each in re.findall(r"\buses: ([^.\s]\S+)", file.read_text())]
    assert len(uses) > 10
    assert [each for each in uses if len(each.partition("@")[2]) != 40] == []


def test_every_job_says_how_long_it_may_take_and_what_it_may_do() -> None:
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {}, file.name
        assert "concurrency" in workflow, file.name
        assert "pull_request_target" not in workflow[True], file.name
        assert [name for name, job in workflow["jobs"].items() if "timeout-minutes" not in job] == [], file.name


WRITES = {
    "mlflow-fraud review push": {"contents", "actions"},
    "mlflow-fraud review text": {"contents"},
    "mlflow-fraud review check": {"checks"},
    "mlflow-fraud review conflicts": {"pull-requests"},
    "mlflow-fraud review mirror": {"statuses"},
    "mlflow-fraud comment": {"pull-requests"},
    "python -m flows.monitoring": {"contents", "pull-requests"},
    "push --quiet --force-with-lease": {"contents"},
    "pulls --output": {"pull-requests"},
}
"""What a command of a job has GitHub write."""


def test_a_job_may_have_github_write_what_its_commands_write_and_nothing_else() -> None:
    found: set[str] = set()
    for name, job in jobs():
        typed = "\n".join(step.get("run", "") for step in job["steps"])
        words = {each for each in WRITES if each in typed}
        may = {right for right, level in job.get("permissions", {}).items() if level == "write"} - {"id-token"}
        assert may == set().union(*(WRITES[each] for each in words)), name
        found |= words
    assert found == WRITES.keys()

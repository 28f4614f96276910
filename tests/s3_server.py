"""A real S3 server on free loopback ports: SeaweedFS from the development packages."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stack.place import free_ports
from stack.store import client_of, command_of, takes_a_write

ACCESS_KEY, SECRET_KEY, BUCKET, REGION = "test", "test-secret", "releases", "us-east-1"


@dataclass(frozen=True)
class S3Server:
    endpoint_url: str
    bucket: str = BUCKET

    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": REGION}

    def key_of(self, user: str, policy: str) -> dict[str, str]:
        """Return the variables of a new user's key, who may do what an IAM policy says: list the bucket, and more."""
        given = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": REGION}
        iam = boto3.client("iam", endpoint_url=self.endpoint_url, **given)
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName=user, PolicyDocument=policy)
        made = iam.create_access_key(UserName=user)["AccessKey"]
        _wait_until_known(client_of(self.endpoint_url, made["AccessKeyId"], made["SecretAccessKey"]), self.bucket)
        return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}

    def client(self, *, attempts: int = 3) -> object:
        return client_of(self.endpoint_url, ACCESS_KEY, SECRET_KEY, attempts=attempts)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server for all tests of a folder whose `conftest.py` imports this."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Start a server whose files are in `folder`, wait until it takes a write, stop it at the end."""
    (port,) = free_ports(1)
    command, ports = command_of(folder, folder, BUCKET, port)
    command.append("-s3.iam.readOnly=false")  # its own keys, of users with less rights
    given = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | given, stdout=output, stderr=subprocess.STDOUT)
    server = S3Server(f"http://127.0.0.1:{port}")
    try:
        _wait_for_a_write(server, process)
        yield server
    finally:
        process.kill()  # its files are thrown away
        process.wait()
        for taken in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{taken}.sock"):
                left.unlink()


def _wait_for_a_write(server: S3Server, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    client = server.client(attempts=1)
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if takes_a_write(client, BUCKET):
            return
        time.sleep(0.1)
    raise RuntimeError("the S3 server did not start")


def _wait_until_known(client: Any, bucket: str, seconds: float = 30) -> None:
    """Wait until the server takes a key that it has just made, and what its user may do."""
    until = time.monotonic() + seconds
    while True:
        try:
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            return
        except ClientError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)

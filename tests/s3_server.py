"""A real S3 server on free loopback ports: SeaweedFS from the development packages."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stack.store import PORTS, WEED
from tests.loopback import free_ports

ACCESS_KEY, SECRET_KEY, BUCKET = "test", "test-secret", "releases"


@dataclass(frozen=True)
class S3Server:
    endpoint_url: str
    bucket: str = BUCKET

    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1"}

    def client(self, *, attempts: int = 3) -> object:
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=1,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=config,
        )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server for all tests of a folder whose `conftest.py` imports this."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Start a server whose files are in `folder`, wait until it takes a write, stop it at the end."""
    names = [name for pair in PORTS.items() for name in pair]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    command = [WEED, f"-logdir={folder}", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-bucket={BUCKET}", "-webdav=false", "-admin.ui=false"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    given = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | given, stdout=output, stderr=subprocess.STDOUT)
    server = S3Server(f"http://127.0.0.1:{ports['s3.port']}")
    try:
        _wait_for_a_write(server, process)
        yield server
    finally:
        process.kill()  # its files are thrown away
        process.wait()
        for port in ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()


def _wait_for_a_write(server: S3Server, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    client = server.client(attempts=1)
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        try:
            client.put_object(Bucket=BUCKET, Key=".ready", Body=b"")  # type: ignore[attr-defined]
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
    raise RuntimeError("the S3 server did not start")

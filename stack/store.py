"""An S3 server: SeaweedFS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stack import process
from stack.place import folder_of, free_ports, password

WEED = Path(sys.executable).with_name("weed")
BUCKET = "fraud"
ACCESS_KEY = "stack"
PORTS = {
    "s3.port": "s3.port.grpc",
    "master.port": "master.port.grpc",
    "volume.port": "volume.port.grpc",
    "filer.port": "filer.port.grpc",
    "s3.port.iceberg": "s3.port.lance",
    "admin.port": "admin.port.grpc",
}


class Store(NamedTuple):
    """An S3 server that runs."""

    endpoint_url: str

    @property
    def credentials(self) -> dict[str, str]:
        """The variables that whoever reads or writes has to have."""
        secret = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": password("store")}
        return secret | {"AWS_DEFAULT_REGION": "us-east-1"}

    def takes_a_write(self) -> bool:
        """Return whether it does."""
        return takes_a_write(client_of(self.endpoint_url), BUCKET)


def client_of(endpoint_url: str, access_key: str = ACCESS_KEY, secret: str = "", *, attempts: int = 1) -> Any:
    """Return a client of the server; the secret is the stack's where none is given."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret or password("store"),
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=1,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )


def takes_a_write(client: Any, bucket: str) -> bool:
    """Return whether the server takes a write."""
    try:
        client.put_object(Bucket=bucket, Key=".ready", Body=b"")
    except (BotoCoreError, ClientError):
        return False
    return True


def command_of(folder: Path, logs: Path, bucket: str, port: int) -> tuple[list[str], list[int]]:
    """Return what starts a server whose files are in `folder`, and all ports that it takes, `port` for S3 first."""
    names = [name for pair in PORTS.items() for name in pair]
    ports = [port, *free_ports(len(names) - 1)]
    command = [str(WEED), f"-logdir={logs}", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-bucket={bucket}", "-webdav=false", "-admin.ui=false"]
    return command + [f"-{name}={each}" for name, each in zip(names, ports, strict=True)], ports


def start(port: int) -> Store:
    """Start the server on a port, with an empty bucket where there is none yet."""
    store = Store(f"http://127.0.0.1:{port}")
    command, _ = command_of(folder_of("store"), folder_of("logs"), BUCKET, port)
    process.start("store", command, store.credentials, store.takes_a_write)
    return store

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
        client = client_of(self.endpoint_url)
        try:
            client.put_object(Bucket=BUCKET, Key=".ready", Body=b"")
        except (BotoCoreError, ClientError):
            return False
        return True


def client_of(endpoint_url: str) -> Any:
    """Return a client of the server that does not try twice."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=password("store"),
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=1,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )


def start(port: int) -> Store:
    """Start the server on a port, with an empty bucket where there is none yet."""
    folder, store = folder_of("store"), Store(f"http://127.0.0.1:{port}")
    names = [name for pair in PORTS.items() for name in pair if name != "s3.port"]
    command = [WEED, f"-logdir={folder_of('logs')}", "mini", f"-dir={folder}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-webdav=false", "-admin.ui=false", f"-s3.port={port}"]
    command += [f"-{name}={free}" for name, free in free_ports(names).items()]
    process.start("store", command, store.credentials, store.takes_a_write)
    return store

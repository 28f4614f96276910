"""Named bytes in an S3 bucket, with one winner when several write at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from mlflow_fraud.core.errors import FraudError, PromotionConflict, SettingsError, TooLarge
from mlflow_fraud.core.ports import SMALL, Blob

CONNECT_SECONDS = 5
READ_SECONDS = 20
ATTEMPTS = 3

_ABSENT = {"NoSuchKey", "404"}
_LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_NO_BUCKET = "NoSuchBucket"
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403"}
_NAMED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE")
_WAYS_OUT = {
    _NO_BUCKET: "FRAUD_RELEASE_STORE names a bucket that is not there: correct it, or make the bucket",
    "InvalidAccessKeyId": "correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "correct AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "renew AWS_SESSION_TOKEN and its keys",
}
_BROKEN_BODY = (ResponseStreamingError, IncompleteReadError, FlexibleChecksumError)


class S3Store:
    """A `BlobStore` in a bucket, under `prefix`. Credentials come from AWS's own variables and files.

    Conditional writes (`If-None-Match: *`, `If-Match`) are sent once: sent again after a lost answer,
    they would take one's own write for a rival's. All else is tried `ATTEMPTS` times.
    """

    def __init__(self, bucket: str, prefix: str, *, endpoint_url: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        try:
            session = boto3.session.Session()  # the shared default one is not for several threads
            self._patient = _client(session, endpoint_url, attempts=ATTEMPTS)
            self._once = _client(session, endpoint_url, attempts=1)
        except (BotoCoreError, ValueError) as error:
            set_ones = [name for name in _NAMED if os.environ.get(name)]
            named = " and ".join((["FRAUD_S3_ENDPOINT_URL"] if endpoint_url else []) + set_ones)
            raise SettingsError(
                f"the release store {self} cannot be asked: {error}; look at {named or 'the files in ~/.aws'}"
            ) from error

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def read(self, key: str, *, at_most: int = SMALL) -> Blob | None:
        """Return the bytes, or None when there is no such key; raise `TooLarge`, unread, when there are more."""
        with self._translated("read", key):
            try:
                return self._whole_body(key, at_most)
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def write(self, key: str, content: bytes) -> None:
        """Write, replacing what is there."""
        with self._translated("write", key):
            self._patient.put_object(**self._at(key), Body=content)

    def create(self, key: str, content: bytes) -> None:
        """Write a key that must not exist; raise `PromotionConflict` when it does."""
        self._put_if(key, content, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, *, etag: str) -> None:
        """Write a key that must still have `etag`; raise `PromotionConflict` when it changed."""
        self._put_if(key, content, IfMatch=etag)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        with self._translated("list", prefix or "all keys"):
            pages = self._patient.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return sorted(key.removeprefix(self._prefix) for key in found)

    def _put_if(self, key: str, content: bytes, **condition: str) -> None:
        with self._translated("write", key):
            try:
                self._once.put_object(**self._at(key), Body=content, **condition)
            except ClientError as error:
                if _code(error) not in _LOST | _ABSENT:
                    raise
                raise PromotionConflict(f"{key} in {self} has changed: somebody else wrote it first") from error

    def _whole_body(self, key: str, at_most: int) -> Blob:
        """Return the bytes of one answer; one that breaks off is asked for again, which boto3 does not do."""
        for left in reversed(range(ATTEMPTS)):
            answer = self._patient.get_object(**self._at(key))
            try:
                with answer["Body"] as body:
                    if answer["ContentLength"] > at_most:
                        raise TooLarge(f"{key} in {self}", answer["ContentLength"], at_most)
                    return Blob(body.read(), answer["ETag"])
            except _BROKEN_BODY:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        what = f"cannot {verb} {key} in the release store {self}"
        try:
            yield
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SettingsError(f"{what}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") from error
        except ClientError as error:
            code, said = _code(error), error.response["Error"].get("Message")
            way = (
                _WAYS_OUT.get(code, "look at the rights of AWS_ACCESS_KEY_ID")
                if code in _REFUSED | {_NO_BUCKET}
                else ""
            )
            raise _kind(code)(f"{what}: {code}, {said}" + (f"; {way}" if way else "")) from error
        except BotoCoreError as error:
            raise FraudError(f"{what}: {error}; check the network and FRAUD_S3_ENDPOINT_URL, then try again") from error


def _client(session: boto3.session.Session, endpoint_url: str, *, attempts: int) -> Any:
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return session.client("s3", endpoint_url=endpoint_url or None, config=config)


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _kind(code: str) -> type[FraudError]:
    """Return the kind of a refusal: what a setting can mend, or what may pass by itself."""
    return SettingsError if code in _REFUSED | {_NO_BUCKET} else FraudError

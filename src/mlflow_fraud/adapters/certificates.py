"""Certificates that this machine's environment names: each is there before anybody is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlflow_fraud.core.errors import SettingsError

FILES = ("SSL_CERT_FILE", "MLFLOW_TRACKING_CLIENT_CERT_PATH")
FOLDERS = ("SSL_CERT_DIR",)
EITHER = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "MLFLOW_TRACKING_SERVER_CERT_PATH")


def require_certificates(environ: Mapping[str, str]) -> None:
    """Raise `SettingsError` where a variable names a file or folder of certificates that cannot be read.

    Each client reads its own variables, and stops at one in words of its own, which name no variable.

    >>> require_certificates({"SSL_CERT_FILE": ""})
    >>> require_certificates({"SSL_CERT_FILE": "/nowhere/ca.pem"})
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: SSL_CERT_FILE is /nowhere/ca.pem, expected a file of certificates that \
can be read; correct it or unset it
    """
    for name in (*FILES, *FOLDERS, *EITHER):
        given = environ.get(name, "")
        if given and not _is_there(name, given):
            kind = "file" if name in FILES else "folder" if name in FOLDERS else "file or folder"
            raise SettingsError(
                f"{name} is {given}, expected a {kind} of certificates that can be read; correct it or unset it"
            )


def _is_there(name: str, given: str) -> bool:
    # a folder's variable may hold several, and one that is not there does no harm beside one that is
    paths = [Path(each) for each in given.split(os.pathsep) if each] if name in FOLDERS else [Path(given)]
    return any(_is_kind(name, path) and os.access(path, os.R_OK) for path in paths)


def _is_kind(name: str, path: Path) -> bool:
    return (name not in FOLDERS and path.is_file()) or (name not in FILES and path.is_dir())

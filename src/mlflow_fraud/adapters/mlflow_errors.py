"""MLflow's errors, and those of the database and the connection behind it, each as one sentence with the way out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from mlflow_fraud.core.errors import FraudError, SettingsError, TrackingFailed

SCHEMES = "sqlite:///<file>, postgresql+psycopg://<user>:<password>@<host>/<database> or http(s)://<host>:<port>"
NO_SERVER = "is no MLflow server: something else answers; is the address in FRAUD_TRACKING_URI whole, path included?"
_TIMEOUT, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


class _Case(NamedTuple):
    """What is seen in the texts of an error, which kind of ours it is, and what to say after the address."""

    seen: str
    kind: Callable[[str], FraudError]
    said: str


_CASES = (
    _Case(
        r"maintenance mode|file store is no longer",
        SettingsError,
        "is a folder of files, in which MLflow no longer keeps runs; set FRAUD_TRACKING_URI to sqlite:///<file> "
        "(`mlflow migrate-filestore` takes over what is there)",
    ),
    _Case(
        r"unsupported URI|Unsupported URI|Can't load plugin|not a valid.*(dialect|URI)",
        SettingsError,
        f"is no address that MLflow knows; expected {SCHEMES} in FRAUD_TRACKING_URI",
    ),
    _Case(
        r"Invalid url|Invalid SQLite URL|Could not parse|Failed to parse|No host supplied|invalid literal for int",
        SettingsError,
        f"is no whole address; expected {SCHEMES} in FRAUD_TRACKING_URI",
    ),
    _Case(
        r"credential configuration",
        SettingsError,
        f"needs an account that is not set up here; expected {SCHEMES} in FRAUD_TRACKING_URI",
    ),
    _Case(
        r"out-of-date database schema|Can't locate revision|Multiple head revisions|overlaps with other",
        SettingsError,
        "has the tables of another version of MLflow; if it is older, back it up and run `mlflow db upgrade "
        "<address>`; if it is newer, use the MLflow that wrote it or another FRAUD_TRACKING_URI",
    ),
    _Case(
        r"file is not a database|file is encrypted|database disk image is malformed",
        SettingsError,
        "is not a database that can be read; bring it back from a backup or name another file in FRAUD_TRACKING_URI",
    ),
    _Case(
        r"password authentication failed|no password supplied|Access denied",
        SettingsError,
        "refuses the user or the password in FRAUD_TRACKING_URI",
    ),
    _Case(
        r'database "[^"]*" does not exist|Unknown database',
        SettingsError,
        "has no such database; create it (`createdb`) or correct FRAUD_TRACKING_URI",
    ),
    _Case(
        r"error code 401|UNAUTHENTICATED|CUSTOMER_UNAUTHORIZED|\b401 Unauthorized",
        SettingsError,
        "asks who you are (401); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    ),
    _Case(
        r"Invalid Host header|DNS rebinding",
        SettingsError,
        "does not answer to this name (403); start it with MLFLOW_SERVER_ALLOWED_HOSTS=<host>:<port>",
    ),
    _Case(
        r"error code 403|PERMISSION_DENIED|permission denied for|Forbidden",
        SettingsError,
        "does not let you do this (403); ask for the right to write to the experiment and the registered model",
    ),
    _Case(
        r"error code (404|405|30\d|400) != 200|not in a valid JSON format|ENDPOINT_NOT_FOUND"
        r"|INTERNAL_ERROR: Response: \{",
        SettingsError,
        NO_SERVER,
    ),
    _Case(
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification|WRONG_VERSION_NUMBER",
        SettingsError,
        "does not speak TLS as this machine trusts it; MLFLOW_TRACKING_SERVER_CERT_PATH names a certificate to trust, "
        "and a server without TLS is http://",
    ),
    _Case(
        r"readonly database|Read-only file system|unable to open database file|Permission denied|Is a directory",
        SettingsError,
        "or the folder of its artifacts cannot be written to; look at who owns them, or name others in "
        "FRAUD_TRACKING_URI and FRAUD_ARTIFACT_LOCATION",
    ),
    _Case(
        r"disk is full|No space left|Disk quota|disk I/O error|File too large",
        TrackingFailed,
        "cannot be written to: the disk is full; make room, then `mlflow-fraud track`",
    ),
    _Case(
        r"database is locked|database table is locked",
        TrackingFailed,
        "is locked by another program that writes to it; wait for that one to end, then `mlflow-fraud track`",
    ),
    _Case(
        r"must be in the 'active' state|Current state is deleted|deleted experiment",
        SettingsError,
        "has the experiment or the run among its deleted ones; `mlflow experiments restore` brings it back, or name "
        "another in FRAUD_EXPERIMENT",
    ),
    _Case(
        r"Registered Model with name=|Model Version \(name=",
        TrackingFailed,
        "does not have the registered model or its version (deleted or renamed?); `mlflow-fraud track` makes them",
    ),
    _Case(
        r"ProxyError|Tunnel connection failed|Cannot connect to proxy",
        TrackingFailed,
        "cannot be reached through the proxy that HTTP_PROXY or HTTPS_PROXY names; NO_PROXY names who needs none",
    ),
    _Case(
        r"Name or service not known|Failed to resolve|NameResolutionError|could not translate host"
        r"|nodename nor servname|failed to resolve|Temporary failure in name resolution",
        TrackingFailed,
        "cannot be reached: no machine has this name here; is the name in FRAUD_TRACKING_URI right?",
    ),
    _Case(
        r"timed out|timeout expired|Timeout",
        TrackingFailed,
        "does not answer: it takes the connection and says nothing, or nobody takes it; is it running?",
    ),
    _Case(
        r"refused|Max retries exceeded with url.*NewConnection|unreachable|No route to host",
        TrackingFailed,
        "cannot be reached: nobody listens there; is it running?",
    ),
    _Case(
        r"too many (5\d\d|429) error|error code (5\d\d|429)",
        TrackingFailed,
        "answers with an error of its own; its log says which",
    ),
    _Case(
        r"Connection aborted|Connection reset|RemoteDisconnected|BrokenPipe|server closed the connection|EOF detected"
        r"|IncompleteRead|terminating connection",
        TrackingFailed,
        "broke off the connection; is it still running?",
    ),
)


def explain(error: BaseException, uri: str) -> FraudError:
    """Return what an error of MLflow means for a person: settings to mend, or a server or file to wait for."""
    texts = list(_texts(error))
    if isinstance(error, ModuleNotFoundError):
        return SettingsError(_missing_driver(str(error.name), uri))
    told = "\n".join(texts)
    for case in _CASES:
        if re.search(case.seen, told):
            return case.kind(f"MLflow at {shown(uri)} {case.said}")
    first = next((line.strip() for line in told.splitlines() if line.strip()), type(error).__name__)
    return TrackingFailed(f"MLflow at {shown(uri)} does not do it: {shown(first[:300])}")


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Raise what MLflow raises in the block as the `FraudError` that it means; mistakes in code stay what they are."""
    try:
        yield
    except FraudError:
        raise
    except Exception as error:
        if not _is_foreign(error):
            raise
        raise explain(error, uri) from error


class Patience:
    """How long one request to a tracking server may take, where the person has not said so in MLflow's own variables.

    MLflow's own two minutes and seven retries mean a quarter of an hour for one call to a server that is away.
    """

    def __init__(self) -> None:
        self._free = [name for name in (_TIMEOUT, _RETRIES) if not os.environ.get(name)]

    def be(self, *, seconds: int, retries: int) -> None:
        """Wait so long for each answer from now on, and ask so often again."""
        values = {_TIMEOUT: seconds, _RETRIES: retries}
        os.environ.update({name: str(values[name]) for name in self._free})

    def __enter__(self) -> Patience:
        return self

    def __exit__(self, *ended: object) -> None:
        for name in self._free:
            os.environ.pop(name, None)


def shown(uri: str) -> str:
    """Return an address as it may be shown: without a password.

    >>> shown("postgresql+psycopg://fraud:secret@db.bank.example/mlflow")
    'postgresql+psycopg://fraud:***@db.bank.example/mlflow'
    """
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", uri)


def _missing_driver(module: str, uri: str) -> str:
    if module.startswith("psycopg"):
        return (
            f"MLflow at {shown(uri)} needs the driver `{module}`, which is not installed; install it "
            "(`pip install 'mlflow-fraud[postgres]'`) and write postgresql+psycopg://… in FRAUD_TRACKING_URI"
        )
    return f"MLflow at {shown(uri)} needs the package `{module}`, which is not installed here; expected {SCHEMES}"


def _texts(error: BaseException | None) -> Iterator[str]:
    """Yield what an error and those behind it say; of MLflow's own with its code."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield str(error)
        yield f"{type(error).__name__} {getattr(error, 'error_code', '')}"
        error = error.__cause__ or error.__context__


def _is_foreign(error: Exception) -> bool:
    """Return whether an error comes from outside: MLflow, the database, the network or the file system."""
    homes = (
        "mlflow",
        "sqlalchemy",
        "alembic",
        "requests",
        "urllib3",
        "sqlite3",
        "psycopg",
        "psycopg2",
        "boto3",
        "botocore",
    )
    classes = type(error).__mro__
    return isinstance(error, (OSError, ModuleNotFoundError)) or any(
        each.__module__.partition(".")[0] in homes for each in classes
    )

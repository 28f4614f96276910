"""The errors a person can do something about.

    FraudError
    ├── SettingsError      a parameter, an environment variable or a contract is wrong
    ├── DataError          the data is not what the contract says
    ├── ReleaseRejected    a release is not whole, altered, or of an unknown format
    ├── PromotionConflict  somebody else promoted at the same time
    ├── PublicationRefused what a run made is not in the shared repository, so nothing goes live
    ├── StageFailed        a pipeline stage ended with an error
    ├── TrackingFailed     MLflow cannot be used now, later it may be
    └── RecordUnavailable  the record of payments cannot be used now, later it may be

Every message says what was expected, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FraudError(Exception):
    """The root: a command prints it as one line and exits with 1."""


class SettingsError(FraudError):
    """A parameter, an environment variable or a contract is wrong."""


class DataError(FraudError):
    """The data is not what the contract says; nothing was written."""


class ReleaseRejected(FraudError):
    """A release is not whole, was altered, or has an unknown format; it must not be loaded."""


class TooLarge(ReleaseRejected):
    """What a release's file or the pointer should be is larger than it may be; no byte of it was read."""

    def __init__(self, what: str, found: int, at_most: int) -> None:
        super().__init__(f"{what} has {found:,} bytes, at most {at_most:,} are expected; it was not read")
        self.found = found


class PromotionConflict(FraudError):
    """The pointer moved while this promotion was under way; nothing was changed."""


class PublicationRefused(FraudError):
    """What a run made could not be pushed, as a commit or as data; what is live stays live."""


class StageFailed(FraudError):
    """A pipeline stage ended with an error; its own last words are in the message."""


class TrackingFailed(FraudError):
    """MLflow cannot be reached or does not do what it is asked; what was trained is kept, and logged later."""


class NoRecord(DataError):
    """A record of payments is expected, and none is there."""


class RecordUnavailable(FraudError):
    """The record of payments cannot be read or written now: a full disk, a lock, a server that is away."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known word, or all of them.

    >>> nearest("max_dept", ["max_depth", "eta"])
    'did you mean max_depth?'
    >>> nearest("x", ["max_depth", "eta"])
    'known: eta, max_depth'
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "known: " + ", ".join(names)

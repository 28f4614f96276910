"""Where a rollback leads, and what it holds: read from the ledger alone, so there is no other state to lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.release.ledger import ROLLBACK, Record, in_effect


@dataclass(frozen=True)
class Course:
    """The way to what is live, and what lies aside.

    `path` has the releases that led to the live one, oldest first, without those that were rolled back from. `held` has
    the record of the rollback that holds a version, and `once_live` every version that ever was, oldest first.
    """

    path: tuple[str, ...]
    held: Mapping[str, Record]
    once_live: tuple[str, ...]

    def back(self, to: str = "") -> str:
        """Return the version that a rollback leads to: the one that was live before, or `to`, if it was ever live.

        A held one is passed over unless it is named. Raises `SettingsError` where there is none to go to.
        """
        if not self.path:
            raise SettingsError("nothing is live, so there is nothing to go back from")
        live = self.path[-1]
        others = [version for version in self.once_live if version != live]
        if not others:
            raise SettingsError(f"{live} is the only release that was ever live; there is none to go back to")
        if to == live:
            raise SettingsError(f"{live} is live; give --to another one that once was: {', '.join(others)}")
        if to and to not in others:
            raise SettingsError(f"{to} was never live; give --to one that was: {', '.join(others)}")
        before = [version for version in self.path if version != live and version not in self.held]
        if not to and not before:
            raise SettingsError(
                f"before {live} nothing was live that is not held; name one with --to, of {', '.join(others)}"
            )
        return to or before[-1]


def course_of(records: Sequence[Record], live_record: int) -> Course:
    """Return how things stand by the records that took effect, the last of which is number `live_record`.

    A rollback holds the version that it left, and those between it and where it went: one step of two is two steps of
    one. Whatever puts a version live again lifts its hold: the gate never does, so somebody named it.
    """
    path, held, seen = list[str](), dict[str, Record](), dict[str, None]()
    for record in in_effect(records, live_record):
        version = record.to_version
        if record.action == ROLLBACK:
            kept = len(path) - path[::-1].index(version) if version in path else len(path) - 1
            held |= dict.fromkeys([*path[kept:]], record)
            path = path[:kept]
        if version not in path[-1:]:
            path.append(version)
        held.pop(version, None)
        seen[version] = None
    return Course(tuple(path), held, tuple(seen))


def in_words(hold: Record, version: str) -> str:
    """Return why a version does not go live, and what puts it live on purpose."""
    return (
        f"held: {version} was rolled back on {hold.at} by {hold.who} because {'; '.join(hold.reasons)}; "
        f"`mlflow-fraud promote --held {version} --reason …` puts it live again on purpose"
    )

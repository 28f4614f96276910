"""A transaction as the past keeps it, and the versions that a correction gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Value = float | None
Number = float | None
"""A score in whole thousandths, or what was usual when it was worked out."""

ALWAYS = -(2**63)
"""Earlier than any instant."""


@dataclass(slots=True)
class Event:
    """A transaction as the past keeps it: what windows add up and what the last one is asked for.

    `at` is in microseconds since 1970 on the transaction's own clock. `row` has the columns that features read.
    """

    at: int
    id: Any
    row: Mapping[str, Any]
    scores: dict[str, Number]

    @property
    def key(self) -> Key:
        """What tells it from all others; its versions have the same."""
        return self.at, self.id


class Gone(Event):
    """A transaction that is not there: reversed, or corrected away to another entity. No view sees it."""

    __slots__ = ()


Key = tuple[int, Any]
View = Callable[[Event], Any]
"""What a window looks at in an event; None for what it does not see."""


class Version(NamedTuple):
    """What a transaction is to whoever reads after the instant `seen`, until a newer version is seen.

    Of two that are seen from the same instant on the one that was told later is the newer one.
    """

    seen: int
    told: int
    event: Event


def gone(event: Event) -> Gone:
    """Return the event as one that is not there."""
    return Gone(event.at, event.id, event.row, event.scores)


@dataclass(frozen=True)
class Corrected:
    """A transaction that was corrected: as it was at first, and its later versions, the oldest first."""

    original: Event
    versions: list[Version]

    @property
    def events(self) -> list[Event]:
        """All that it ever was."""
        return [self.original, *(version.event for version in self.versions)]

    def where(self, is_here: Callable[[Event], bool]) -> list[Version]:
        """Return all versions, the original first, as an entity sees them: gone where it is another's."""
        versions = [Version(ALWAYS, 0, self.original), *self.versions]
        return [v if is_here(v.event) else v._replace(event=gone(v.event)) for v in versions]

"""The live release, watched from the record: its windows, what they ask for, and the page that says so."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.adapters.watch_page import render_watch_page
from mlflow_fraud.core.errors import NoRecord, SettingsError
from mlflow_fraud.core.watching.retrain import (
    Answer,
    Asked,
    MonitorRule,
    Sight,
    alarm_of,
    answer_of,
    bad_since,
    unless_waiting,
)
from mlflow_fraud.operations.collection.aside import number_aside
from mlflow_fraud.operations.monitoring.asked import read_asked, write_asked
from mlflow_fraud.operations.monitoring.figures import Watched
from mlflow_fraud.operations.monitoring.kept import Entry, write_seen
from mlflow_fraud.operations.monitoring.live import live_release, pointer_age
from mlflow_fraud.operations.monitoring.look import look
from mlflow_fraud.operations.monitoring.recorded import read_recorded
from mlflow_fraud.operations.release.comparison import waits_until
from mlflow_fraud.paths import WATCH_PAGE
from mlflow_fraud.settings import load_params


@dataclass(frozen=True)
class Seen:
    """What was seen of the live release as of `now`: its windows in time order, and what is asked for.

    `since` is the day from which on what is bad is so, None where nothing is or it cannot be said. `next_refresh` is
    the first day on which enough mature days are not learned, `next_contest` the first on which a contest has frauds
    enough, None where one has them now. `pointer_days` is how long the pointer has not moved.
    `alarmed` is whether an alarm stands, whatever is asked for today. `aside` counts corrections that did not
    come in. `silence` says that the feed of labels has fallen silent, where it has.
    """

    version: str
    now: datetime
    windows: list[Entry]
    answer: Answer
    sight: Sight
    since: date | None
    next_refresh: date | None
    next_contest: date | None
    pointer_days: float | None
    alarmed: bool
    aside: int
    silence: str

    @property
    def state(self) -> dict[str, Any]:
        """What the page says, as plain values."""
        return {
            **asdict(self.answer),
            "version": self.version,
            "now": self.now,
            "since": self.since,
            "missed": self.sight.missed,
            "unlearned": self.sight.unlearned,
            "next_refresh": self.next_refresh,
            "next_contest": self.next_contest,
            "pointer_days": self.pointer_days,
            "alarmed": self.alarmed,
            "aside": self.aside,
            "silence": self.silence,
        }


def watch_record(store: ReleaseStore, as_of: datetime | None = None) -> Seen:
    """Look at all that the live release has not learned, write the windows and the page, and decide.

    Every window since then is looked at again, since rows have matured. Again on the same record gives the same.
    Raises `SettingsError` where there is no record and no file was given either.
    """
    watched = Watched(live_release(store), load_params())
    version = watched.manifest.version
    try:
        recorded = read_recorded(watched.release, as_of)
    except NoRecord as error:
        raise SettingsError(
            f"{error} Or give the labelled windows as CSV files, oldest first; `mlflow-fraud data stream` makes some"
        ) from None
    today, rule = recorded.now.date(), watched.params.monitor
    told = read_asked(version, timedelta(hours=rule.unheard_hours))
    asked = [each for each in told if each.day <= today]
    # what alarmed is counted anew once it was answered, and today's look again sees what it saw
    windows, sight = look(recorded, watched, [each for each in asked if each.day < today and each.came != "nothing"])
    revisited = write_seen(version, windows)
    waits, alarmed = waits_until(version), alarm_of(sight, rule).retrain
    answer = unless_waiting(answer_of(sight, rule, asked, today), until=waits, now=today)
    seen = Seen(
        version=version,
        now=recorded.now,
        windows=revisited,
        answer=answer,
        sight=sight,
        since=_bad_since(windows, sight, rule) if alarmed else None,
        next_refresh=_next_refresh(watched),
        next_contest=waits if waits and waits > today else None,
        pointer_days=pointer_age(store),
        alarmed=alarmed or any(each.kind == "alarm" for each in told),
        aside=number_aside(watched.params.dataset),
        silence=recorded.heard.sentence,
    )
    write_text(WATCH_PAGE, render_watch_page(seen.state, seen.windows))
    return seen


def note_asked(seen: Seen) -> None:
    """Keep that a retraining is asked for, before it is: so no other look asks for the same."""
    if seen.answer.retrain:
        write_asked(seen.version, Asked(seen.now.date(), seen.answer.kind, seen.answer.reason))


def _bad_since(windows: list[Entry], sight: Sight, rule: MonitorRule) -> date | None:
    """Return the day from which on what alarms is so: the first missed burst that counts, or a window's first day."""
    found = list[date]()
    if sight.missed is not None and sight.missed.evidence >= rule.evidence and sight.missed.since is not None:
        found.append(sight.missed.since)
    for kind, seen in (("pool", sight.pools), ("week", sight.weeks)):
        place = bad_since(seen, rule)
        if place is not None:
            entries = [each for each in windows if each["kind"] == kind][-len(seen) :]  # since the last alarm
            found.append(datetime.fromisoformat(entries[place]["since"]).date())
    return min(found, default=None)


def _next_refresh(watched: Watched) -> date | None:
    """Return the first day on which enough days are mature and not learned."""
    until = watched.manifest.learned_until
    if until is None:
        return None
    every = timedelta(days=watched.params.monitor.refresh.every_days)
    wait = every + watched.twin + watched.params.active.split.horizon
    return (until + wait).date() + timedelta(days=1)

"""Day by day: the bank sends its payments, tells what became known, and monitoring looks when it is time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from mlflow_fraud.paths import ASKED
from rehearsal.business import Business
from rehearsal.workplace import Workplace

Say = Callable[[str], None]


class Look(NamedTuple):
    """A run of monitoring that was asked for: at the end of which day, and how it ended."""

    day: date
    state: str


@dataclass
class Played:
    """What happened: how each look ended, what was asked for when and why, which version answered from which day."""

    first: str
    looks: list[Look] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    live: list[tuple[int, str]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def asked_on(self, kind: str) -> list[date]:
        """Return the days on which a retraining was asked for as one kind: an alarm or a refresh."""
        return [date.fromisoformat(each["day"]) for each in self.asked if each["kind"] == kind]


def play(business: Business, place: Workplace, say: Say) -> Played:
    """Play all days; whatever is asked for meanwhile has ended when the next day begins."""
    played = Played(place.client.live())
    played.live.append((0, played.first))
    looks = {*business.plan.looks()}
    for day, payments, told in business.by_day():
        for payment in payments:
            place.client.score(payment)
        for each in told:
            place.client.tell(each.path, each.body)
        if business.plan.day(day) in looks:
            _look(day, business, place, played, say)
    played.runs = place.prefect.runs("retraining")
    return played


def _look(day: int, business: Business, place: Workplace, played: Played, say: Say) -> None:
    """Let monitoring look, wait for what it asks for, and for the service to answer with what is live by then."""
    looked = place.prefect.run("monitoring")
    played.looks.append(Look(business.plan.day(day), looked["state_name"]))
    before, played.asked = len(played.asked), _asked(place)
    said = f"{business.plan.day(day)}: monitoring {looked['state_name'].lower()}"
    for each in played.asked[before:]:
        said += f", asks for a retraining ({each['kind']}): {each['reason']}"
    say(said)
    if len(played.asked) > before:
        runs = place.prefect.wait_for("retraining", len(played.asked) + 1)
        version = place.answers_with_newest()
        say(f"{business.plan.day(day)}: retraining {runs[-1]['state_name'].lower()}, live is {version}")
        if version != played.live[-1][1]:
            played.live.append((day + 1, version))


def _asked(place: Workplace) -> list[dict[str, Any]]:
    file = place.clone / ASKED
    return list(json.loads(file.read_text())) if file.is_file() else []

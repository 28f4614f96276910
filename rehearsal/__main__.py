"""`python -m rehearsal year`, `weeks` or `drill`: print what has to hold; exit 1 where something does not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters.files import write_bytes, write_text
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.operations.workplace import require_workplace
from mlflow_fraud.paths import raw_folder
from mlflow_fraud.stages.before import prepare_environment
from mlflow_fraud.stages.run import say
from rehearsal import checks
from rehearsal.afterwards import Answers, read_answers
from rehearsal.business import Business, open_business
from rehearsal.by_hand import average_precisions
from rehearsal.checks import Check
from rehearsal.drill import drill
from rehearsal.picture import by_month, timeline
from rehearsal.plan import PLANS, WEEKS, YEAR
from rehearsal.playing import Played, Say, play
from rehearsal.workplace import FOLDER, Workplace, prepare
from stack import parts

DRILL = "drill"
LEAVE = "--leave"
"""For whoever wants to look at the servers afterwards: they go on until `python -m stack stop` at the desk."""


def main(words: list[str]) -> None:
    """Play the plan of a name, or drill; servers end with it, what they kept stays under `.local/rehearsal`."""
    names = [word for word in words if word != LEAVE]
    if len(names) != 1 or names[0] not in (*PLANS, DRILL):
        sys.exit(f"error: expected {', '.join(PLANS)} or {DRILL}, found {' '.join(words) or 'nothing'}")
    (name,), root, began = names, Path.cwd(), time.monotonic()
    prepare_environment()
    require_workplace(commit=True)

    def tell(line: str) -> None:
        say(f"{(time.monotonic() - began) / 60:5.1f} min  {line}")

    plan = replace(WEEKS, name=DRILL) if name == DRILL else PLANS[name]
    business, place = open_business(plan), prepare(plan, tell)
    try:
        found = _drilled(business, place, root, tell) if name == DRILL else _played(business, place, root, tell)
    finally:
        if LEAVE not in words:
            parts.stop(lambda line: None)
        os.chdir(root)
    if not all(check.holds for check in found):
        sys.exit(1)


def _drilled(business: Business, place: Workplace, root: Path, tell: Say) -> list[Check]:
    found = drill(business, place, tell)
    page = _table(found, "what was tried")
    write_text(root / FOLDER / f"{DRILL}.md", page)
    say(f"\n{page}")
    return found


def _played(business: Business, place: Workplace, root: Path, tell: Say) -> list[Check]:
    plan = business.plan
    tell(f"{len(business.payments):,} payments of {plan.days} days from {plan.first} on, one by one")
    played = play(business, place, tell)
    tell("what was answered, and the audit of it")
    audit = place.prefect.start("parity", days=plan.days + 1)
    answers = read_answers(business, played, place)
    found = _checks(business, played, answers, place, place.prefect.ended(audit))
    page = f"{_table(found, 'what has to hold')}\n\n{_months(business, answers)}"
    write_text(root / FOLDER / f"{plan.name}.md", page)
    write_bytes(root / FOLDER / f"{plan.name}.png", timeline(business, played, answers))
    say(f"\n{page}\n{FOLDER / plan.name}.png is the timeline")
    return found


def _checks(
    business: Business, played: Played, answers: Answers, place: Workplace, audit: Mapping[str, Any]
) -> list[Check]:
    found = [
        checks.requests(place),
        checks.looks(business.plan, played),
        checks.runs(played),
        checks.known_in_time(business, played, place),
        checks.broken_days(business, place),
        checks.commits(place),
        checks.parity(audit),
    ]
    if business.plan is YEAR:
        (history,) = (place.desk / raw_folder("simulated")).glob("*.csv")
        hand = average_precisions(business, answers, place.store.fetch(played.first), history)
        found += [
            checks.found_again(business, answers),
            checks.precision(hand),
            checks.december(played),
            checks.money(answers),
        ]
    return found


def _table(found: list[Check], title: str) -> str:
    lines = [f"| {title} | asked | found | |", "| --- | --- | --- | --- |"]
    lines += [f"| {each.what} | {each.asked} | {each.found} | {each.outcome} |" for each in found]
    return "\n".join(lines)


def _months(business: Business, answers: Answers) -> str:
    lines = ["| 28 days from | AP, the loop | AP, never refreshed | F1 | F1 | cost a day | cost a day |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for first, *both in by_month(business, answers):
        cells = [_cell(side[name]) for name in ("average_precision", "f1", "expected_cost") for side in both]
        lines.append(f"| {first} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except FraudError as error:
        sys.exit(f"error: {error}")

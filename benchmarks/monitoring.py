"""How often monitoring alarms in vain, and how soon it notices a new kind of fraud: `make bench-monitoring`.

Years go from payments through features and a fitted model to days (`benchmarks.watched_years`); each is then redrawn by
blocks of its days. What a year takes is kept in `.local/bench-monitoring`, so an interrupted run goes on. Writes
`docs/monitoring.md` below its heading, and its picture; with `--years` it goes through fewer and writes nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.businesses import START
from benchmarks.monitoring_page import Alarm, Watched, picture, text_of
from benchmarks.watched_years import DAYS, DRAWS, LABEL_DAYS, Year, redrawn, tasks, year_of
from mlflow_fraud.adapters.files import write_bytes, write_text
from mlflow_fraud.core.features.define import CLOCK_FEATURES
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.watching.expected import Expected, estimates, together
from mlflow_fraud.core.watching.missed import Outcomes, evidence, outcomes
from mlflow_fraud.core.watching.performance import bounds_of
from mlflow_fraud.core.watching.reference import distances, largest
from mlflow_fraud.core.watching.retrain import Asked, Missed, MonitorRule, Sight, Window, answer_of
from mlflow_fraud.core.watching.spans import pools_of, weeks_between
from mlflow_fraud.paths import LOCAL
from mlflow_fraud.settings import Params, load_params

PAGE, PICTURE = Path("docs/monitoring.md"), Path("docs/images/monitoring.png")
HEADING = "## Figures\n"
SCENARIOS = ("stable", "seasonal", "new-pattern")
FIRST_SEED, YEARS, REDRAWN, PAYMENTS = 500, 20, 10, 75_000
KEPT = LOCAL / "bench-monitoring"
MONDAY = date(2021, 1, 4)
"""On which a watched year is taken to begin, so that its weeks are whole; months are those of its payments."""


class Timed(NamedTuple):
    """A window, the first of its days, and the day on which it was there."""

    first: int
    there: int
    window: Window


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page and the picture."""
    began, small = time.perf_counter(), "--years" in arguments
    years = int(arguments[arguments.index("--years") + 1]) if small else YEARS
    watched = list[Watched]()
    todo, params = tasks(years, SCENARIOS, FIRST_SEED), load_params()
    with ProcessPoolExecutor(1 if small else 2, mp_context=get_context("spawn")) as pool:
        for each in pool.map(partial(watch_year, params), todo):
            watched.append(each)
            said = f"{len(watched)} of {len(todo)} years: {each.scenario}, seed {each.seed}"
            print(f"{time.perf_counter() - began:4.0f} s  {said}", file=sys.stderr, flush=True)
    text = text_of(watched, params.monitor, PAYMENTS, LABEL_DAYS)
    print(text)
    if not small:
        write_text(PAGE, PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + f"{HEADING}\n{text}\n")
        write_bytes(PICTURE, picture(watched, LABEL_DAYS))


def watch_year(params: Params, task: tuple[int, str]) -> Watched:
    """Return the alarms of a year and of its redrawn ones."""
    year, draw = year_of(params, KEPT, PAYMENTS, task), np.random.default_rng(task[0])
    drawn = [year, *(redrawn(year, draw) for _ in range(REDRAWN))]
    return Watched(year.seed, year.scenario, [list(alarms_of(each, params.monitor, params.costs)) for each in drawn])


def alarms_of(year: Year, rule: MonitorRule, costs: CostRule) -> Iterator[Alarm]:
    """Yield the alarms of a year in which each is answered, and the model stays: a day is looked at as it ends."""
    weeks, pools = windows_of(year, rule, costs)
    asked = list[Asked]()
    gap = costs.burst_gap
    since = alarmed = 0
    for day in range(1, DAYS + 1):
        mature = (year.at < day - LABEL_DAYS) & (year.at >= since)
        period = year.period(mature)
        missed = missed_of(year, outcomes(period, year.flagged[mature], gap), since, day - LABEL_DAYS)
        sight = Sight(_there(pools, since, day), _there(weeks, alarmed, day), missed)
        now = MONDAY + timedelta(days=day)
        answer = answer_of(sight, rule, asked, now)
        if answer.kind == "alarm":
            asked.append(Asked(now, "alarm", answer.reason))
            since, alarmed = max(day - LABEL_DAYS, 0), day
            yield Alarm(day, answer.reason)


def _there(windows: Sequence[Timed], since: int, day: int) -> list[Window]:
    """Return those that were there by a day, and began after what was answered by the last alarm."""
    return [each.window for each in windows if since <= each.first and each.there <= day]


def missed_of(year: Year, bursts: Outcomes, since: int, until: int) -> Missed | None:
    """Return what the bursts between two days say; `since` is where counting began."""
    promise = year.reference.promise
    if promise is None or until <= since:
        return None
    paid = np.cumsum(year.expected[since:until, 0]).astype(np.int64)
    day = ((bursts.began - np.datetime64(START, "us")) // np.timedelta64(1, "D")).astype(np.int64)
    found = evidence(bursts.caught, paid[day - since], int(paid[-1]), promise)
    newest = bursts.caught[found.since :]
    return Missed(len(newest), int((~newest).sum()), found.value)


def windows_of(year: Year, rule: MonitorRule, costs: CostRule) -> tuple[list[Timed], list[Timed]]:
    """Return the weeks and the pools of a year; what is expected of a run of weeks begins with the first of them."""
    foreseen = estimates(year.reference.foreseen)["f1"]
    spans = weeks_between(MONDAY, MONDAY + timedelta(days=DAYS - 1))
    sums = [together(Expected(*each) for each in year.expected[first : first + 7]) for first in range(0, DAYS, 7)]
    outlook = {span.until: span for span in pools_of(spans, [round(each.frauds) for each in sums], rule.least_frauds)}
    weeks = list[Timed]()
    for place, week in enumerate(spans):
        begins, window = place, dict[str, float | None](drift=_drift(year, slice(place * 7, place * 7 + 7)))
        if week.until in outlook:
            begins = place + 1 - (week.until - outlook[week.until].since).days // 7
            expected = estimates(together(sums[begins : place + 1]))["f1"]
            window |= {"expected_f1": expected and expected.value, "expected_f1_upper": expected and expected.upper}
        window["foreseen_f1"] = foreseen and foreseen.lower
        weeks.append(Timed(begins * 7, place * 7 + 7, window))
    frauds = np.bincount((year.at[year.fraud] // 7).astype(np.int64), minlength=len(spans))[: len(spans)]
    pools = list[Timed]()
    for span in pools_of(spans, frauds.tolist(), rule.least_frauds):
        first, last = ((each.date() - MONDAY).days for each in (span.since, span.until))
        rows = (year.at >= first) & (year.at < last)
        period, flags = year.period(rows), year.flagged[rows].astype(np.float64)
        bounds = bounds_of(period, flags, 0.5, costs, DRAWS, ("f1", "recall"))
        hits, both = float((year.fraud & year.flagged)[rows].sum()), float(period.fraud.sum())
        window = {"frauds": both, "f1": 2 * hits / (both + flags.sum()), "recall": hits / both}
        for name, each in bounds.items():
            promised = year.reference.promised[name]
            window |= {f"{name}_upper": each and each[1], f"promised_{name}": promised and promised[0]}
        pools.append(Timed(first, last + LABEL_DAYS, window))
    return weeks, pools


def _drift(year: Year, days: slice) -> float | None:
    months, counts = np.unique(year.month[days], return_counts=True)
    own = {name: each[days].sum(axis=0) for name, each in year.counts.items() if name != "score"}
    found = distances(own, dict(zip(months.tolist(), counts.tolist(), strict=True)), year.reference)
    return largest(found, own, of_the_clock=CLOCK_FEATURES)


if __name__ == "__main__":
    main(sys.argv[1:])

"""How fresh what is live stays, with a new kind of fraud and without: `make bench-freshness`.

Writes `docs/freshness.md` below its heading, and its picture; `--small` goes through all of it in a minute or two and
writes nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.businesses import HISTORY_DAYS, LABEL_DAYS, Business, open_business
from benchmarks.freshness_page import Blocks, Poison, Story, Threshold, picture, text_of
from benchmarks.policies import EVERY_DAYS, Live, Model, Practice, live_by_each, through_the_gate
from mlflow_fraud.adapters.files import write_bytes, write_text
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.threshold import choose_threshold
from mlflow_fraud.settings import Params, load_params

PAGE, PICTURE = Path("docs/freshness.md"), Path("docs/images/freshness.png")
HEADING = "## Figures\n"
WINDOW_DAYS = 28
SCENARIOS = ("new-pattern", "stable")
SETTLED = (28, 56, 112, 174)
"""Days of honest scores that a threshold is settled on; the last is what ships: validation and test."""

TWINS = (1, 3, 7)
"""Newest days that are kept from what ships, to hold it against the last judged model."""

LENGTHS = (42, 28, 21)
"""Days of a block: two, three and four of them in the test."""


@dataclass(frozen=True)
class Plan:
    """How much is done; on the first `detailed` seeds the settings of a practice are compared, too."""

    seeds: int
    detailed: int
    payments_a_year: int
    windows: int
    cores: int = 2

    @property
    def days(self) -> int:
        """The days under a scenario."""
        return self.windows * WINDOW_DAYS


FIRST_SEED = 100
FULL, SMALL = Plan(20, 5, 75_000, 8), Plan(2, 1, 40_000, 3)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page and the picture."""
    began, small = time.perf_counter(), "--small" in arguments
    plan, params = SMALL if small else FULL, load_params()
    tasks = [(seed, scenario) for seed in range(FIRST_SEED, FIRST_SEED + plan.seeds) for scenario in SCENARIOS]
    stories = list[Story]()
    with ProcessPoolExecutor(plan.cores, mp_context=get_context("spawn")) as pool:
        for story in pool.map(partial(tell_story, params, plan), tasks):
            stories.append(story)
            said = f"{len(stories)} of {len(tasks)} businesses: {story.scenario}, seed {story.seed}"
            print(f"{time.perf_counter() - began:4.0f} s  {said}", file=sys.stderr, flush=True)
    text, content = text_of(stories, plan.payments_a_year, EVERY_DAYS, LABEL_DAYS), picture(stories)
    print(text)
    if not small:
        write_text(PAGE, PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + f"{HEADING}\n{text}\n")
        write_bytes(PICTURE, content)


def tell_story(params: Params, plan: Plan, task: tuple[int, str]) -> Story:
    """Return what each way had live on one business, and what poison did to its refreshes."""
    (seed, scenario), detailed = task, task[0] < FIRST_SEED + plan.detailed
    business = open_business(params, seed, scenario, plan.days, plan.payments_a_year)
    practice = Practice(business, params, WINDOW_DAYS)
    begin, end = float(HISTORY_DAYS), float(HISTORY_DAYS + plan.days)
    ways = live_by_each(practice, begin, end)
    starts = np.arange(begin, end, WINDOW_DAYS)
    metrics = {name: [_measure(practice, way, start) for start in starts] for name, way in ways.items()}
    gate = ways["through the gate"]
    return Story(
        seed=seed,
        scenario=scenario,
        metrics=metrics,
        went_live={name: len(way.models) - 1 for name, way in ways.items()},
        refused=[" and ".join(reasons) for _, reasons in gate.refused],
        days_to_know={name: _days_to_know(business, way) for name, way in ways.items()},
        poisons=_poisons(practice, gate, begin + plan.days // 2) if scenario == "stable" else [],
        twin_days={days: _unjudged(practice, days, begin, end) for days in TWINS} if detailed else {},
        thresholds=[each for days in SETTLED for each in _thresholds(practice, days, begin, end)] if detailed else [],
        blocks=[_blocks(business, params, length, begin, end) for length in LENGTHS] if detailed else [],
    )


def _measure(practice: Practice, way: Live, start: float) -> dict[str, float | None]:
    """Return what was live in a window is worth, by the labels that came later."""
    rows = practice.business.between(start, start + WINDOW_DAYS)
    scores = way.scores(practice.business, start, start + WINDOW_DAYS)
    return evaluate(practice.business.period(rows), *scores, practice.costs)


def _days_to_know(business: Business, way: Live) -> float | None:
    """Return the days from the first payment of the new kind to the first model that has learned one; None if none."""
    if not business.new.any():
        return None
    first = float(business.at[business.new].min())
    return next((day - first for day, model in way.models if model.learned_until > first), None)


def _poisons(practice: Practice, gate: Live, now: float) -> list[Poison]:
    """Return what comes of a refresh that was made of poisoned rows, in weeks of different age.

    The younger rows came poisoned, and the live file scores them so; the older ones were changed after the live
    release had scored them.
    """
    business, mature = practice.business, now - LABEL_DAYS
    live = [model for day, model in gate.models if day < now][-1]
    clean = practice.shipped(now)
    found = []
    for place, begin in (("what ships", mature - 12), ("what ships and the last link", mature - 49)):
        for kind, days, labels in (("the labels of a week swapped", 7, True), ("three days in cents", 3, False)):
            rows, stand = business.between(begin, begin + days), (live, gate.models[0][1])
            bad = business.poisoned(rows, labels=labels, live=[model.learned_until for model in stand])
            poisoned = Practice(bad, practice.params, practice.block_days)
            ours = poisoned.shipped(now)
            verdict = poisoned.judge(ours, *stand, now, "refresh")
            harm = _next_window(practice, bad, ours, now) - _next_window(practice, business, clean, now)
            found.append(Poison(f"{kind}, learned by {place}", harm, poisoned.twin(ours, now), verdict.against))
    return found


def _next_window(practice: Practice, learned: Business, model: Model, now: float) -> float:
    """Return the average precision of a model in the 28 days after `now`, on payments as they truly were."""
    true = practice.business
    rows = true.between(now, now + WINDOW_DAYS)
    raw = learned.fits[model.learned_until].inplace_predict(true.x[rows]).astype(np.float64)
    metrics = evaluate(
        true.period(rows), model.settled.calibration(raw), model.settled.cutoff.threshold, practice.costs
    )
    return metrics["average_precision"] or 0.0


def _unjudged(practice: Practice, days: int, begin: float, end: float) -> float:
    """Return the mean average precision where each refresh goes live unjudged, and has learned all but some days."""
    models = [(begin, practice.shipped(begin))]
    for now in np.arange(begin + EVERY_DAYS, end, EVERY_DAYS):
        models.append((now, replace(practice.by_hand(now), learned_until=now - LABEL_DAYS - days)))
    return _average_precision(practice, Live(models), begin, end)


def _average_precision(practice: Practice, way: Live, begin: float, end: float) -> float:
    """Return the mean of what was live over the windows."""
    found = [_measure(practice, way, start) for start in np.arange(begin, end, WINDOW_DAYS)]
    return float(np.mean([each["average_precision"] or 0.0 for each in found]))


def _thresholds(practice: Practice, days: int, begin: float, end: float) -> list[Threshold]:
    """Return what one model is worth by the thresholds of the honest scores of so many days, decision by decision.

    One is what the labels of these days say alone, the other is held where the probabilities expect it.
    """
    business, found = practice.business, []
    for now in np.arange(begin, end - WINDOW_DAYS + 1, 2 * WINDOW_DAYS):
        mature = now - LABEL_DAYS
        settled = practice.settle(mature, mature, since=mature - days)
        rows = business.between(mature - days, mature)
        honest = settled.calibration(practice.raw(mature - days, mature, mature))
        labels = choose_threshold(business.period(rows), honest, practice.params.threshold, practice.costs)
        shipped, frauds = practice.shipped(now), int(business.labels[rows].sum())
        for way, threshold in (("labels alone", labels), ("held", settled.cutoff.threshold)):
            model = replace(shipped, settled=settled._replace(cutoff=Cutoff(threshold)))
            seen = _measure(practice, Live([(now, model)]), now)
            found.append(Threshold(days, way, frauds, threshold, seen["f1"] or 0.0, seen["expected_cost"] or 0.0))
    return found


def _blocks(business: Business, params: Params, length: int, begin: float, end: float) -> Blocks:
    """Return what comes of blocks of some length: what the gate has live, and how far off a promise is."""
    practice, gaps = Practice(business, params, length), []
    for now in np.arange(begin, end - WINDOW_DAYS + 1, 2 * WINDOW_DAYS):
        model = practice.shipped(now)
        rows = business.between(now - LABEL_DAYS - 84, now - LABEL_DAYS)
        promised = evaluate(business.period(rows), model.honest[rows], model.thresholds[rows], practice.costs)
        seen = _measure(practice, Live([(now, model)]), now)
        gaps.append((seen["average_precision"] or 0.0) - (promised["average_precision"] or 0.0))
    live = through_the_gate(practice, begin, end)
    return Blocks(84 // length, gaps, _average_precision(practice, live, begin, end), len(live.refused))


if __name__ == "__main__":
    main(sys.argv[1:])

"""How often the verdict is wrong, and how often it sees what is there: `make bench-decision`.

Writes the tables and curves of `docs/verdict.md`; `--small` goes through all of it in seconds and writes nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import Pool, Scores, Size, fits_by_card, make_fits, rows_of, score_businesses, some_rows
from benchmarks.verdict_page import BAR, EQUAL, PAIR, PRIMARIES, Found, Gains, loses, picture, rate, tables
from mlflow_fraud.adapters.files import write_bytes, write_text
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.measures import DRAWN, count_cards
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.release.in_words import named
from mlflow_fraud.core.release.looks import alpha_at
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.settings import load_params

PAGE, PICTURE = Path("docs/verdict.md"), Path("docs/images/verdict.png")
HEADING = "## Figures\n"
SHOWN = "![what guardrails refuse, and what is proven better, by the number of frauds](images/verdict.png)"
MARGINS = (1, 2, 3)
"""How many margins a planted loss is, in contests of its own."""

GAINS = (0.25, 0.5, 1.0)
"""Shares of cards for which the champion is the poor recipe and the challenger the good one."""

WINDOW = 90
"""Days that a nightly look sees."""

CARDS = 250
"""Of a business of 75,000 payments a year, as the simulator's own plan has it."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """How much is done: contests of each kind at each number of frauds, and years of nightly looks."""

    size: Size
    frauds: tuple[int, ...]
    contests: int
    at_the_bar: int
    years: int
    nights: int
    businesses_for_years: int
    samples: int | None = None


FULL = Plan(Size(12, 24), (50, 100, 200, 300, 600), 80, 240, years=12, nights=365, businesses_for_years=4)
SMALL = Plan(
    Size(2, 2, learned_days=120, payments_a_year=15_000),
    (15,),
    3,
    3,
    years=1,
    nights=2,
    businesses_for_years=1,
    samples=100,
)


class Contest(NamedTuple):
    """The two sides' scores on the same rows; both flag from .5 on."""

    period: Period
    challenger: Scores
    champion: Scores


Sides = Callable[[np.random.Generator, Rows], Contest]
Spoil = Callable[[float, np.random.Generator, Period, Scores], Scores]
"""Spoils a share of what a side has."""


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page and the picture."""
    begin, small = time.perf_counter(), "--small" in arguments
    plan, params = SMALL if small else FULL, load_params()
    rule, costs = params.compare, params.costs
    if plan.samples:
        rule = rule.model_copy(update={"bootstrap": rule.bootstrap.model_copy(update={"samples": plan.samples})})
    schema, fits = make_fits(params, plan.size)
    _say(begin, f"{2 * plan.size.fits} fits")
    pool = score_businesses(schema, fits, plan.size, first_seed=1000)
    _say(begin, f"{len(pool.starts) - 1:,} cards, {int(pool.period.fraud.sum()):,} frauds")
    found = contests(plan, pool, rule, costs, lambda line: _say(begin, line))
    long = replace(plan.size, businesses=plan.businesses_for_years, judged_days=WINDOW + plan.nights)
    years = score_businesses(schema, {"good": fits["good"]}, long, first_seed=5000)
    text = "\n\n".join([SHOWN, facts(plan, pool, rule, costs), *tables(found, rule), nightly(plan, years, rule, costs)])
    print(text)
    content = picture(found, rule)
    if not small:
        write_text(PAGE, PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + f"{HEADING}\n{text}\n")
        write_bytes(PICTURE, content)
    _say(begin, "done")


def contests(plan: Plan, pool: Pool, rule: CompareRule, costs: CostRule, progress: Callable[[str], None]) -> Found:
    """Return the differences of all contests, each on cards of its own drawing."""
    found: Found = {}
    kinds = _kinds(pool, rule, costs)
    for frauds in plan.frauds:
        for name, make in kinds.items():
            draw = np.random.default_rng([frauds, *name.encode()])
            number = plan.at_the_bar if frauds == BAR and name in (EQUAL, PAIR) else plan.contests
            judged = (
                _judge(make(draw, _some_cards(draw, pool, frauds)), _metrics(rule), rule, costs) for _ in range(number)
            )
            found[name, frauds] = list(judged)
        progress(f"contests with {frauds} frauds")
    return found


def nightly(plan: Plan, years: Pool, rule: CompareRule, costs: CostRule) -> str:
    """Return how often a year of nightly looks at nothing better promotes something."""
    bounds: dict[str, Callable[[int], float]] = {
        "the same every night": lambda look: rule.bootstrap.tail,
        "widened with each look": lambda look: alpha_at(look, rule.bootstrap.tail),
    }
    seen = np.zeros((len(bounds), plan.years, plan.nights), np.bool_)
    for year in range(plan.years):
        draw = np.random.default_rng([7, year])
        rows = rows_of(years, np.sort(draw.permutation(len(years.starts) - 1)[:CARDS]))
        day, champion = years.period.day_of_row[rows], fits_by_card(draw, years, "good", rows)
        for night in range(plan.nights):
            here = (day >= night) & (day < night + WINDOW)
            challenger = fits_by_card(draw, years, "good", rows[here])
            contest = Contest(some_rows(years.period, rows[here]), challenger, champion[here])
            gain = _judge(contest, [rule.metric], rule, costs)[rule.metric]
            for place, alpha in enumerate(bounds.values()):
                seen[place, year, night] = gain is not None and gain.lower(alpha(night + 1)) > rule.min_gain
    lines = [
        f"### A year of nightly looks at equal models, by {named(rule.metric)}\n",
        f"{plan.years} years of {plan.nights} nights; each night another challenger, as good as the champion, on the "
        f"last {WINDOW} days of {CARDS} cards.\n",
        "| bound | nights that would promote | years that would |",
        "| --- | ---: | ---: |",
    ]
    for name, nights in zip(bounds, seen, strict=True):
        lines.append(f"| {name} | {nights.mean():.2%} | {rate(int(nights.any(axis=1).sum()), plan.years)} |")
    return "\n".join(lines)


def facts(plan: Plan, pool: Pool, rule: CompareRule, costs: CostRule) -> str:
    """Return what was fitted and simulated, and what the two recipes are worth on all of it."""
    whole = np.arange(len(pool.period.labels))
    margins = ", ".join(f"{named(name)} {value:g}" for name, value in rule.max_loss.items())
    lines = [
        f"{2 * plan.size.fits} fits of XGBoost, each on another four fifths of one year's cards. "
        f"{plan.size.businesses} businesses of {plan.size.payments_a_year:,} payments a year that none has learned "
        f"from: {len(whole):,} payments, "
        f"{len(pool.starts) - 1:,} cards, {int(pool.period.fraud.sum()):,} frauds on "
        f"{int((pool.frauds_of_card > 0).sum()):,} of them.",
        f"Margins: {margins}; all guardrails together {rule.guardrail_confidence:.0%} sure; {rule.bootstrap.samples} "
        f"draws; {plan.contests} contests a cell, {plan.at_the_bar} of equals and of two fits at {BAR} frauds.\n",
        "| recipe | F1 | average precision | cost of 1,000 payments |",
        "| --- | ---: | ---: | ---: |",
    ]
    for recipe in pool.scores:
        side = fits_by_card(np.random.default_rng(0), pool, recipe, whole)
        f1, average_precision, cost = (_worth(metric, pool.period, side, costs) for metric in PRIMARIES)
        thousand = 1000 * cost * pool.period.days / len(whole)
        lines.append(f"| {recipe} | {f1:.3f} | {average_precision:.3f} | {thousand:.0f} |")
    return "\n".join(lines)


def _kinds(pool: Pool, rule: CompareRule, costs: CostRule) -> dict[str, Sides]:
    """Return by name how a contest is made: of equals, of two fits, with a loss planted in a guardrail, with a gain."""
    kinds: dict[str, Sides] = {EQUAL: partial(_equals, pool), PAIR: partial(_two_fits, pool)}
    for metric, margin in rule.max_loss.items():
        spoil = _more_alarms if metric in ("precision", "alerts_per_day") else _miss_cards
        for margins in MARGINS:
            share = _share_that_loses(margins * margin, metric, spoil, pool, costs)
            kinds[loses(metric, margins)] = partial(_spoiled, pool, spoil, share)
    return kinds | {f"poor champion for {share:.0%} of the cards": partial(_gained, pool, share) for share in GAINS}


def _equals(pool: Pool, draw: np.random.Generator, rows: Rows) -> Contest:
    ours, theirs = (fits_by_card(draw, pool, "good", rows) for _ in range(2))
    return Contest(some_rows(pool.period, rows), ours, theirs)


def _two_fits(pool: Pool, draw: np.random.Generator, rows: Rows) -> Contest:
    scores = pool.scores["good"]
    ours, theirs = draw.choice(len(scores), 2, replace=False)
    return Contest(some_rows(pool.period, rows), scores[ours, rows], scores[theirs, rows])


def _spoiled(pool: Pool, spoil: Spoil, share: float, draw: np.random.Generator, rows: Rows) -> Contest:
    even = _equals(pool, draw, rows)
    return even._replace(challenger=spoil(share, draw, even.period, even.challenger))


def _gained(pool: Pool, share: float, draw: np.random.Generator, rows: Rows) -> Contest:
    even = _equals(pool, draw, rows)
    poor = (draw.random(count_cards(even.period)) < share)[even.period.cards]
    return even._replace(champion=np.where(poor, fits_by_card(draw, pool, "poor", rows), even.champion))


def _share_that_loses(loss: float, metric: str, spoil: Spoil, pool: Pool, costs: CostRule) -> float:
    """Return which share has to be spoiled for such a loss on all of the pool, by halving."""
    side = fits_by_card(np.random.default_rng(0), pool, "good", np.arange(len(pool.period.labels)))
    before, low, high = _worth(metric, pool.period, side, costs), 0.0, 1.0
    for _ in range(12):
        share = (low + high) / 2
        after = _worth(metric, pool.period, spoil(share, np.random.default_rng(1), pool.period, side), costs)
        low, high = (share, high) if abs(before - after) < loss else (low, share)
    return share


def _miss_cards(share: float, draw: np.random.Generator, period: Period, scores: Scores) -> Scores:
    """Miss all frauds of a share of the cards: they score a thousandth."""
    missed = (draw.random(count_cards(period)) < share)[period.cards] & period.fraud
    return np.where(missed, scores * np.float32(1e-3), scores)


def _more_alarms(share: float, draw: np.random.Generator, period: Period, scores: Scores) -> Scores:
    """Flag a share of a hundredth of the legal payments too, with scores over the whole range of the flagged."""
    flagged = ~period.fraud & (draw.random(len(scores)) < share / 100)
    return np.where(flagged, np.float32(0.5) + draw.random(len(scores), np.float32) / 2, scores)


def _some_cards(draw: np.random.Generator, pool: Pool, frauds: int) -> Rows:
    """Return the rows of as many cards, drawn without putting back, as have so many frauds."""
    order = draw.permutation(len(pool.starts) - 1)
    counted = np.cumsum(pool.frauds_of_card[order])
    return rows_of(pool, np.sort(order[: int(np.searchsorted(counted, frauds)) + 1]))


def _metrics(rule: CompareRule) -> list[str]:
    return [*PRIMARIES, *rule.max_loss]


def _judge(contest: Contest, metrics: Sequence[str], rule: CompareRule, costs: CostRule) -> Gains:
    ours, theirs = ((side.astype(np.float64), 0.5) for side in (contest.challenger, contest.champion))
    return differences(metrics, contest.period, ours, theirs, costs, rule.bootstrap)


def _worth(metric: str, period: Period, side: Scores, costs: CostRule) -> float:
    return float(DRAWN[metric](period, side.astype(np.float64), 0.5, costs)(np.ones(count_cards(period))))


def _say(begin: float, line: str) -> None:
    print(f"{time.perf_counter() - begin:4.0f} s  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

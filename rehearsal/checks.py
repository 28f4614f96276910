"""What has to hold when the play is over: each a line of the table, with what was asked for and what was found."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.stats import binomtest  # type: ignore[import-untyped]

from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.release.ledger import VERDICT, Record
from mlflow_fraud.paths import raw_folder
from rehearsal.afterwards import Answers
from rehearsal.business import ID, TIME, Business
from rehearsal.plan import Plan
from rehearsal.playing import Played
from rehearsal.workplace import Workplace
from stack import git_host

CHANCE = 0.05
"""More that is found counts where chance would give it so rarely at most."""

NOTICED_DAYS = 30
"""After the label horizon: by then an alarm or a refresh has to know a new kind of fraud, as the bench has it."""


DECEMBER = 12
COMPLETED = "Completed"


class Check(NamedTuple):
    """One thing that has to hold; what could not be tried, where `holds` is None, does not."""

    what: str
    asked: str
    found: str
    holds: bool | None

    @property
    def outcome(self) -> str:
        """The last cell of its line."""
        return "NOT TRIED" if self.holds is None else "holds" if self.holds else "FAILS"


def requests(place: Workplace) -> Check:
    """No request failed, of some."""
    refused = place.client.refused
    first = f", the first {refused[0].status} at {refused[0].path}: {refused[0].said}" if refused else ""
    return Check(
        "requests that failed",
        "0",
        f"{len(refused)} of {place.client.sent:,}{first}",
        place.client.sent > 0 and not refused,
    )


def looks(plan: Plan, played: Played) -> Check:
    """Monitoring looked whenever it was time, and each look ended well."""
    wanted = plan.looks()
    good = [each.day for each in played.looks if each.state == COMPLETED]
    bad = next((f", {each.day}: {each.state}" for each in played.looks if each.state != COMPLETED), "")
    found = f"{len(good)} of {len(played.looks)}{bad}"
    return Check(
        "looks of monitoring that ended well", str(len(wanted)), found, bool(wanted) and good == wanted and not bad
    )


def runs(played: Played) -> Check:
    """Whatever was asked for was done, once and well, beside the first model; where nothing was, nothing is shown."""
    states = [run["state_name"] for run in played.runs]
    wanted = len(played.asked) + 1
    good = states.count(COMPLETED)
    return Check(
        "retrainings that were asked for and ended well",
        str(wanted) if played.asked else "at least 2",
        f"{good} of {len(states)}",
        bool(played.asked) and good == wanted == len(states),
    )


def known_in_time(business: Business, played: Played, place: Workplace) -> Check:
    """A model that had learned the new kind was live in time, or an alarm came."""
    plan = business.plan
    new = [event_id for event_id, kind in business.kinds.items() if kind == "new"]
    first = business.payments.filter(pl.col(ID).is_in(new))["day"].min()
    by = plan.horizon_days + NOTICED_DAYS
    if not isinstance(first, int):
        return Check("the new kind of fraud is known", f"within {by} days", "there was none", False)
    begun = plan.day(first)
    payment = str(business.payments.filter(pl.col(ID).is_in(new))[TIME].min())
    learned = [day for day, version in played.live if _learned_after(place, version, payment)]
    alarms = [(day - plan.first).days for day in played.asked_on("alarm") if day >= begun]
    told = [f"live in a model after {learned[0] - first} days"] if learned else ["in no model"]
    told += [f"first alarm after {alarms[0] - first}"] if alarms else ["no alarm"]
    soon = min([*(learned[:1]), *(alarms[:1])], default=None)
    return Check(
        "the new kind of fraud is known or alarmed of",
        f"within {by} days",
        ", ".join(told),
        soon is not None and soon - first <= by,
    )


def found_again(business: Business, answers: Answers) -> Check:
    """Frauds of the new kind are found once they are to be known, more than without the loop (sign test)."""
    plan = business.plan
    known = range(plan.new_from + plan.horizon_days + NOTICED_DAYS, plan.days)
    new = answers.frauds(known, new=True)
    loop, kept = (side[0][new] >= side[1][new] for side in (answers.closed, answers.open))
    alone, missed = int((loop & ~kept).sum()), int((kept & ~loop).sum())
    return Check(
        f"frauds of the new kind found from {plan.day(known.start)} on",
        "more than never refreshed, not by chance",
        f"{int(loop.sum())} of {int(new.sum())} for {int(kept.sum())}",
        bool(binomtest(alone, max(alone + missed, 1), alternative="greater").pvalue < CHANCE),
    )


def _learned_after(place: Workplace, version: str, payment: str) -> bool:
    """Return whether a version has learned later payments than the first of the new kind."""
    until = place.store.manifest(version).learned_until
    return until is not None and str(until) > payment


def broken_days(business: Business, place: Workplace) -> Check:
    """Nothing of the days with the broken feed was learned."""
    days = business.payments.filter(pl.col("day").is_between(*business.plan.broken, closed="left"))
    files = sorted((place.clone / raw_folder("simulated")).glob("collected-*.parquet"))
    pinned = [pl.read_parquet(file, columns=[ID])[ID] for file in files]
    there = int(days[ID].is_in(pl.concat(pinned).implode()).sum()) if pinned else 0
    found = f"{there} of {len(days)}, in {len(files)} collected batches"
    return Check("payments of the broken days that were learned", "0", found, there == 0 and bool(files))


def commits(place: Workplace) -> Check:
    """Every release names a commit that everybody has, and its `dvc.lock` names what the release was made of."""
    promoted = [record for record in place.store.ledger() if record.action != VERDICT]
    good = [record for record in promoted if _has_its_lock(place, record)]
    wanted = f"all of {len(promoted)}"
    return Check(
        "releases whose commit, on the remote, has their dvc.lock",
        wanted,
        str(len(good)),
        bool(promoted) and good == promoted,
    )


def _has_its_lock(place: Workplace, record: Record) -> bool:
    manifest = place.store.manifest(record.to_version)
    lock = _git(place, "show", f"{manifest.git_sha}:dvc.lock")
    there = _git(place, "branch", "--remotes", "--contains", manifest.git_sha)
    return f"origin/{git_host.BRANCH}" in there and all(md5 in lock for md5 in manifest.data.values())


def _git(place: Workplace, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=place.clone, capture_output=True, text=True, check=False).stdout


def parity(run: Mapping[str, Any]) -> Check:
    """What was served is what the batch engine makes of the same payments, bit for bit, by the audit's ended run."""
    said = run["state"].get("message") or run["state_name"]
    return Check(
        "answers that the batch engine cannot explain",
        "0",
        " ".join(said.split())[:200],
        run["state_type"] == "COMPLETED",
    )


def december(played: Played) -> Check:
    """The season is no alarm, seen by whoever looked in it."""
    found = [day for day in played.asked_on("alarm") if day.month == DECEMBER]
    looked = [each for each in played.looks if each.day.month == DECEMBER and each.state == COMPLETED]
    said = f"{len(found)} in {counted(len(looked), 'look')}"
    return Check("alarms in December", "0", said, bool(looked) and not found)


def money(answers: Answers) -> Check:
    """The loop is worth money: what it costs less than a model that nobody refreshed."""
    everything = np.ones(len(answers.rows), bool)
    closed, kept = (answers.measured(everything, side)["expected_cost"] for side in (answers.closed, answers.open))
    if closed is None or kept is None:
        return Check("money that the loop saves", "more than 0", "there was no fraud", False)
    found = f"{kept - closed:+.2f} a day: {closed:.2f} for {kept:.2f}"
    return Check("money that the loop saves", "more than 0", found, kept > closed)


def precision(found: Sequence[tuple[float, float]]) -> Check:
    """What is live is about as good as what is refreshed by hand."""
    loop, hand = (float(np.mean(side)) for side in zip(*found, strict=True))
    said = f"{loop / hand:.3f}: {loop:.3f} for {hand:.3f}"
    return Check("average precision by that of refreshing by hand", "at least 0.95", said, loop >= 0.95 * hand)

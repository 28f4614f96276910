"""The challenger against the live release, on the rows for which both are honest; the verdict and its report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import Difference
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.interval import Interval
from mlflow_fraud.core.measuring.slices import groups_of, slices_of
from mlflow_fraud.core.release.decision import Verdict, decide
from mlflow_fraud.core.release.first import require_none_before
from mlflow_fraud.core.release.ledger import Kind
from mlflow_fraud.core.release.looks import alpha_at
from mlflow_fraud.core.release.recipe import question
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.core.release.waiting import NO_ROW, Waiting, wait_for
from mlflow_fraud.operations.release.challenger import hashes_of, recipe_of, release_version
from mlflow_fraud.operations.release.comparison import Comparison, asked_for, write_comparison
from mlflow_fraud.operations.release.contest import Contest, Entry, enter_challenger, enter_champion, hold
from mlflow_fraud.operations.release.standing import Standing, read_standing
from mlflow_fraud.paths import PARAMS_FILE, TRANSACTIONS, VALIDATION_REPORT, part_file
from mlflow_fraud.settings import Params, load_params, read_judging
from mlflow_fraud.stages.shipped import Shipped, read_shipped
from mlflow_fraud.stages.trained import read_trained

ALREADY_LIVE = "the challenger is the live release: nothing has changed"


class Rules(NamedTuple):
    """By what is judged: the section `compare`, whose it is, and the costs."""

    compare: CompareRule
    whose: str
    costs: CostRule


def compare(store: ReleaseStore, *, first: bool = False, base: str = "", asked: str = "") -> Comparison:
    """Decide, and write `verdict.json`, `report.html` and the decision on this version into `data/decision/`.

    Where nothing is live the verdict is no, unless a `first` release is asked for; raises `PromotionConflict` where
    something was, and `latest` is lost. The sections `compare` and `costs`
    are those of the commit `base` where one is given: a change of the rule does not judge what it comes with.
    `asked` is why was trained; what was said first of a version stays.
    """
    params, challenger = load_params(), read_shipped()
    whose = f"{PARAMS_FILE} in {base}" if base else str(PARAMS_FILE)
    rule, costs = params.compare, params.costs
    if base:
        rule, costs = read_judging(git_repo.read_at(base, PARAMS_FILE), where=whose)
    rules = Rules(rule, whose, costs.within(challenger.trained.assessment.budget))
    standing = read_standing(store)
    if standing.champion is None:
        require_none_before(standing.records, str(store), release_version(challenger))
    judged = _judge(challenger, standing, params, rules, store=str(store), first=first)
    comparison = replace(judged, asked=asked_for(judged.challenger.version) or asked)
    write_comparison(comparison)
    return comparison


def _judge(
    challenger: Shipped, standing: Standing, params: Params, rules: Rules, *, store: str, first: bool
) -> Comparison:
    test, champion = pl.read_parquet(part_file("test")), standing.champion
    kind, asked = question(recipe_of(challenger), champion.manifest.recipe if champion else None)
    ours = enter_challenger(challenger, test)
    try:
        contest = _contest(challenger, ours, champion, test, rules)
        anchor = _anchor(challenger, ours, standing, contest, test, rules) if kind == "refresh" else None
        verdict = _verdict(challenger, standing, contest, anchor, kind, rules, store=store, first=first)
    except DataError as error:
        if champion is None:
            raise
        contest = _contest(challenger, ours, None, test, rules)
        verdict = Verdict(False, (), (str(error),), kind=kind, waits=True)
    waiting = _waiting(contest, test, params, rules.compare) if verdict.waits and contest.theirs else None
    if waiting:
        verdict = replace(verdict, against=(*verdict.against, waiting.sentence))
    assessed = {name: read_trained(name).assessment for name in CANDIDATES}
    return Comparison(
        challenger=contest.ours,
        against=champion.manifest.version if champion else None,
        champion=contest.theirs,
        anchor=standing.anchor.manifest.version if standing.anchor else None,
        metric=rules.compare.metric,
        gain=_shown(contest.gains.get(rules.compare.metric), verdict, rules.compare),
        verdict=verdict,
        question=asked if champion else "a first release: by floors and ceilings",
        rows=contest.rows,
        waits_until=str(waiting.until) if waiting and waiting.until else None,
        rule=rules.whose,
        candidates={name: assessment.test for name, assessment in assessed.items()},
        intervals={name: assessment.intervals for name, assessment in assessed.items()},
        budget=str(challenger.trained.assessment.budget),
        store=store,
        first=first,
        asked="",
        slices=_slices(contest, challenger),
        files=hashes_of(challenger),
    )


def _slices(contest: Contest, challenger: Shipped) -> dict[str, list[dict[str, Any]]]:
    """Return what each contestant found and flagged in parts of the contest's rows."""
    contract = challenger.trained.schema.contract
    history = pl.read_parquet(TRANSACTIONS)
    rows = pl.DataFrame({"event_id": contest.ids}).join(history, on="event_id", how="left", maintain_order="left")
    groups = groups_of(rows, history, contract)
    sides = zip(("challenger", "champion"), contest.flags, strict=False)
    return {
        role: [rounded_figures(each.model_dump()) for each in slices_of(contest.period, flags, groups)]
        for role, flags in sides
    }


def _contest(challenger: Shipped, ours: Entry, other: Release | None, test: pl.DataFrame, rules: Rules) -> Contest:
    """Return the challenger against another release; raise `DataError` where that one cannot be scored on the test."""
    schema = challenger.trained.schema
    theirs = enter_champion(other, test, schema) if other else None
    return hold(ours, theirs, test, schema.contract.currency_decimals, rules.costs, rules.compare)


def _anchor(
    challenger: Shipped, ours: Entry, standing: Standing, contest: Contest, test: pl.DataFrame, rules: Rules
) -> Contest | None:
    """Return the contest with the anchor: the same one where the live release is the anchor, None where none is."""
    if standing.anchor is standing.champion:
        return contest
    return _contest(challenger, ours, standing.anchor, test, rules) if standing.anchor else None


def _verdict(
    challenger: Shipped,
    standing: Standing,
    contest: Contest,
    anchor: Contest | None,
    kind: Kind,
    rules: Rules,
    *,
    store: str,
    first: bool,
) -> Verdict:
    ours, theirs = contest.ours, contest.theirs
    if theirs is not None and theirs.version == ours.version:
        return Verdict(False, (), (ALREADY_LIVE,), kind="refresh")
    held = standing.hold(ours.version)
    if held:  # whatever the numbers say, so it is no look
        return Verdict(False, (), (held,), kind="refresh")
    verdict = decide(
        ours.metrics,
        theirs.metrics if theirs else None,
        contest.gains,
        validated=bool(read_json(VALIDATION_REPORT)["passed"]),
        rule=rules.compare,
        kind=kind,
        anchor=anchor.gains if anchor else None,
        anchor_frauds=anchor.ours.metrics.get("frauds") if anchor else None,
        look=standing.look(ours.version, contest.rows),
        first=first,
        store=store,
    )
    twin = challenger.shipping.twin
    against = (*verdict.against, *(twin.against(rules.compare.twin) if twin else ()))
    return replace(verdict, promote=not against, against=against, proven=verdict.proven and not against)


def _waiting(contest: Contest, test: pl.DataFrame, params: Params, rule: CompareRule) -> Waiting | None:
    """Return when there will be frauds enough; None where only the anchor's contest lacks them."""
    times, frauds = test["event_time"], int(contest.period.fraud.sum())
    if not len(contest.period.labels):
        return NO_ROW
    if frauds >= rule.min_frauds:
        return None
    whole = (times.max() - times.min()).total_seconds() / 86_400  # type: ignore[operator,union-attr]
    return wait_for(
        frauds,
        rule.min_frauds,
        days=contest.period.days,
        at_most=max(whole, params.active.split.test_days),
        newest=times.max(),  # type: ignore[arg-type]
        horizon=params.active.split.horizon,
    )


def _shown(gain: Difference | None, verdict: Verdict, rule: CompareRule) -> Interval | None:
    alpha = alpha_at(verdict.look, rule.bootstrap.tail) if verdict.kind == "change" else rule.bootstrap.tail
    return gain.interval(alpha) if gain else None

"""The challenger against the live release, on the same mature rows; the verdict and its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from mlflow_fraud.adapters.files import read_json, write_json, write_text
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.adapters.report import render_report
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import Difference, differences
from mlflow_fraud.core.measuring.interval import Bounds, Interval
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.release.decision import Verdict, decide
from mlflow_fraud.core.release.guardrails import Gains, Guardrail
from mlflow_fraud.core.release.looks import alpha_at
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.operations.release.challenger import choose_challenger
from mlflow_fraud.operations.release.contest import Contestant, Entry, enter_challenger, enter_champion
from mlflow_fraud.paths import REPORT, VALIDATION_REPORT, VERDICT, part_file
from mlflow_fraud.settings import Params, load_params
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained

ALREADY_LIVE = "the challenger is the live release: nothing has changed"


@dataclass(frozen=True)
class Comparison:
    """The content of `verdict.json`; `against` is the live version that the challenger was judged against.

    `store` is where that one is live: a verdict holds for no other. `first` is true when a first release was asked for.
    `candidates` and `intervals` are those of all candidates on the test period; `budget` says how many alerts a day
    all of them are judged with.
    """

    challenger: Contestant
    against: str | None
    champion: Contestant | None
    gain: Interval | None
    verdict: Verdict
    candidates: dict[str, Metrics]
    intervals: dict[str, dict[str, Bounds | None]]
    budget: str
    store: str
    first: bool


def compare(store: ReleaseStore, *, first: bool = False) -> Comparison:
    """Decide, and write `data/decision/verdict.json` and `report.html`.

    Where nothing is live the verdict is no, unless a `first` release is asked for.
    """
    params = load_params()
    pointer = store.latest()
    champion = store.fetch(pointer.version) if pointer else None
    comparison = _judge(choose_challenger(params), champion, params, store=str(store), first=first)
    write_json(VERDICT, {**asdict(comparison), "reasons": comparison.verdict.reasons})
    write_text(REPORT, render_report(read_json(VERDICT)))
    return comparison


def read_comparison() -> Comparison:
    """Return the comparison that `compare` wrote; raise `DataError` where there is none."""
    if not VERDICT.is_file():
        raise DataError(f"{VERDICT} is not there; run `mlflow-fraud compare` first")
    document: dict[str, Any] = read_json(VERDICT)
    verdict, champion, gain = document["verdict"], document["champion"], document["gain"]
    return Comparison(
        challenger=Contestant(**document["challenger"]),
        against=document["against"],
        champion=Contestant(**champion) if champion else None,
        gain=Interval(**gain) if gain else None,
        verdict=Verdict(**{**verdict, **_tuples(verdict)}),
        candidates=document["candidates"],
        intervals=document["intervals"],
        budget=document.get("budget", ""),
        store=document.get("store", ""),
        first=document.get("first", False),
    )


def _tuples(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return those values of a written verdict that are no lists in it; one of earlier has no guardrails."""
    sentences = {name: tuple(verdict[name]) for name in ("in_favour", "against")}
    return {**sentences, "guardrails": tuple(Guardrail(**each) for each in verdict.get("guardrails", ()))}


def _judge(
    challenger: TrainedCandidate, champion: Release | None, params: Params, *, store: str, first: bool
) -> Comparison:
    test = pl.read_parquet(part_file("test"))
    budget = challenger.assessment.budget
    costs = params.costs.within(budget)
    ours = enter_challenger(challenger, test, costs)
    theirs, gains, trouble = None, dict[str, Difference | None](), ""
    if champion is not None:
        try:
            theirs = enter_champion(champion, test, challenger.schema, costs)
            gains = _gains(ours, theirs, test, challenger, params.compare, costs)
        except DataError as error:
            trouble = str(error)
    judged = Verdict(False, (), (trouble,)) if trouble else _verdict(ours, theirs, gains, params, store, first)
    assessed = {name: read_trained(name).assessment for name in CANDIDATES}
    return Comparison(
        challenger=ours.contestant,
        against=champion.manifest.version if champion else None,
        champion=theirs.contestant if theirs else None,
        gain=_shown(gains.get(params.compare.metric), params.compare, judged.look),
        verdict=judged,
        candidates={name: assessment.test for name, assessment in assessed.items()},
        intervals={name: assessment.intervals for name, assessment in assessed.items()},
        budget=str(budget),
        store=store,
        first=first,
    )


def _verdict(ours: Entry, theirs: Entry | None, gains: Gains, params: Params, store: str, first: bool) -> Verdict:
    if theirs is not None and theirs.contestant.version == ours.contestant.version:
        return Verdict(False, (), (ALREADY_LIVE,))
    return decide(
        ours.contestant.metrics,
        theirs.contestant.metrics if theirs else None,
        gains,
        validated=bool(read_json(VALIDATION_REPORT)["passed"]),
        rule=params.compare,
        first=first,
        store=store,
    )


def _gains(
    ours: Entry, theirs: Entry, test: pl.DataFrame, challenger: TrainedCandidate, rule: CompareRule, costs: CostRule
) -> dict[str, Difference | None]:
    period = read_period(test, decimals=challenger.schema.contract.currency_decimals)
    pair = [(entry.scores, entry.contestant.threshold) for entry in (ours, theirs)]
    return differences([rule.metric, *rule.max_loss], period, pair[0], pair[1], costs, rule.bootstrap)


def _shown(gain: Difference | None, rule: CompareRule, look: int) -> Interval | None:
    return gain.interval(alpha_at(look, rule.bootstrap.tail)) if gain else None

"""The content of `verdict.json`: who was held against whom, what was found, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from mlflow_fraud.adapters.files import read_json, write_json, write_text
from mlflow_fraud.adapters.report import render_report
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.measuring.interval import Bounds, Interval
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.release.decision import Verdict
from mlflow_fraud.core.release.guardrails import Guardrail
from mlflow_fraud.core.release.ledger import Judged
from mlflow_fraud.operations.release.contest import Contestant
from mlflow_fraud.paths import DECISION, REPORT, VERDICT, decision_file


@dataclass(frozen=True)
class Comparison:
    """A contest and its verdict; `against` is the live version that the challenger was judged against.

    `gain` is the challenger's in `metric`. `store` is where that one is live: a verdict holds for no other. `first` is
    true when a first release was asked for. `question` says what was asked, a refresh or a change, and why. `rows` is
    the hash of the contest's rows, `anchor` the version that a refresh was held against too, and `waits_until` the day
    on which there will be frauds enough, where there were too few. `rule` says whose section `compare` judged, and
    `asked` why was trained, empty where nobody said. `candidates` and `intervals` are those of all candidates on the
    test period; `budget` says how many alerts a day all of them are judged with. `slices` are what each contestant
    found and flagged in parts of the contest's rows. `files` has the SHA-256 of each file that decides what it answers:
    by them exactly what was judged is known again.
    """

    challenger: Contestant
    against: str | None
    champion: Contestant | None
    anchor: str | None
    metric: str
    gain: Interval | None
    verdict: Verdict
    question: str
    rows: str
    waits_until: str | None
    rule: str
    candidates: dict[str, Metrics]
    intervals: dict[str, dict[str, Bounds | None]]
    budget: str
    store: str
    first: bool
    asked: str
    slices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> Judged:
        """What the ledger keeps of it."""
        verdict = self.verdict
        return Judged(kind=verdict.kind, rows=self.rows, look=verdict.look, proven=verdict.proven)


def write_comparison(comparison: Comparison) -> None:
    """Write `verdict.json`, `report.html` and, for whoever comes later, the decision on this version."""
    write_json(VERDICT, {**asdict(comparison), "reasons": comparison.verdict.reasons})
    write_text(REPORT, render_report(read_json(VERDICT)))
    if comparison.against != comparison.challenger.version:  # that one was decided on when it went live
        write_json(decision_file(comparison.challenger.version), _decision(comparison))


def asked_for(version: str) -> str:
    """Return why the version was trained, as the first decision on it says; empty where there is none."""
    file = decision_file(version)
    return str(read_json(file).get("asked", "")) if file.is_file() else ""


def read_decision(version: str) -> dict[str, Any] | None:
    """Return the decision on a version that is kept here, None where there is none."""
    file = decision_file(version)
    return dict(read_json(file)) if file.is_file() else None


def was_decided(reason: str) -> bool:
    """Return whether a decision that is kept here, this clone's or another's, was asked for with these words."""
    return any(read_json(file).get("asked") == reason for file in DECISION.glob("*.json") if file != VERDICT)


def read_verdict() -> dict[str, Any]:
    """Return what `compare` wrote as it stands there; raise `DataError` where that is nothing."""
    if not VERDICT.is_file():
        raise DataError(f"{VERDICT} is not there; run `mlflow-fraud compare` first")
    document: dict[str, Any] = read_json(VERDICT)
    return document


def read_comparison() -> Comparison:
    """Return the comparison that `compare` wrote; raise `DataError` where there is none, or one of an earlier form."""
    document = read_verdict()
    try:
        verdict, champion, gain = document["verdict"], document["champion"], document["gain"]
        others = {name: document[name] for name in Comparison.__dataclass_fields__.keys() - {"verdict"}}
        return Comparison(
            **others
            | {
                "challenger": Contestant(**document["challenger"]),
                "champion": Contestant(**champion) if champion else None,
                "gain": Interval(**gain) if gain else None,
                "verdict": Verdict(**{**verdict, **_tuples(verdict)}),
            }
        )
    except (KeyError, TypeError):
        raise DataError(f"{VERDICT} is not as this version writes it; run `mlflow-fraud compare` again") from None


def waits_until(live: str) -> date | None:
    """Return the day before which no contest with the live version has frauds enough, where the last one said one."""
    document: dict[str, Any] = read_json(VERDICT) if VERDICT.is_file() else {}
    day = document.get("waits_until") if document.get("against") == live else None
    return date.fromisoformat(day) if day else None


def _decision(comparison: Comparison) -> dict[str, Any]:
    """Return what is kept of the comparison: the same contest again is the same document."""
    verdict, contestants = comparison.verdict, {"ours": comparison.challenger, "theirs": comparison.champion}
    return {
        "version": comparison.challenger.version,
        "asked": comparison.asked,
        "against": comparison.against,
        "anchor": comparison.anchor,
        "question": comparison.question,
        "promote": verdict.promote,
        "reasons": verdict.reasons,
        **comparison.judged.model_dump(mode="json"),
        "metrics": {side: each.metrics for side, each in contestants.items() if each},
        "files": comparison.files,
    }


def _tuples(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return those values of a written verdict that are no lists in it."""
    sentences = {name: tuple(verdict[name]) for name in ("in_favour", "against")}
    return {**sentences, "guardrails": tuple(Guardrail(**each) for each in verdict["guardrails"])}

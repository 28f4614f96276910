"""What the service answers, as values; what a newer service says besides is left aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

_KINDS: Mapping[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}
"""What JSON has for a field, by the field's type as it is written."""


class _Read:
    """Read from an answer by the names of the fields."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return the value that a JSON object says; raise `TypeError` where it says something of another kind."""
        told = {each.name: answer[each.name] for each in fields(cls) if each.name in answer}  # type: ignore[arg-type]
        for each in fields(cls):  # type: ignore[arg-type]
            kinds = _KINDS.get(str(each.type))
            if kinds and each.name in told:
                _require_kind(each.name, told[each.name], kinds)
        return cls(**told)


def _require_kind(name: str, value: object, kinds: tuple[type, ...]) -> None:
    """Raise `TypeError` where a value is of none of the kinds: true and false are no numbers."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} is a {type(value).__name__}")


@dataclass(frozen=True)
class Reason(_Read):
    """Why a score is what it is: a code, words in English and French, what it adds to the log odds of fraud."""

    code: str
    en: str
    fr: str
    contribution: float
    direction: Literal["raises", "lowers"]


@dataclass(frozen=True)
class Reasons(_Read):
    """The strongest reasons; or that they `follow`, with the prediction; or `why` there are none."""

    status: Literal["given", "follow", "none"]
    why: str | None = None
    base: float | None = None
    strongest: tuple[Reason, ...] = ()
    others: float | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return the reasons that a JSON object says."""
        return super().of({**answer, "strongest": tuple(Reason.of(each) for each in answer.get("strongest") or ())})


@dataclass(frozen=True)
class Scored(_Read):
    """What the service says of a transaction; see `docs/serving.md`.

    >>> told = {"probability": 0.9, "decision": "flag", "threshold": 0.5, "model_version": "xgboost-1"}
    >>> Scored.of({**told, "prediction_id": "xgboost-1.a1", "recorded": True, "review": False, "later": 1}).flagged
    True
    """

    probability: float
    decision: Literal["flag", "pass"]
    threshold: float
    model_version: str
    prediction_id: str
    recorded: bool
    review: bool
    reasons: Reasons | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return the answer that a JSON object says."""
        reasons = answer.get("reasons")
        if answer["decision"] not in ("flag", "pass"):
            raise ValueError("decision is neither flag nor pass")
        return super().of({**answer, "reasons": None if reasons is None else Reasons.of(reasons)})

    @property
    def flagged(self) -> bool:
        """Whether the transaction is to be looked into."""
        return self.decision == "flag"


@dataclass(frozen=True)
class Model(_Read):
    """Which model answers; `trouble` says why it is not the newest release, if it is not."""

    version: str
    candidate: str
    features_sha256: str
    created: str
    trouble: str | None
    unscored: int


@dataclass(frozen=True)
class Wrong(_Read):
    """One value that is wrong: where, as a JSON pointer, and a sentence."""

    pointer: str
    detail: str


@dataclass(frozen=True)
class Refused:
    """What is said instead of an answer, as RFC 9457 has it; of a batch, in the place of one transaction."""

    status: int
    type: str
    detail: str
    errors: tuple[Wrong, ...] = ()

    @classmethod
    def of(cls, problem: Mapping[str, Any]) -> Refused:
        """Return what a problem document says, or what stands for one that says nothing."""
        errors = tuple(Wrong.of(each) for each in problem.get("errors") or ())
        kind, detail = str(problem.get("type", "about:blank")), str(problem.get("detail", ""))
        return cls(int(problem.get("status", 0)), kind, detail, errors)

    def __str__(self) -> str:
        """Say what is wrong."""
        places = "; ".join(f"{each.pointer}: {each.detail}" for each in self.errors)
        return f"{self.status} {self.detail}{places and f' ({places})'}"

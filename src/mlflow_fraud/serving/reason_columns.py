"""The reasons of a score, as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlflow_fraud.adapters.explanation import Explanation, NoReasons
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.explaining.reasons import MOST
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.serving.loading import load_reasons

Cell = str | float | None


@dataclass(frozen=True)
class ReasonColumns:
    """So many of the strongest reasons of each row, by code, and what each adds; none without an `explanation`.

    `base`, every contribution and `others` add up to the log odds of the score before calibration, as in the service.
    """

    version: str
    explanation: Explanation | None = None
    number: int = 0

    @property
    def names(self) -> list[str]:
        """The columns, in their order: what is added to each other first, then the pairs of code and contribution."""
        if self.explanation is None:
            return []
        places = range(1, self.number + 1)
        return [
            "reasons_base",
            "reasons_others",
            *(f"{each}_{at}" for at in places for each in ("reason", "contribution")),
        ]

    @property
    def numeric(self) -> list[str]:
        """Those of the columns that hold numbers."""
        return [name for name in self.names if not name.startswith("reason_")]

    def of(self, payment: Payment) -> Sequence[Cell]:
        """Return what stands in the columns; None where there are fewer reasons.

        All are None where the answer is of another release, or a contribution is no number: the service gives none.
        """
        answer = payment.answer
        if self.explanation is None or answer is None:
            return []
        empty: list[Cell] = [None] * len(self.names)
        if answer.release != self.version:
            return empty
        try:
            found = self.explanation.reasons(answer.features).first(self.number)
        except ArithmeticError:
            return empty
        cells = [
            found.base,
            found.others,
            *(cell for each in found.strongest for cell in (each.code, each.contribution)),
        ]
        return [*cells, *empty[len(cells) :]]


def reason_columns(release: Release, number: int) -> ReasonColumns:
    """Return the columns for so many reasons of a release's scores; of 0 there are none.

    Raises `SettingsError` where the release gives no reasons, and `ReleaseRejected` where it cannot be loaded.
    """
    version = release.manifest.version
    if number == 0:
        return ReasonColumns(version)
    explanation = load_reasons(release)
    if isinstance(explanation, NoReasons):
        raise SettingsError(f"{version} gives no reasons: {explanation.why}. Leave --reasons out")
    return ReasonColumns(version, explanation, number)


def require_so_many(number: int) -> None:
    """Raise `SettingsError` where so many reasons are not given."""
    if number > MOST:
        raise SettingsError(f"--reasons is {number}; expected {MOST} at most, which are all that are kept of a score")

"""What says why a release answers as it does: made of its files, and tried on its golden rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlflow_fraud.adapters.booster_library import BoosterLibrary
from mlflow_fraud.adapters.model_file import load_log_odds
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.explaining.reasons import ADDITIVE, Contributions, Explainer, Reasons, Row, reasons_of
from mlflow_fraud.core.explaining.terms import median_of, terms
from mlflow_fraud.core.explaining.vocabulary import Vocabulary, read_vocabulary
from mlflow_fraud.core.ports import LogOdds
from mlflow_fraud.core.release.release import GOLDEN_FILE, REASONS_FILE, REFERENCE_FILE, Golden, Manifest
from mlflow_fraud.core.watching.reference import read_reference

FOREST = "a forest adds up probabilities and not log odds, and its file does not say how many rows went which way"


class NoReasons(NamedTuple):
    """A release gives no reasons, and this is why."""

    why: str


@dataclass(frozen=True)
class Explanation:
    """What a release's scores are put down to; one thread asks at a time."""

    explainer: Explainer
    vocabulary: Vocabulary
    names: tuple[str, ...]

    def reasons(self, features: bytes) -> Reasons:
        """Return the reasons of a score from its features as they were served, Float32 bytes.

        Raises `ArithmeticError` where what a feature adds is no number.
        """
        row = np.frombuffer(features, np.float32)
        return reasons_of(self.explainer.contributions(row), self.vocabulary, self.names)


@dataclass(frozen=True)
class Trees:
    """The exact contributions of boosted trees: TreeSHAP (Lundberg et al., 2020) as XGBoost has it, on one thread."""

    booster: BoosterLibrary

    def contributions(self, row: Row) -> Contributions:
        """Return what each feature added to the average of the rows that the trees learned from."""
        found = self.booster.contributions(row)
        return Contributions(float(found[-1]), found[:-1])


@dataclass(frozen=True)
class Terms:
    """The terms of a linear model on bins, over what is typical in each feature."""

    log_odds: LogOdds
    typical: Row

    def contributions(self, row: Row) -> Contributions:
        """Return what each feature added to the log odds of a typical payment."""
        return terms(self.log_odds, row, self.typical)


def load_explanation(manifest: Manifest, files: Mapping[str, bytes], names: Sequence[str]) -> Explanation | NoReasons:
    """Return what gives the reasons of a release whose features have these `names`, or why nothing does.

    Check the files' hashes first. Raises `ReleaseRejected` where they cannot be read, or where what they give does not
    add up to the log odds of the model that answers.
    """
    if manifest.format < 6:
        return NoReasons(f"release {manifest.version} is of a program before reasons; promote it again to have them")
    vocabulary = read_vocabulary(files[REASONS_FILE], list(names), version=manifest.version)
    log_odds = load_log_odds(manifest.model_file, files[manifest.model_file])
    if log_odds is None:
        return NoReasons(FOREST)
    if BOOSTER_FILE in files:
        explainer: Explainer = Trees(BoosterLibrary(files[BOOSTER_FILE]))
    else:
        explainer = Terms(log_odds, _typical(files[REFERENCE_FILE], names, version=manifest.version))
    _require_additive(explainer, log_odds, Golden.model_validate_json(files[GOLDEN_FILE]), version=manifest.version)
    return Explanation(explainer, vocabulary, tuple(names))


def _typical(content: bytes, names: Sequence[str], *, version: str) -> Row:
    columns = read_reference(content, version=version).columns
    missing = sorted(set(names) - columns.keys())
    if missing:
        raise ReleaseRejected(f"release {version}: its reference has no {', '.join(missing[:5])}; promote again")
    bins = [columns[name].bins for name in names]
    return np.array([median_of(each.edges, each.counts) for each in bins], np.float32)


def _require_additive(explainer: Explainer, log_odds: LogOdds, golden: Golden, *, version: str) -> None:
    answers = log_odds(golden.matrix)
    found = [explainer.contributions(row).log_odds for row in golden.matrix]
    gaps = np.abs(np.array(found) - answers) / np.maximum(np.abs(answers), 1)
    if not (gaps <= ADDITIVE).all():  # so that NaN is refused
        raise ReleaseRejected(
            f"release {version}: its reasons add up to other log odds than it answers with, off by {gaps.max():g} of "
            f"them, {ADDITIVE:g} is allowed; promote again"
        )

"""A release becomes a model that answers: parsed, then tried on its golden rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from mlflow_fraud.adapters.explanation import Explanation, NoReasons, load_explanation
from mlflow_fraud.adapters.model_file import load_calibrated, load_released
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.prediction_log.entries import Answer, Payment, ReleaseNote
from mlflow_fraud.adapters.prediction_log.prediction_ids import prediction_id
from mlflow_fraud.adapters.release_files import SCHEMA_FILE
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import ReleaseRejected, SettingsError
from mlflow_fraud.core.features.past import Number, Value
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema, sha256_of
from mlflow_fraud.core.features.written import computed_otherwise
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.release.release import GOLDEN_FILE, Golden, Manifest, Release, check_golden
from mlflow_fraud.serving.correction_schema import CorrectionSchema
from mlflow_fraud.serving.history import History, Observed
from mlflow_fraud.serving.label_schema import LabelSchema
from mlflow_fraud.serving.reviews import label_chance, review_share
from mlflow_fraud.serving.schema import TransactionSchema


class NotScored(ArithmeticError):
    """The model gave a payment a score that is no number from 0 to 1."""

    def __init__(self, payment: Payment, sentence: str) -> None:
        super().__init__(sentence)
        self.payment = payment


Scores = Mapping[str, Number] | None
"""A payment's scores by their names, as in the record; None where they are not known."""

Tally = Callable[[float, bool], None]
"""Counts an answer by its probability and whether it flags."""


def uncounted(probability: float, flagged: bool) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class LiveRelease:
    """A loaded release: all that one answer needs, so that a swap is one assignment.

    Of the payments that are not flagged, a random `review_share` is looked into; None where every fraud is told.
    """

    manifest: Manifest
    schema: FeatureSchema
    request: TransactionSchema
    label: LabelSchema
    correction: CorrectionSchema
    review_share: float | None
    scorer: Scorer
    history: History
    note: ReleaseNote
    explanation: Explanation | NoReasons
    tally: Tally = uncounted

    def score_again(self, payment: Payment, began: float | None = None) -> Payment:
        """Return a payment of the past that got no answer, with one.

        `began` is when the request did, by `perf_counter`. Raises `NotScored` where the score is no number.
        """
        return self._answered(payment, self.history.look(payment.as_it_came), began, payment.scores)

    def score_all(self, observed: Sequence[Observed], began: Sequence[float]) -> list[Payment | NotScored]:
        """Return the payments that were observed, each with its answer or what kept it from one: all in one call.

        `began` is when the request of each did, by `perf_counter`. Where the model breaks down over them, each is
        scored alone, so that only the one to blame is without a score.
        """
        rows = np.array([features for features, _, _ in observed], dtype=np.float32)
        try:
            probabilities = self.scorer.score(rows).tolist()
        except Exception:  # each says for itself what it is
            probabilities = [None] * len(observed)
        answered: list[Payment | NotScored] = []
        for (features, scores, payment), row, probability, at in zip(observed, rows, probabilities, began, strict=True):
            try:
                if probability is None:
                    answered.append(self._answered(payment, features, at, scores))
                else:
                    answered.append(self._with_answer(payment, row.tobytes(), probability, at, scores))
            except NotScored as error:
                answered.append(error)
        return answered

    def _answered(self, payment: Payment, features: list[Value], began: float | None, scores: Scores) -> Payment:
        """Return the payment with the answer to it."""
        row = np.array([features], dtype=np.float32)
        try:
            probability = float(self.scorer.score(row)[0])
        except Exception as error:  # whatever the library says, the payment came and belongs to the record
            left = payment._replace(scores=scores)
            raise NotScored(left, f"{self.manifest.version} broke down: {type(error).__name__}") from error
        return self._with_answer(payment, row.tobytes(), probability, began, scores)

    def _with_answer(
        self, payment: Payment, row: bytes, probability: float, began: float | None, scores: Scores
    ) -> Payment:
        """Return the payment with its scores, and what its features were answered with.

        The answer's id begins with the version, which leads to the release and from there to run, data and code; its
        place leads to the row of the record.
        """
        digest = hashlib.sha256(f"{payment.transaction['event_id']}".encode() + row).hexdigest()[:12]
        version, amount = self.manifest.version, payment.transaction["amount"]
        threshold = self.manifest.cutoff.of(amount, decimals=self.schema.contract.currency_decimals)
        if not 0 <= probability <= 1:  # so that NaN is refused
            raise NotScored(payment._replace(scores=scores), f"{version} gave {probability} to the features {digest}")
        took, flagged = 0 if began is None else int((perf_counter() - began) * 1e6), probability >= threshold
        self.tally(probability, flagged)
        chance = label_chance(payment.transaction["event_id"], self.review_share, flagged=flagged)
        prediction = prediction_id(version, payment.place, digest)
        answer = Answer(prediction, version, row, probability, flagged, threshold, took, chance)
        return payment.answered(answer, scores)


def load_release(
    release: Release, history_for: Callable[[FeatureSchema], History], key: PseudonymKey | None = None
) -> LiveRelease:
    """Return the release ready to answer, on one thread a request.

    `release` comes from `ReleaseStore.fetch`: every file is the one that the manifest names. Raises
    `ReleaseRejected` when it cannot be read, or does not score the golden rows as it did at release, and
    `SettingsError` where its contract has secret columns and pins another key.
    """
    manifest, files = release.manifest, release.files
    with _rejecting(manifest):
        schema, golden = _features_of(release)
        request, label = TransactionSchema(schema.contract, key), LabelSchema(schema.contract)
        correction, share = CorrectionSchema(schema.contract, request), review_share(files)
        scorer = _tried(release, golden, threads=1)
        if BOOSTER_FILE in files:  # the one that gives reasons is the one that answers
            beside = load_calibrated(BOOSTER_FILE, files[BOOSTER_FILE], manifest.calibration, threads=1)
            check_golden(manifest, golden, beside.score(golden.matrix).tolist())
        explanation = load_explanation(manifest, files, schema.names)
    note = ReleaseNote(manifest.version, schema.sha256, schema.to_json(), manifest.model_dump_json())
    history = history_for(schema)
    return LiveRelease(manifest, schema, request, label, correction, share, scorer, history, note, explanation)


def load_reasons(release: Release) -> Explanation | NoReasons:
    """Return what gives a release's reasons, or why nothing does, without a past.

    Raises `ReleaseRejected` as `load_release` does.
    """
    with _rejecting(release.manifest):
        schema, _ = _features_of(release)
        return load_explanation(release.manifest, release.files, schema.names)


class Scoring(NamedTuple):
    """A release without a past: what gives a row of its features its probability."""

    manifest: Manifest
    schema: FeatureSchema
    scorer: Scorer


def load_scoring(release: Release) -> Scoring:
    """Return what scores rows of a release's features on all cores; raise `ReleaseRejected` as `load_release` does."""
    with _rejecting(release.manifest):
        schema, golden = _features_of(release)
        return Scoring(release.manifest, schema, _tried(release, golden, threads=0))


def _features_of(release: Release) -> tuple[FeatureSchema, Golden]:
    """Return what the release's features are, and its golden rows of them."""
    manifest, files = release.manifest, release.files
    document = json.loads(files[SCHEMA_FILE])
    schema = read_schema(document, where=f"release {manifest.version}, {SCHEMA_FILE}")
    golden = Golden.model_validate_json(files[GOLDEN_FILE])
    _require_its_features(manifest, document, schema)
    _require_golden_rows(manifest, schema, golden)
    return schema, golden


def _tried(release: Release, golden: Golden, *, threads: int) -> Scorer:
    """Return the model, once it scores the golden rows as it did at release."""
    scorer = load_released(release.manifest, release.files, threads=threads)
    check_golden(release.manifest, golden, scorer.score(golden.matrix).tolist())
    return scorer


@contextmanager
def _rejecting(manifest: Manifest) -> Iterator[None]:
    """Turn what is wrong with a release's files into `ReleaseRejected`, with its version."""
    try:
        yield
    except SettingsError:
        raise
    except ReleaseRejected as error:  # what looks at a file alone does not know whose it is
        if manifest.version in str(error):
            raise
        raise ReleaseRejected(f"release {manifest.version}: {error}") from error
    except Exception as error:  # parsers and models raise kinds of their own; whatever it is, it cannot answer
        raise ReleaseRejected(
            f"release {manifest.version} cannot be loaded: {' '.join(str(error).split())[:300]}; promote another"
        ) from error


def _require_its_features(manifest: Manifest, document: Mapping[str, Any], schema: FeatureSchema) -> None:
    """Raise `ReleaseRejected` unless the features that are computed of `document` are those of the release."""
    stated, found = manifest.feature_schema_sha256, sha256_of(document)
    if found != stated or document["names"] != schema.names:
        raise ReleaseRejected(
            f"release {manifest.version} was made with the features {stated[:12]}, this program makes others of its "
            f"{SCHEMA_FILE} ({found[:12]}); run the program's version that it was made with, or promote again"
        )
    otherwise = computed_otherwise(document, schema)
    if otherwise:
        raise ReleaseRejected(
            f"release {manifest.version} was made when scores were not rounded yet, and would be given others than it "
            f"learned from: {', '.join(otherwise)}; run the program's version that it was made with, or promote again"
        )


def _require_golden_rows(manifest: Manifest, schema: FeatureSchema, golden: Golden) -> None:
    widths = {len(row) for row in golden.rows}
    if widths != {len(schema.names)} or len(golden.rows) != len(golden.scores):
        raise ReleaseRejected(
            f"release {manifest.version} has {len(golden.rows)} golden rows of {sorted(widths)} values with "
            f"{len(golden.scores)} scores; expected at least one, each of {len(schema.names)} features, with a score"
        )

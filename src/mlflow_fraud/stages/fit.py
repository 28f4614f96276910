"""A candidate fitted, settled on validation and judged on test, always by the very file that would be shipped."""

from __future__ import annotations

from typing import NamedTuple

from mlflow_fraud.adapters.model_export import booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_calibrated, load_scorer
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.chain import Refit
from mlflow_fraud.core.learning.examples import Examples, together
from mlflow_fraud.core.learning.fits import FITS, REFITS, Fitted
from mlflow_fraud.core.learning.learnable import require_learnable
from mlflow_fraud.core.learning.training import Assessment, JudgeRules, Scored, Settled, assess, settle
from mlflow_fraud.core.measuring.metrics import Thresholds
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import thresholds_of
from mlflow_fraud.core.progress import Progress


class Part(NamedTuple):
    """The rows of one part, as the models take them and as the team sees them."""

    examples: Examples
    period: Period


class Judged(NamedTuple):
    """A model's file, of a booster its own one too, what it is worth, and the test's probabilities and `thresholds`."""

    file_name: str
    model: bytes
    booster: bytes
    assessment: Assessment
    test: Scored
    thresholds: Thresholds


class Trained(NamedTuple):
    """A model that was judged, how it came to be, and its own scores of validation from before it learned that."""

    judged: Judged
    fitted: Fitted
    settled: Settled
    honest: Scored


def fit_and_judge(
    candidate: str,
    learn: Examples,
    validation: Part,
    test: Part,
    train: TrainParams,
    rules: JudgeRules,
    progress: Progress,
    *,
    refit: Refit = "none",
) -> Trained:
    """Return the candidate's model and what it is worth.

    Validation chooses rounds, calibration and threshold of a model that has not seen it. Unless `refit` is none, what
    the test judges is then fitted on train and validation rows together.
    Raises `DataError`, before anything is fitted, where a part has not both classes.
    """
    require_learnable({"train": learn.y, "validation": validation.period.labels, "test": test.period.labels})
    fitted = FITS[candidate](learn, validation.examples, train, progress)
    name, model = model_bytes(fitted.estimator)
    honest = Scored(validation.period, load_scorer(name, model).score(validation.examples.x))
    settled = settle(honest, rules)
    watched, shipped = _score(name, model, settled, validation), fitted
    if refit != "none":
        shipped = REFITS[candidate](fitted.best, together(learn, validation.examples), train, progress)
        name, model = model_bytes(shipped.estimator)
    tested, booster = _score(name, model, settled, test), booster_bytes(shipped.estimator)
    assessment = assess(settled, watched, tested, rules, progress)
    cuts = thresholds_of(settled.cutoff, test.period)
    return Trained(Judged(name, model, booster, assessment, tested, cuts), fitted, settled, honest)


def _score(name: str, model: bytes, settled: Settled, part: Part) -> Scored:
    return Scored(part.period, load_calibrated(name, model, settled.calibration).score(part.examples.x))

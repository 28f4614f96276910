"""Reasons add up to the log odds of the file that answers, or there are none and it is said why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from mlflow_fraud.adapters.booster_library import BoosterLibrary
from mlflow_fraud.adapters.explanation import FOREST, Explanation, NoReasons, load_explanation
from mlflow_fraud.adapters.model_export import MODEL_FILE, booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_log_odds, load_scorer
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE, load_booster
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.explaining.reasons import ADDITIVE
from mlflow_fraud.core.explaining.vocabulary import Code, Vocabulary
from mlflow_fraud.core.explaining.vocabulary import to_json as vocabulary_json
from mlflow_fraud.core.learning.candidates import ForestParams, LogisticParams, TrainParams, XgboostParams
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import fit_forest, fit_logistic, fit_xgboost
from mlflow_fraud.core.release.release import GOLDEN_FILE, REASONS_FILE, REFERENCE_FILE, Golden
from mlflow_fraud.core.watching.reference import Reference, columns_of, score_bins
from mlflow_fraud.core.watching.reference import to_json as reference_json
from tests.manifests import plain_manifest

NAMES = ("amount", "count", "hour", "age", "rare", "last")
PARAMS = TrainParams(
    seed=7,
    logistic=LogisticParams(c=2.0, bins=20),
    forest=ForestParams(trees=5, max_depth=6, min_samples_leaf=1, max_features=0.5, max_samples=0.6),
    xgboost=XgboostParams(
        eta=0.2,
        max_depth=7,
        min_child_weight=0.1,
        subsample=0.9,
        colsample_bytree=0.5,
        reg_lambda=3,
        base_score=0.5,
        rounds=60,
        early_stopping_rounds=60,
    ),
)
FITS: Mapping[str, Callable[..., Any]] = {"xgboost": fit_xgboost, "logistic": fit_logistic, "forest": fit_forest}


def rows(seed: int, number: int = 3000) -> np.ndarray:
    draw = np.random.default_rng(seed)
    x = draw.lognormal(3, 2, size=(number, len(NAMES))).astype(np.float32)
    x[:, 1] = draw.poisson(2, number)
    x[draw.random(x.shape) < 0.1] = np.nan
    x[draw.random(number) < 0.8, 4] = np.nan
    return x


@cache
def released(candidate: str) -> dict[str, bytes]:
    """Return the files of a fit as a release has them."""
    x = rows(1)
    y = (np.nan_to_num(x).sum(axis=1) > 700).astype(np.int8)
    examples = Examples(x, y, NAMES)
    estimator = FITS[candidate](examples, examples, PARAMS, lambda line: None).estimator
    name, model = model_bytes(estimator)
    golden = x[:12]
    scores = load_scorer(name, model).score(golden)
    listed = tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in golden)
    booster = booster_bytes(estimator)
    return {
        name: model,
        **({BOOSTER_FILE: booster} if booster else {}),
        GOLDEN_FILE: Golden(rows=listed, scores=tuple(scores.tolist())).model_dump_json().encode(),
        REASONS_FILE: vocabulary_json(
            Vocabulary(
                codes=tuple(Code(code=name, en=f"the {name}", fr=f"le {name}", features=(name,)) for name in NAMES)
            )
        ),
        REFERENCE_FILE: reference_json(
            Reference(
                rows=len(x),
                since=datetime(2026, 1, 1),
                until=datetime(2026, 1, 31),
                columns=columns_of({name: x[:, at] for at, name in enumerate(NAMES)}, np.ones(len(x), np.int64)),
                score=score_bins(scores),
                expected=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
                bursts=None,
                promised={},
            )
        ),
    }


def explanation(files: Mapping[str, bytes], **told: Any) -> Explanation | NoReasons:
    return load_explanation(plain_manifest(model_file=MODEL_FILE, **told), files, NAMES)


@pytest.mark.parametrize("candidate", ["xgboost", "logistic"])
def test_base_and_contributions_add_up_to_the_log_odds_of_the_graph(candidate: str) -> None:
    files = released(candidate)
    found, log_odds = explanation(files), load_log_odds(MODEL_FILE, files[MODEL_FILE])
    assert isinstance(found, Explanation)
    assert log_odds is not None
    fresh = rows(2, 60)
    for row, answer in zip(fresh, log_odds(fresh), strict=True):
        parts = found.explainer.contributions(row)
        assert parts.log_odds == pytest.approx(answer, rel=ADDITIVE, abs=ADDITIVE)
        assert found.reasons(row.tobytes()).log_odds == pytest.approx(answer, rel=2 * ADDITIVE, abs=2 * ADDITIVE)
        assert found.reasons(row.tobytes()) == found.reasons(row.tobytes())


@pytest.mark.parametrize("number", [1, 7])
def test_what_the_library_says_is_what_its_own_package_says(number: int) -> None:
    content = released("xgboost")[BOOSTER_FILE]
    library, package = BoosterLibrary(content), load_booster(content)
    fresh = rows(number, 50)
    expected = package.predict(xgboost.DMatrix(fresh), pred_contribs=True, validate_features=False)
    np.testing.assert_array_equal([library.contributions(row) for row in fresh], expected)


def test_the_library_takes_no_row_of_other_features() -> None:
    with pytest.raises(ValueError, match="expected 6 features, found"):
        BoosterLibrary(released("xgboost")[BOOSTER_FILE]).contributions(np.zeros(5, np.float32))


def test_reasons_bring_no_training_tool_into_the_service(tmp_path: Path) -> None:
    (tmp_path / BOOSTER_FILE).write_bytes(released("xgboost")[BOOSTER_FILE])
    code = (
        "import sys, numpy as np; from pathlib import Path; "
        "from mlflow_fraud.adapters.explanation import BoosterLibrary, Trees; "
        f"Trees(BoosterLibrary(Path({str(tmp_path / BOOSTER_FILE)!r}).read_bytes())).contributions(np.zeros(6, 'f4')); "
        "print({'sklearn', 'pandas', 'scipy', 'xgboost'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_term_of_the_linear_model_depends_on_its_own_feature_alone() -> None:
    found = explanation(released("logistic"))
    assert isinstance(found, Explanation)
    one, other = rows(3, 2)
    other[0] = one[0]
    ours, theirs = (found.explainer.contributions(row) for row in (one, other))
    assert ours.of_features[0] == theirs.of_features[0]
    assert ours.base == theirs.base
    typical = found.explainer.typical  # type: ignore[attr-defined]
    assert found.explainer.contributions(typical).of_features.tolist() == [0.0] * len(NAMES)
    assert np.isnan(typical[NAMES.index("rare")])


def test_a_forest_says_that_it_has_no_reasons_and_why() -> None:
    assert explanation(released("forest")) == NoReasons(FOREST)


def test_a_release_of_before_reasons_says_so() -> None:
    found = explanation(released("xgboost"), format=5)
    assert isinstance(found, NoReasons)
    assert "is of a program before reasons; promote it again to have them" in found.why


def other_trees() -> bytes:
    x = rows(1, 500)
    return booster_bytes(xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, x[:, 1] > 1), 3))


@pytest.mark.parametrize(
    ("candidate", "changed", "message"),
    [
        ("xgboost", {BOOSTER_FILE: other_trees}, "its reasons add up to other log odds than it answers with"),
        ("xgboost", {REASONS_FILE: lambda: b'{"codes": []}'}, "expected a reason for each of its 6 features"),
        ("logistic", {REFERENCE_FILE: lambda: b"{}"}, "its reference cannot be read"),
    ],
)
def test_files_that_explain_another_model_are_refused(
    candidate: str, changed: Mapping[str, Callable[[], bytes]], message: str
) -> None:
    with pytest.raises(ReleaseRejected, match=message):
        explanation({**released(candidate), **{name: made() for name, made in changed.items()}})


def test_of_a_model_that_adds_up_probabilities_no_log_odds_are_to_be_had() -> None:
    x = rows(1, 200)
    forest = make_pipeline(RandomForestClassifier(2, max_depth=3)).fit(np.nan_to_num(x), np.arange(200) % 2)
    assert load_log_odds(*model_bytes(forest)) is None

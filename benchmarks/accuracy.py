"""Write the tables of docs/accuracy.md: what the candidates are worth on the active data set, and with few features.

Run `dvc repro` on the data set first. The second table fits XGBoost again with the strongest features only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlflow_fraud.adapters.files import read_json, write_text
from mlflow_fraud.core.features.schema import read_schema
from mlflow_fraud.core.learning.candidates import CANDIDATES, TrainParams
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import fit_xgboost
from mlflow_fraud.paths import SCHEMA
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.fit import Part, fit_and_judge
from mlflow_fraud.stages.train import read_part
from mlflow_fraud.stages.trained import read_trained

PAGE = Path("docs/accuracy.md")
HEADING = "## Figures\n"
METRICS = ("f1", "precision", "recall", "average_precision")
NUMBERS = (10, 20, 30, 40)
ETA = 0.1


def main() -> None:
    """Measure, and put the tables into the page."""
    text = f"{HEADING}\n{_candidates()}\n{_by_number_of_features()}"
    page = PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + text
    write_text(PAGE, page)
    print(text)


def _candidates() -> str:
    params = load_params()
    split = params.active.split
    lines = [
        f"Data set `{params.dataset}`, protocol `{split.protocol}`, label delay {split.label_delay_days} days; "
        "threshold from validation, intervals of 95 % by a bootstrap over cards; by `dvc repro`.\n",
        "| candidate | F1 | precision | recall | average precision | AUC |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in CANDIDATES:
        found = read_trained(name).assessment
        cells = []
        for metric in METRICS:
            bounds = found.intervals[metric]
            between = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
            cells.append(f"{found.test[metric]:.4f}{between}")
        lines.append(f"| {name} | {' | '.join(cells)} | {found.test['roc_auc']:.4f} |")
    return "\n".join(lines) + "\n"


def _by_number_of_features() -> str:
    params, schema = load_params(), read_schema(read_json(SCHEMA), where=str(SCHEMA))
    train = _quick(params.train)
    parts = [read_part(part, schema) for part in ("train", "validation", "test")]
    gains = fit_xgboost(parts[0].examples, parts[1].examples, train, _silent).estimator.get_score(
        importance_type="total_gain"
    )
    strongest = sorted(gains, key=lambda name: (-float(gains[name]), name))  # type: ignore[arg-type]  # no lists: no vectors
    lines = [
        f"XGBoost (`eta` {ETA} here) with the features of the largest gain on the train rows; validation is what may "
        "choose, by `python -m benchmarks.accuracy`.\n",
        "| features | average precision, validation | average precision, test | F1, test |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for number in (*[n for n in NUMBERS if n < len(schema.names)], len(schema.names)):
        kept = [schema.names.index(name) for name in strongest[:number]]
        some = [Part(_some(part.examples, kept), part.period) for part in parts]
        trained = fit_and_judge("xgboost", some[0].examples, some[1], some[2], train, params.judging, _silent)
        found = trained.judged.assessment
        seen, test = found.validation["average_precision"], found.test
        lines.append(f"| {number} | {seen:.4f} | {test['average_precision']:.4f} | {test['f1']:.4f} |")
    first = ", ".join(f"`{name}`" for name in strongest[: NUMBERS[0]])
    return "\n".join(lines) + f"\n\nThe first ten: {first}.\n"


def _quick(train: TrainParams) -> TrainParams:
    return train.model_copy(update={"xgboost": train.xgboost.model_copy(update={"eta": ETA})})


def _some(examples: Examples, kept: list[int]) -> Examples:
    return Examples(np.ascontiguousarray(examples.x[:, kept]), examples.y, tuple(examples.names[k] for k in kept))


def _silent(line: str) -> None:
    pass


if __name__ == "__main__":
    main()

"""Which engine gives which statistic: each is asked for each on one small stream, the batch engine is the measure."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import numpy as np
import numpy.typing as npt
import polars as pl
import yaml

from docs.made.one_by_one import one_by_one
from docs.made.statistics import Asked, everything
from mlflow_fraud.adapters.dask_engine import build_parts
from mlflow_fraud.core.contract.contract import read_contract
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features, model_matrix
from mlflow_fraud.core.features.definitions import FeatureParams, Labels, Last, Ratio, Row, Score, Window
from mlflow_fraud.core.features.schema import FeatureSchema

CONTRACT = Path(__file__).parents[2] / "data/contracts/sparkov.yaml"
HEADING = "## Statistic by engine\n"

Matrix = npt.NDArray[np.float32]

KINDS = {"row": Row, "windows": Window, "last": Last, "scores": Score, "ratios": Ratio, "labels": Labels}
NEARLY = {("online", "distance"): "to 6 digits: two libraries' sines"}
"""What is not the same to the bit, and why."""

SENTENCE = """
This table is made by `python -m docs.made`, which asks each engine for each of these on one small stream and compares;
a test keeps it so. The batch engine (Polars; for training and monitoring) is the measure. "Online" is the service's,
one transaction after the other; "Dask" is `FRAUD_FEATURE_ENGINE=dask`, with the rows in several files. "Of nothing" is
what the first transaction of all has, before which nothing was. Windows are asked for with a `hop`, too, but for
`distinct`, which has none.

"""

ROWS = 160
BEGIN = datetime.fromisoformat("2020-03-01")
CATEGORIES = ("travel", "misc_net", "home")


def table() -> str:
    """Return what stands below the heading."""
    head = ["below", "asked for as", "says", "of nothing", "batch", *ENGINES]
    stream = a_stream()
    lines = [head, ["---" for _ in head], *(_line(asked, stream) for asked in everything())]
    return SENTENCE + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def a_stream() -> pl.DataFrame:
    """Return made-up transactions with ties, midnights, gaps, missing values, and labels on a clock of their own."""
    draw = np.random.default_rng(7)
    at = draw.integers(0, 24 * 8, ROWS) * 3600 + draw.integers(0, 2, ROWS) * draw.integers(0, 3600, ROWS)
    learned = at + draw.integers(0, 4 * 86_400, ROWS)

    def some(values: list[Any]) -> list[Any]:
        return [None if missing else value for value, missing in zip(values, draw.random(ROWS) < 0.1, strict=True)]

    return pl.DataFrame(
        {
            "event_id": [f"{number:04d}" for number in range(ROWS)],
            "event_time": [BEGIN + timedelta(seconds=int(second)) for second in at],
            "card": draw.integers(1, 4, ROWS),
            "merchant": [f"M{number}" for number in draw.integers(1, 3, ROWS)],
            "category": [(*CATEGORIES, "not known")[number] for number in draw.integers(0, 4, ROWS)],
            "amount": draw.integers(1, 50_000, ROWS),
            "city_pop": some(draw.integers(100, 10**6, ROWS).tolist()),
            "risk": some(draw.normal(size=ROWS).tolist()),
            "birth_date": [date(int(year), 5, 17) for year in draw.integers(1950, 2000, ROWS)],
            **{f"{place}_latitude": draw.uniform(30, 45, ROWS) for place in ("home", "merchant")},
            **{f"{place}_longitude": draw.uniform(-110, -80, ROWS) for place in ("home", "merchant")},
            "label": (draw.random(ROWS) < 0.3).astype(np.int8),
            "label_time": some([BEGIN + timedelta(seconds=int(second)) for second in learned]),
        },
        schema_overrides={"event_time": pl.Datetime("us"), "label_time": pl.Datetime("us")},
    ).sort(TIME_ORDER)


def schema_of(asked: Asked) -> FeatureSchema:
    """Return the features that try it, on the shipped contract with a decimal column besides."""
    contract = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    contract["columns"]["risk"] = {"role": "numeric", "type": "decimal", "nullable": True}
    return FeatureSchema(
        params=FeatureParams.model_validate(asked.tried_as),
        contract=read_contract(contract, where=str(CONTRACT)),
        categories={"category": CATEGORIES},
        label_delay_days=2,
    )


def in_parts(stream: pl.DataFrame, schema: FeatureSchema) -> Matrix:
    """Let Dask work on three files, so dealt out that no entity's past and no instant lies in one."""
    with tempfile.TemporaryDirectory() as scratch, dask.config.set(scheduler="synchronous"):
        dealt = [stream.with_row_index("place").gather_every(3, number) for number in range(3)]
        sources = [Path(scratch) / f"{number}.parquet" for number in range(3)]
        for rows, source in zip(dealt, sources, strict=True):
            rows.drop("place").write_parquet(source)
        built = build_parts(sources, schema, Path(scratch) / "features", buckets=2)
        places = pl.concat(rows["place"] for rows in dealt)
        features = pl.concat(pl.read_parquet(part) for part in built)
        return model_matrix(features.with_columns(places).sort("place"), schema)


ENGINES: Mapping[str, Callable[[pl.DataFrame, FeatureSchema], Matrix]] = {"online": one_by_one, "Dask": in_parts}


def _line(asked: Asked, stream: pl.DataFrame) -> list[str]:
    schema = schema_of(asked)
    columns = [place for place, each in enumerate(schema.features) if isinstance(each, KINDS[asked.key])]
    measure = model_matrix(build_features(stream, schema), schema)[:, columns]
    assert len(np.unique(measure[np.isfinite(measure)])) > 1, f"the stream tells nothing about {asked.what}"
    held = []
    for name, engine in ENGINES.items():
        try:
            held.append(_held(measure, engine(stream, schema)[:, columns], NEARLY.get((name, asked.what), "")))
        except FraudError as error:
            held.append(f"no: {error}")
    of_nothing = "-" if asked.key == "row" else _of_nothing(measure[0])
    return [f"`{asked.key}`", f"`{asked.what}`", asked.says, of_nothing, "yes", *held]


def _held(measure: Matrix, found: Matrix, nearly: str) -> str:
    if nearly:
        return nearly if np.allclose(measure, found, rtol=1e-6, atol=0, equal_nan=True) else "no"
    return "to the bit" if np.array_equal(measure, found, equal_nan=True) else "no"


def _of_nothing(first: Matrix) -> str:
    """Return what the first transaction of all has, before which nothing was."""
    if np.isnan(first).all():
        return "missing"
    return "0" if (first == 0).all() else "not the same in all"

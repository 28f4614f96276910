"""Features as they were served, opened into columns: the same Float32 numbers, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from mlflow_fraud.core.errors import DataError


def served(payments: pl.DataFrame, names: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Return the features of a table as `RecordedDays` has it, a row each: null where they were not of the release.

    `names` are those of each release that answered; what was missing to the model is NaN. Raises `DataError` for an
    answer of a release that is not among them.
    """
    columns = list(dict.fromkeys(name for release in sorted(names) for name in names[release]))
    form = {"row": pl.UInt32, **dict.fromkeys(columns, pl.Float32)}
    rows = payments.select("answer_release", "features").with_row_index("row")
    parts = [pl.DataFrame(schema=form)]
    for (release,), part in rows.drop_nulls().group_by("answer_release"):
        if release not in names:
            raise DataError(f"the record does not know the release {release}, whose features it holds")
        own = names[str(release)]
        numbers = np.frombuffer(b"".join(part["features"]), np.float32).reshape(len(part), len(own))
        parts.append(part.select("row").hstack(pl.DataFrame(numbers, schema=list(own), orient="row")))
    opened = pl.concat(parts, how="diagonal")
    return rows.select("row").join(opened, on="row", how="left", maintain_order="left").drop("row")

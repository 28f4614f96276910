"""What the stage `ship` left: the file that would go live, and the honest scores that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.chain import Refit
from mlflow_fraud.core.release.twin import Twin
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.paths import SHIPPED, model_folder
from mlflow_fraud.stages.lineage import HONEST
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained

SHIPPING = model_folder(SHIPPED) / "model" / "shipping.json"


class Shipping(Strict):
    """How the file came to be: `learned_until` is the newest row that it has learned.

    With `refit: all` the `blocks` are the instants at which each link of the chain that was judged stopped learning,
    and `twin` is what the last of them and the file gave to days that neither has learned.
    """

    refit: Refit
    learned_until: datetime
    blocks: tuple[datetime, ...]
    twin: Twin | None


@dataclass(frozen=True)
class Shipped:
    """The file and its facts; `test` has each test row's honest `probability` and `threshold`, by `event_id`."""

    trained: TrainedCandidate
    shipping: Shipping
    test: pl.DataFrame

    @property
    def test_file(self) -> Path:
        """Where the test's scores lie."""
        return self.trained.folder / "model" / HONEST


def write_shipping(shipping: Shipping) -> None:
    """Write how the file came to be, beside it."""
    write_json(SHIPPING, shipping.model_dump(mode="json"))


def read_shipped() -> Shipped:
    """Return what the stage left.

    Raises `DataError` where it did not run, left it in another form, or has learned all and was held against no twin.
    """
    trained = read_trained(SHIPPED)
    try:
        shipping = Shipping.model_validate(read_json(SHIPPING))
        test = pl.read_parquet(trained.folder / "model" / HONEST)
    except (ValidationError, OSError):
        raise DataError(f"{SHIPPING.parent} is not as this version of the program writes it; run `dvc repro`") from None
    if shipping.refit == "all" and shipping.twin is None:
        raise DataError(f"what {SHIPPING} tells of has learned all and has no twin check; run `dvc repro ship`")
    return Shipped(trained, shipping, test)

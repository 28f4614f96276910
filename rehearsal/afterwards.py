"""What was answered, read back from the record, beside what a model that nobody refreshed would have answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.settings import load_params
from rehearsal.business import ID, LABEL, Business
from rehearsal.playing import Played
from rehearsal.workplace import Workplace, program

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """A row for each payment, in the order in which it came: its day, its truth, its kind of fraud or null.

    The amounts are the true ones: those of the broken feed would decide what all else is worth.

    `closed` and `open` have probability and threshold: as answered, and of the first model, from the same features.
    """

    rows: pl.DataFrame
    closed: tuple[Values, Values]
    open: tuple[Values, Values]

    def on(self, days: range) -> npt.NDArray[np.bool_]:
        """Return which rows are of some days."""
        flags: npt.NDArray[np.bool_] = self.rows["day"].is_between(days.start, days.stop, closed="left").to_numpy()
        return flags

    def frauds(self, days: range, *, new: bool) -> npt.NDArray[np.bool_]:
        """Return which rows are frauds of some days: of the new kind, or of all others."""
        kind = self.rows["kind"]
        flags: npt.NDArray[np.bool_] = ((kind == "new") if new else (kind != "new")).fill_null(value=False).to_numpy()
        return self.on(days) & flags

    def measured(self, chosen: npt.NDArray[np.bool_], side: tuple[Values, Values]) -> Metrics:
        """Return what one side's answers to some rows are worth, by the truth."""
        rows = self.rows.filter(pl.Series(chosen))
        period = Period(
            rows["truth"].to_numpy().astype(np.int8),
            rows["card"].rank("dense").cast(pl.Int64).to_numpy() - 1,
            rows["event_time"].to_numpy(),
            rows["amount"].cast(pl.Int64).to_numpy(),
            2,
        )
        params = load_params()
        costs = params.costs.model_copy(update={"alerts_per_day": 5})
        return evaluate(period, side[0][chosen], side[1][chosen], costs)


def read_answers(business: Business, played: Played, place: Workplace) -> Answers:
    """Export the record and put the truth beside it."""
    folder = place.desk / ".local/exported"
    place.does(program("mlflow-fraud"), "record", "export", folder)
    rows = pl.concat([pl.read_parquet(file) for file in sorted(folder.glob("payments/*.parquet"))], how="diagonal")
    rows = rows.filter(pl.col("answer_prediction").is_not_null()).sort("record_place")
    known = business.payments.select(
        pl.col(ID).alias("event_id"),
        "day",
        (business.right * 100).round().cast(pl.Int64).alias("amount"),
        pl.col(LABEL).alias("truth"),
        pl.col(ID).replace_strict(business.kinds, default=None, return_dtype=pl.String).alias("kind"),
    )
    rows = rows.drop("amount").join(known, on="event_id", how="inner", maintain_order="left")
    release = place.store.fetch(played.first)
    names = schema_of(release).names
    hashes = {place.store.manifest(version).feature_schema_sha256 for _, version in played.live}
    if len(hashes) > 1:
        raise FraudError(f"releases of {len(hashes)} sets of features were live, so the first cannot be held against")
    features = rows["features"].struct.unnest().select(names).to_numpy().astype(np.float32)
    scorer = load_released(release.manifest, release.files)
    kept = np.asarray(scorer.score(features), np.float64)
    closed = rows["answer_probability"].to_numpy(), rows["answer_threshold"].to_numpy()
    return Answers(
        rows.select("event_id", "event_time", "card", "amount", "day", "truth", "kind", "answer_flagged"),
        closed,
        (kept, np.full(len(kept), release.manifest.threshold)),
    )

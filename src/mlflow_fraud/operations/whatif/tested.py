"""The test period replayed: honest scores of both releases, on the rows on which they are compared."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.measuring.period import Flags, Period, read_period
from mlflow_fraud.core.measuring.slices import groups_of
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.whatif.outcome import Flagging
from mlflow_fraud.operations.release.challenger import release_version
from mlflow_fraud.operations.release.contest import Entry, enter_champion
from mlflow_fraud.operations.whatif.replay import Replay
from mlflow_fraud.paths import SCHEMA, TRANSACTIONS, part_file
from mlflow_fraud.stages.lineage import HONEST
from mlflow_fraud.stages.shipped import read_shipped
from mlflow_fraud.stages.trained import read_trained


def replay_test(live: Release, other: Release, *, with_policy: bool) -> Replay:
    """Return the test rows that neither release had learned when it scored them.

    A policy is settled on validation, whose honest scores training left. Raises `DataError` where there is no such row,
    or nothing to settle it on.
    """
    test, schema = read_test()
    theirs = enter_champion(live, test, schema, as_judged=True)
    ours = theirs if other is live else enter_champion(other, test, schema, as_judged=True)
    both = theirs.honest & ours.honest
    if not both.any():
        versions = dict.fromkeys([live.manifest.version, other.manifest.version])
        raise DataError(
            f"no row of the test period is one that {' and '.join(versions)} had not learned; run `make retrain` for a "
            "test period that goes on, or replay the record"
        )
    rows = test.filter(pl.Series(both))
    history = pl.read_parquet(TRANSACTIONS)
    period = read_period(rows, decimals=schema.contract.currency_decimals)
    told = rows.select("event_id").join(history, on="event_id", how="left", maintain_order="left")
    return Replay(
        what="the test period",
        period=period,
        groups=groups_of(told, history, schema.contract),
        live=_flagging(theirs, both, period),
        other=_flagging(ours, both, period),
        honest=_validation(other) if with_policy else None,
    )


def read_test() -> tuple[pl.DataFrame, FeatureSchema]:
    """Return the test rows with their features, and what these are; raise `DataError` where they are not there."""
    for file in (part_file("test"), SCHEMA, TRANSACTIONS):
        if not file.is_file():
            raise DataError(f"{file} is not there; `dvc repro preprocess` makes it, `dvc pull` fetches it")
    return pl.read_parquet(part_file("test")), read_schema(read_json(SCHEMA), where=str(SCHEMA))


def _flagging(entry: Entry, rows: Flags, period: Period) -> Flagging:
    """Return how the release flags the rows: by its own cutoff, or block by block as its chain had it."""
    thresholds = entry.thresholds[rows]
    one = np.array_equal(thresholds, entry.cutoff.of_rows(period.amounts, decimals=period.decimals))
    words = str(entry.cutoff) if one else f"{entry.cutoff} as it went live, and in each block of the test its own"
    return Flagging(entry.version, words, entry.scores[rows], thresholds)


def _validation(release: Release) -> tuple[Period, Probabilities]:
    """Return validation with the probabilities of the model that had not learned it, which the training here left."""
    shipped = read_shipped()
    if release_version(shipped) != release.manifest.version:
        raise DataError(
            f"a policy is settled on validation, and of {release.manifest.version} nothing here tells what it gave to "
            f"rows that it had not learned: what was trained here is {release_version(shipped)}; give a --threshold, "
            "or replay the record"
        )
    trained = read_trained(shipped.trained.candidate)
    table = pl.read_parquet(part_file("validation"))
    honest = pl.read_parquet(trained.folder / "model" / HONEST)
    rows = table.join(honest.select("event_id", "score"), on="event_id", how="inner", maintain_order="left")
    probabilities = trained.assessment.calibration(rows["score"].to_numpy())
    return read_period(rows.drop("score"), decimals=trained.schema.contract.currency_decimals), probabilities

"""One window of labelled transactions, scored by the live release: how good it still is, and how far off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mlflow_fraud.adapters.mlflow_runs import content_hash
from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import TrackingFailed
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import arrival, is_mature, label_at, require_reviews, tells, weighed
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.watching.missed import Promise, evidence_of_windows
from mlflow_fraud.core.watching.retrain import Answer, Missed, missed_answer, should_retrain, unless_waiting
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import moment, require_past
from mlflow_fraud.operations.monitoring.figures import Watched, for_the_rule, movement, performance
from mlflow_fraud.operations.monitoring.kept import Entry, read_windows, write_windows
from mlflow_fraud.operations.monitoring.live import live_release
from mlflow_fraud.operations.release.comparison import waits_until
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.settings import load_params, require_chance
from mlflow_fraud.stages.logged import open_tracking
from mlflow_fraud.stages.run import say


@dataclass(frozen=True)
class Window:
    """What one window showed of the release that scored it; `drifts` is how far each feature of the payment is off.

    `promised` is what the practice was worth when it was judged: the release's next windows are its own test. `until`
    is the day of the newest row. `judged` has the intervals, and those of what was promised.
    """

    name: str
    version: str
    until: date
    metrics: Metrics
    promised: Metrics
    drifts: dict[str, float]
    judged: dict[str, Any] = field(default_factory=dict)


def watch(
    file: Path,
    earlier: Sequence[Path],
    store: ReleaseStore,
    as_of: datetime | None = None,
    known: datetime | None = None,
) -> Window:
    """Score the window, write it into the list of windows and return it; again gives the same entry.

    `earlier` are the windows between the pinned history and this one: they are part of its past. Labels count that
    had arrived `as_of` then, or by `known`, or else by the window's end. Raises `DataError` for rows after `as_of`.
    """
    watched, key = Watched(live_release(store), load_params()), load_environment().key
    rows = read_batches([file], watched.contract, key=key)
    require_past(rows, as_of)
    between = [read_batches(list(earlier), watched.contract, key=key)] if earlier else []
    window = _measure(batch_name(file), rows, between, watched, as_of or known)
    said = {"name": window.name, "version": window.version, "until": str(window.until), "kind": "file"}
    write_windows([{**said, **window.metrics, "promised": window.promised, "drifts": window.drifts, **window.judged}])
    return window


def known_until(files: Sequence[Path], store: ReleaseStore) -> datetime:
    """Return the newest event time of windows: what had arrived by then is known of all of them.

    So the rows of a window that were too young by its own end are judged with the windows that follow it.
    """
    contract, key = schema_of(live_release(store)).contract, load_environment().key
    newest: datetime = read_batches(list(files), contract, key=key)["event_time"].max()  # type: ignore[assignment]
    return newest


def log_window(window: Window) -> str:
    """Log the window's metrics to MLflow, once for the same window, release and numbers; return the run's id.

    Where MLflow cannot be reached it is said, and nothing is returned: the windows are in their file.
    """
    measured = window.metrics | {f"drift_{name}": value for name, value in window.drifts.items()}
    metrics = {name: value for name, value in measured.items() if value is not None}
    tags = {"model_version": window.version, "window": window.name, "window_content": content_hash(metrics)}
    try:
        return open_tracking(load_environment()).ensure_window(f"window {window.name}", metrics, tags)
    except TrackingFailed as error:
        say(f"warning: window {window.name} is not in MLflow ({error}); the same command tries again")
        return ""


def answer(upto: str, version: str) -> Answer:
    """Return whether to retrain, from the windows that `version` has scored up to and with `upto`, in their order."""
    windows = read_windows(version, of_files=True)
    last = max((place for place, each in enumerate(windows) if each["name"] == upto), default=-1)
    seen = windows[: last + 1]
    rule = load_params().monitor
    found = should_retrain([for_the_rule(each) for each in seen], rule)
    if not found.retrain:
        of_missed = missed_answer(_missed(seen), rule)
        found = of_missed if of_missed.retrain else found
    waits = waits_until(version)
    return unless_waiting(found, until=waits, now=date.fromisoformat(seen[-1]["until"])) if seen else found


def _missed(windows: Sequence[Entry]) -> Missed | None:
    """Return what the bursts of windows say; None where data has none, or the release does not say what it missed."""
    known = [each for each in windows if each.get("bursts") is not None]
    promised = known[-1].get("promised", {}) if known else {}
    if promised.get("bursts") is None or promised.get("rows") is None:
        return None
    missed = [_missed_in(each) for each in known]
    found = evidence_of_windows(
        missed, [each["rows"] for each in known], Promise(_missed_in(promised), promised["rows"])
    )
    newest = sum(each["bursts"] for each in known[found.since :])
    return Missed(newest, sum(missed[found.since :]), found.value)


def _missed_in(metrics: Mapping[str, Any]) -> int:
    """Return how many bursts were missed in a window or a test."""
    number, caught = int(metrics["bursts"]), float(metrics["bursts_caught"] or 0.0)
    return number - round(number * caught)


def _measure(
    name: str, window: pl.DataFrame, between: list[pl.DataFrame], watched: Watched, known_by: datetime | None
) -> Window:
    manifest, schema = watched.manifest, watched.schema
    known, features, counts = _with_past(window, between, schema, known_by, manifest.learned_until)
    x = model_matrix(features, schema)
    scores = load_released(manifest, watched.release.files).score(x[counts.to_numpy()])
    mature = known.filter(counts)
    cuts = manifest.cutoff.of_column(mature["amount"], decimals=schema.contract.currency_decimals)
    mature = mature.with_columns(probability=scores, threshold=cuts)
    found = performance(watched, mature, sure=True)
    judged = {name: found.pop(name) for name in ("intervals", "promised_intervals", "foreseen_f1")}
    promised = found.pop("promised")
    distances, drift = movement(watched, x, known["event_time"])
    newest: datetime = window["event_time"].max()  # type: ignore[assignment]
    return Window(
        name=name,
        version=manifest.version,
        until=newest.date(),
        metrics=found | {"drift": drift},
        promised=promised,
        drifts={name: distances[name].drift for name in watched.of_the_payment if name in distances},
        judged=judged,
    )


def _with_past(
    window: pl.DataFrame,
    between: list[pl.DataFrame],
    schema: FeatureSchema,
    as_of: datetime | None,
    learned_until: datetime | None,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Return the window's rows that the live release has not learned, their features, and which of them count.

    The past is the pinned history and the windows between; a payment that is in both, since a window was pinned, is
    one. What counts is old enough for its label, and looked into where labels are selective. A label is as it was
    known then: a fraud told later was none.
    """
    active = load_params().active
    rule = active.split
    require_chance(schema.contract, active, where="the live release's contract")
    end: datetime = moment(as_of) if as_of else window["event_time"].max()  # type: ignore[assignment]
    begin = window["event_time"].min()
    past = pl.concat([pl.read_parquet(TRANSACTIONS), *between]).filter(pl.col("event_time") < begin)
    everything = pl.concat([past, window]).unique("event_id", keep="first", maintain_order=True).sort(TIME_ORDER)
    features = build_features(everything, schema)
    at, told = pl.col("event_time"), arrival(everything.columns, rule.label_delay)
    unseen = at > learned_until if learned_until else pl.lit(True)
    known = weighed(everything, active)
    inside = known.select((at >= begin) & unseen).to_series()
    known, features = known.filter(inside), features.filter(inside)
    old_enough = known.select(is_mature(rule.horizon, as_of=end)).to_series()
    counts = old_enough & known.select(tells(known.columns, told, as_of=end)).to_series()
    require_reviews("the window", known.filter(counts), int(old_enough.sum()))
    return known.with_columns(label_at("label", told, as_of=end)), features, counts


def counted_rows(
    window: pl.DataFrame,
    between: list[pl.DataFrame],
    schema: FeatureSchema,
    as_of: datetime | None,
    learned_until: datetime | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that count and their features."""
    known, features, counts = _with_past(window, between, schema, as_of, learned_until)
    return known.filter(counts), features.filter(counts)

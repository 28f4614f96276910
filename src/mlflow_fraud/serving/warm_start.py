"""The part of the record that a set of features can still see."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain

import polars as pl

from mlflow_fraud.adapters.prediction_log.afterwards import told_before
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.settled import remembered_before, window_since
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.core.features.online import LATENESS, Transaction
from mlflow_fraud.core.features.reach import label_reach, score_reach, window_reach
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.progress import Step, tell
from mlflow_fraud.serving.beginning import told
from mlflow_fraud.serving.clock import RECORDED, MakeClock
from mlflow_fraud.serving.history import Amended, History, Known, Recorded
from mlflow_fraud.serving.record import Mark, Record

log = logging.getLogger(__name__)

REPLAYED = 2_000
"""So many that came last are taken in as they came, late ones late: a service that never stopped had them so."""


def warm_history(schema: FeatureSchema, record: Record, clock: MakeClock = RECORDED) -> History:
    """Return the past as `schema` sees it."""
    try:
        with _uncollected(), record.earlier.after():
            past = read_past(record, schema)
            history = History(schema, past, record, clock(schema.contract))
        behind = Step("catching up with what came meanwhile", 0, record.end - past.end, "entries")
        tell(record.beginning, behind)
        history.catch_up()
        tell(record.beginning, behind._replace(done=behind.total or 0))
    except BaseException:
        record.beginning.forget()
        raise
    return history


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep what is made away from the collector of circles.

    It would look at all of it again and again while more comes, a fifth of a start, and later in one long pause of all
    requests. There are no circles in a past.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()


def read_past(record: Record, schema: FeatureSchema) -> Recorded:
    """Return what matters to whatever comes next, as it was at one moment.

    Those are the payments of the longest window, those whose label a window can still see, and of each entity the
    last ones that a feature remembers. Raises `RecordUnavailable` where the record cannot be read.
    """
    contract = schema.contract
    with record.lock:
        mark = record.mark(contract)
    settled = max(mark.place - REPLAYED, 0)
    past = RecordedPast(record.log, contract, mark.place)
    first = RecordedPast(record.log, contract, settled, past.left_out)
    mark = mark._replace(unwritten=tuple(each for each in mark.unwritten if past.sees(each)))
    newest = past.reached(STEADY)
    if newest is None and not mark.unwritten:
        if not record.begins_with_nothing:
            log.warning(
                "the record holds no payment of %s: every card starts without a past; `mlflow-fraud record seed` "
                "fills it",
                contract.name,
            )
        return Recorded(end=mark.end, left_out=past.left_out)
    reached = first.reached(STEADY)  # not `newest`: what is replayed looks back from where it is itself
    since = reached and reached - window_reach(schema) - LATENESS
    known, numbers = _known(past, schema, newest, mark)
    progress = record.beginning
    older = remembered_before(first, schema, since) if since else []
    replayed = _replayed(past, settled, mark)
    beside = [str(row["event_id"]) for row in (*older, *replayed)]
    corrections = past.corrections_since(since and since - score_reach(schema), beside)
    window = window_since(first, schema, since, corrections, progress) if since else pl.DataFrame()
    return Recorded(
        chain(older, told(window.iter_rows(named=True), "taking in the window", len(window), progress)),
        since if since and first.reaches_before(since) else None,
        told(replayed, "replaying what came last", len(replayed), progress),
        known,
        numbers,
        [Amended(each.of.as_it_came, each.instead, each.observed) for each in corrections],
        frozenset(each.number for each in corrections if each.number > mark.correction),
        mark.end,
        past.left_out,
    )


def _replayed(past: RecordedPast, settled: int, mark: Mark) -> list[Transaction]:
    """Return what came last, in the order in which it came: from the record, and what it may not hold yet."""
    there = {payment.place: payment for payment in past.behind(settled)}
    there |= {each.place: each for each in mark.unwritten}
    return [there[place].as_it_came for place in sorted(there)]


def _known(
    past: RecordedPast, schema: FeatureSchema, newest: datetime | None, mark: Mark
) -> tuple[list[Known], frozenset[int]]:
    """Return the labels that a window can still see, and the numbers of those that came after `mark`."""
    if not schema.label_windows:
        return [], frozenset()
    since = newest and newest - label_reach(schema) - LATENESS
    ahead = past.known_ahead(since) if mark.unwritten else []  # first: what is written meanwhile is in both, and once
    found = past.known_since(since).drop("scores").to_dicts()
    known = {row["number"]: Known(row, row["label"], row["arrived"]) for row in found}
    unwritten = {str(each.key[1]): each.transaction for each in mark.unwritten}
    for number, event_id, label, arrived in ahead:
        if number not in known and event_id in unwritten:
            known[number] = Known(unwritten[event_id], label, arrived)
    told = [known[number] for number in sorted(known)]
    before = told_before((str(each.of["event_id"]), each.label, each.arrived) for each in told)
    labels = [each._replace(others=others) for each, others in zip(told, before, strict=True)]
    return labels, frozenset(number for number in known if number > mark.label)

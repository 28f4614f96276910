"""What is older than it has to be goes, a little at a time, so that a service at work is not held up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic, sleep
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select, tuple_

from mlflow_fraud.adapters.prediction_log.audit import note, note_again
from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.change import change
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.member import member
from mlflow_fraud.adapters.prediction_log.quarantine import not_quarantined, spans
from mlflow_fraud.adapters.prediction_log.removal import Removed, Which, remove
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT

AT_ONCE = 200
"""So many payments go in one transaction: some milliseconds, for which a service's write waits."""
TIDY_EVERY = 50
"""After so many transactions SQLite's log is moved into its file, where no service does it."""
LEAST_PAUSE = 0.005
"""Seconds between two transactions, at least: as long as the last one took, so that others get in."""


class Age(NamedTuple):
    """Payments of before `cut` go. What features remember of each entity, however old, is looked for before `seen`.

    `remembered` has, by the names of such entities, how many of the last payments are.
    """

    cut: datetime
    seen: datetime
    remembered: Mapping[tuple[str, ...], int]


class Pruned(NamedTuple):
    """What is gone, and how many payments older than the cut were left since a feature remembers them."""

    removed: Removed
    kept: int


def prune(log: PredictionLog, contract: str, age: Age, *, at: datetime) -> Pruned:
    """Delete what is older, each payment with its labels and corrections; the audit says at each moment how many.

    Where it ends midway, what is gone is gone whole, and it goes on when it is called again.
    """
    kept = _remembered(log, contract, age)
    gone, number, waiting = Removed(), None, 0.0
    for turn, part in enumerate(_older(log, contract, age.cut), start=1):
        leaving = [each for each in part if each.place not in kept]
        if not leaving:
            continue
        sleep(max(LEAST_PAUSE, waiting))
        begun = monotonic()
        with change(log.engine) as connection:
            gone = gone.and_(remove(connection, leaving))
            detail = {"contract": contract, "before": age.cut.isoformat(), "kept": len(kept), **gone._asdict()}
            detail["remembered_from"] = age.seen.isoformat()
            if number is None:
                number = note(connection, "prune", detail, at=at)
            else:
                note_again(connection, number, detail)
        waiting = monotonic() - begun
        if turn % TIDY_EVERY == 0:
            log.tidy()
    return Pruned(gone, len(kept))


def _older(log: PredictionLog, contract: str, cut: datetime) -> Iterator[Sequence[Which]]:
    order = tuple_(PAYMENT.c.event_time, PAYMENT.c.place)
    chosen = select(PAYMENT.c.event_time, PAYMENT.c.place, PAYMENT.c.event_id)
    late = or_(PAYMENT.c.arrival.is_(None), PAYMENT.c.arrival < cut)  # or else windows count it where it came
    chosen = chosen.where(of_contract(contract), PAYMENT.c.event_time < cut, late)
    chosen = chosen.order_by(PAYMENT.c.event_time, PAYMENT.c.place).limit(AT_ONCE)
    behind = chosen
    while True:
        with log.reading() as connection:
            rows = connection.execute(behind).all()
        if not rows:
            return
        yield [Which(row.place, contract, row.event_id) for row in rows]
        behind = chosen.where(order > tuple_(*_bound(rows[-1])))


def _bound(row: Any) -> tuple[Any, Any]:
    return row.event_time, row.place


def _remembered(log: PredictionLog, contract: str, age: Age) -> set[int]:
    """Return the places of older payments that are the last ones of an entity before what windows see."""
    kept: set[int] = set()
    with snapshot(log.engine) as connection:
        seen = not_quarantined(spans(connection, contract))
        for by, back in age.remembered.items():
            newest = (PAYMENT.c.event_time.desc(), PAYMENT.c.event_id.desc())
            rank = func.row_number().over(partition_by=[member(connection.dialect, n) for n in by], order_by=newest)
            ranked = select(PAYMENT.c.place, PAYMENT.c.event_time, rank.label("rank"))
            ranked_rows = ranked.where(of_contract(contract), PAYMENT.c.event_time < age.seen, *seen).subquery()
            last = select(ranked_rows.c.place).where(ranked_rows.c.rank <= back, ranked_rows.c.event_time < age.cut)
            kept |= {place for (place,) in connection.execute(last)}
    return kept

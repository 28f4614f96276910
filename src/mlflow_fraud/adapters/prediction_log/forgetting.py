"""A person is taken out of the record: whose payments are found by what each is known by, and a tombstone is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, select

from mlflow_fraud.adapters.prediction_log.audit import note
from mlflow_fraud.adapters.prediction_log.change import change
from mlflow_fraud.adapters.prediction_log.member import member
from mlflow_fraud.adapters.prediction_log.removal import Removed, Which, remove
from mlflow_fraud.adapters.prediction_log.rows import insert_into
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, PAYMENT, TOMBSTONE
from mlflow_fraud.core.contract.forgotten import mark_of

AT_ONCE = 50_000
"""So many rows are fetched at once."""


class Known(NamedTuple):
    """One of an entity, by contract, the entity's name in the pipeline, and the mark of its value."""

    contract: str
    entity: str
    mark: str


class Erased(NamedTuple):
    """What is gone, the latest time of it, and when the same one was forgotten before, in UTC."""

    removed: Removed
    newest: datetime | None
    before: datetime | None


def erase(engine: Engine, one: Known, *, at: datetime) -> Erased:
    """Delete all payments of one with their labels and corrections, and leave a tombstone; all or nothing.

    They are looked for while others write, and what came meanwhile is looked through once nobody does.
    """
    with snapshot(engine) as connection:
        found = list(_theirs(connection, one, PAYMENT.c.place > 0))
        seen = connection.execute(select(PAYMENT.c.place).order_by(PAYMENT.c.place.desc()).limit(1)).scalar() or 0
        before = tombstones(connection).get(one)
    with change(engine) as connection:
        found += _theirs(connection, one, PAYMENT.c.place > seen)
        removed = remove(connection, [which for which, _, _ in found])
        if before is None or removed.payments:
            _lay(connection, one, at)
            detail = {"contract": one.contract, "entity": one.entity, **removed._asdict()}
            note(connection, "forget", detail, at=at)
    return Erased(removed, max((event_time for _, event_time, _ in found), default=None), before)


def obey(
    connection: Connection,
    entities: Iterable[tuple[str, str]],
    is_forgotten: Callable[[Known, datetime, datetime], bool],
) -> Removed:
    """Delete the payments of which a function says so, asked with event time and when each was received.

    It is asked for every payment that has one of the `entities`, each the name of a contract and of an entity of it.
    """
    gone = Removed()
    for contract, entity in sorted(set(entities)):
        rows = _of_entity(connection, contract, entity, PAYMENT.c.place > 0)
        which = [each for each, mark, at, received in rows if is_forgotten(Known(contract, entity, mark), at, received)]
        gone = gone.and_(remove(connection, which))
    return gone


def tombstones(connection: Connection) -> Mapping[Known, datetime]:
    """Return when each was forgotten, in UTC."""
    return {Known(row.contract, row.entity, row.value): row.forgotten for row in connection.execute(select(TOMBSTONE))}


def lay(connection: Connection, laid: Mapping[Known, datetime]) -> None:
    """Add tombstones; one that is there stays with the later time."""
    there = tombstones(connection)
    for one, at in laid.items():
        if one not in there or there[one] < at:
            _lay(connection, one, at)


def _lay(connection: Connection, one: Known, at: datetime) -> None:
    stone = insert_into(connection.dialect)(TOMBSTONE).values(
        contract=one.contract, entity=one.entity, value=one.mark, forgotten=at
    )
    keys = [TOMBSTONE.c.contract, TOMBSTONE.c.entity, TOMBSTONE.c.value]
    connection.execute(stone.on_conflict_do_update(index_elements=keys, set_={"forgotten": at}))


def _theirs(
    connection: Connection, one: Known, where: ColumnElement[bool]
) -> Iterator[tuple[Which, datetime, datetime]]:
    for which, mark, at, received in _of_entity(connection, one.contract, one.entity, where):
        if mark == one.mark:
            yield which, at, received


def _of_entity(
    connection: Connection, contract: str, entity: str, where: ColumnElement[bool]
) -> Iterator[tuple[Which, str, datetime, datetime]]:
    """Give place, mark and times of a contract's payments that have an entity, also by what they were corrected to."""
    beside = [PAYMENT.c.place, PAYMENT.c.event_id, PAYMENT.c.event_time, PAYMENT.c.received]
    mine = (PAYMENT.c.contract == contract, where)
    first = select(member(connection.dialect, entity), *beside).where(*mine)
    same = (CORRECTION.c.contract == PAYMENT.c.contract) & (CORRECTION.c.event_id == PAYMENT.c.event_id)
    later = select(member(connection.dialect, entity, CORRECTION.c.content), *beside)
    later = later.join_from(CORRECTION, PAYMENT, same).where(*mine)
    marks: dict[object, str] = {}
    for chosen in (first, later):
        rows = connection.execute(chosen, execution_options={"yield_per": AT_ONCE})
        for value, place, event_id, at, received in rows:
            if value is not None:
                if value not in marks:
                    marks[value] = mark_of(value)
                yield Which(place, contract, event_id), marks[value], at, received

"""What was done to the record by a person's command, a line each, without anything of anybody in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from mlflow_fraud.adapters.prediction_log.tables import AUDIT


class Line(NamedTuple):
    """What was done, and when in UTC."""

    number: int
    at: datetime
    action: str
    detail: Mapping[str, Any]


def note(connection: Connection, action: str, detail: Mapping[str, Any], *, at: datetime) -> int:
    """Add a line and return its number; it stays only with the change that it tells of."""
    told = {"at": at, "action": action, "detail": json.dumps(detail)}
    number: int = connection.execute(insert(AUDIT).returning(AUDIT.c.number), told).scalar_one()
    return number


def note_again(connection: Connection, number: int, detail: Mapping[str, Any]) -> None:
    """Say in a line how far its change has come."""
    connection.execute(update(AUDIT).where(AUDIT.c.number == number).values(detail=json.dumps(detail)))


def audited(connection: Connection) -> list[Line]:
    """Return all lines, oldest first."""
    rows = connection.execute(select(AUDIT).order_by(AUDIT.c.number))
    return [Line(row.number, row.at, row.action, json.loads(row.detail)) for row in rows]

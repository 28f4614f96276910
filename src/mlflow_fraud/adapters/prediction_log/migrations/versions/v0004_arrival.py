"""When a payment arrived, where it counts then and not at its event time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column, null for all that is there: they counted at their event time."""
    op.add_column("payment", sa.Column("arrival", sa.DateTime))
    late = sa.text("arrival IS NOT NULL")
    op.create_index("ix_payment_arrival", "payment", ["arrival"], sqlite_where=late, postgresql_where=late)

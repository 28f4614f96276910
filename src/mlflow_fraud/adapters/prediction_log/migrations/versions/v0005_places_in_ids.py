"""Ids of answers that state their place need no index: only those of before keep theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the index anew, of the ids that are there."""
    op.drop_index("ix_payment_prediction", "payment")
    of_before = sa.text("prediction NOT LIKE '%.%.%'")
    op.create_index(
        "ix_payment_prediction", "payment", ["prediction"], sqlite_where=of_before, postgresql_where=of_before
    )

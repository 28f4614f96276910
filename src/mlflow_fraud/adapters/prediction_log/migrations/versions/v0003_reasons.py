"""Why an answer was given: the reasons that were worked out behind it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("payment", sa.Column("reasons", sa.Text))

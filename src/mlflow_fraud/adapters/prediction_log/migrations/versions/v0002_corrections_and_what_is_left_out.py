"""Corrections, the chance of a label, and what is left out: forgotten people and quarantined spans, with an audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

PLACE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("payment", sa.Column("label_chance", sa.Float))
    op.create_table(
        "correction",
        sa.Column("number", PLACE, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("observed", sa.DateTime, nullable=False),
        sa.Column("received", sa.DateTime, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_correction"),
    )
    op.create_index("ix_correction_contract_event_id", "correction", ["contract", "event_id"])
    op.create_table(
        "tombstone",
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("forgotten", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("contract", "entity", "value", name="pk_tombstone"),
    )
    op.create_table(
        "quarantine",
        sa.Column("number", PLACE, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("received", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_quarantine"),
    )
    op.create_table(
        "audit",
        sa.Column("number", PLACE, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )

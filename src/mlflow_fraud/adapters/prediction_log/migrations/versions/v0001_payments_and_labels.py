"""Payments with their answers, releases with their features, and labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

PLACE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "feature_schema",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_feature_schema"),
    )
    op.create_table(
        "model_release",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("feature_schema", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_model_release"),
        sa.ForeignKeyConstraint(["feature_schema"], ["feature_schema.sha256"], name="fk_model_release_feature_schema"),
    )
    op.create_table(
        "payment",
        sa.Column("place", PLACE, nullable=False, autoincrement=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("event_time", sa.DateTime, nullable=False),
        sa.Column("received", sa.DateTime, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("scores", sa.Text),
        sa.Column("prediction", sa.Text),
        sa.Column("release", sa.Text),
        sa.Column("features", sa.LargeBinary),
        sa.Column("probability", sa.Float),
        sa.Column("flagged", sa.Boolean),
        sa.Column("threshold", sa.Float),
        sa.Column("took_us", sa.Integer),
        sa.PrimaryKeyConstraint("place", name="pk_payment"),
        sa.UniqueConstraint("contract", "event_id", name="uq_payment_contract_event_id"),
    )
    op.create_index("ix_payment_prediction", "payment", ["prediction"])
    op.create_index("ix_payment_event_time", "payment", ["event_time"])
    op.create_table(
        "label",
        sa.Column("number", PLACE, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("label", sa.SmallInteger, nullable=False),
        sa.Column("arrived", sa.DateTime, nullable=False),
        sa.Column("received", sa.DateTime, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_label"),
        sa.UniqueConstraint(
            "contract", "event_id", "label", "arrived", name="uq_label_contract_event_id_label_arrived"
        ),
    )

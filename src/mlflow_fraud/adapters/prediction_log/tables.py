"""The tables of the record, as the migrations leave them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from mlflow_fraud.adapters.prediction_log.prediction_ids import WITHOUT_PLACE

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

PLACE = BigInteger().with_variant(Integer, "sqlite")
"""A row's place in the order in which all came; in SQLite the row's own number, which costs nothing."""

LATE = text("arrival IS NOT NULL")
"""Of few payments an arrival is told, and of these alone there is an index."""

EARLIER_IDS = text(WITHOUT_PLACE)
"""An answer's id tells its row, but where an earlier program gave it, and of these alone there is an index."""

FEATURE_SCHEMA = Table(
    "feature_schema",
    METADATA,
    Column("sha256", Text, primary_key=True),
    Column("document", Text, nullable=False),  # schema.json of the release
)

MODEL_RELEASE = Table(
    "model_release",
    METADATA,
    Column("version", Text, primary_key=True),
    Column("feature_schema", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    ForeignKeyConstraint(["feature_schema"], ["feature_schema.sha256"]),
)

PAYMENT = Table(
    "payment",
    METADATA,
    Column("place", PLACE, primary_key=True, autoincrement=False),
    Column("contract", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_time", DateTime, nullable=False),  # on the contract's own clock
    Column("received", DateTime, nullable=False),  # in UTC
    Column("source", Text, nullable=False),  # service, journal or history
    Column("content", Text, nullable=False),  # JSON: the rest of the transaction, by pipeline names
    Column("scores", Text),  # JSON: its scores in thousandths by name, where they are known
    Column("prediction", Text),  # all from here on: of the answer, if one was given; see `prediction_ids`
    Column("release", Text),
    Column("features", LargeBinary),  # Float32, in the order of the release's schema
    Column("probability", Float),
    Column("flagged", Boolean),
    Column("threshold", Float),
    Column("took_us", Integer),
    Column("label_chance", Float),  # with which its label is looked for: see `core.labels`
    Column("reasons", Text),  # JSON: see `core.explaining.reasons`, where they were worked out while serving
    Column("arrival", DateTime),  # on the contract's own clock; null where it counts at its event time
    UniqueConstraint("contract", "event_id"),
    Index("ix_payment_prediction", "prediction", sqlite_where=EARLIER_IDS, postgresql_where=EARLIER_IDS),
    Index("ix_payment_event_time", "event_time"),
    Index("ix_payment_arrival", "arrival", sqlite_where=LATE, postgresql_where=LATE),
)

LABEL = Table(
    "label",
    METADATA,
    Column("number", PLACE, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("arrived", DateTime, nullable=False),  # on the contract's own clock
    Column("received", DateTime, nullable=False),  # in UTC
    Column("source", Text, nullable=False),
    UniqueConstraint("contract", "event_id", "label", "arrived"),
)

CORRECTION = Table(
    "correction",
    METADATA,
    Column("number", PLACE, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("observed", DateTime, nullable=False),  # on the contract's own clock: from after it on it counts
    Column("received", DateTime, nullable=False),  # in UTC
    Column("source", Text, nullable=False),
    Column("content", Text),  # JSON as in a payment; null for one that was reversed
    Index("ix_correction_contract_event_id", "contract", "event_id"),
)

TOMBSTONE = Table(
    "tombstone",
    METADATA,
    Column("contract", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("value", Text, nullable=False),  # the pseudonym, where the entity is secret
    Column("forgotten", DateTime, nullable=False),  # in UTC
    PrimaryKeyConstraint("contract", "entity", "value"),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("number", PLACE, primary_key=True),
    Column("contract", Text, nullable=False),
    Column("since", DateTime, nullable=False),  # event times, the first in it
    Column("until", DateTime, nullable=False),  # the first behind it
    Column("reason", Text, nullable=False),
    Column("received", DateTime, nullable=False),  # in UTC
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", PLACE, primary_key=True),
    Column("at", DateTime, nullable=False),  # in UTC
    Column("action", Text, nullable=False),  # the command: forget, quarantine, prune, restore
    Column("detail", Text, nullable=False),  # JSON, without anything of a person
)

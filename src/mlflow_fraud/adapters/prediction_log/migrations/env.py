"""What Alembic runs for a step: on the connection that it is given, in one transaction."""

from __future__ import annotations

from alembic import context

from mlflow_fraud.adapters.prediction_log.tables import METADATA

if __name__ == "env_py":  # so Alembic calls it; whoever else imports it runs nothing
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()

"""What persons did to the record."""

from __future__ import annotations

from mlflow_fraud.adapters.prediction_log.audit import audited
from mlflow_fraud.operations.record.opened import opened


def audit() -> str:
    """Return each command that changed the record as a line to read, oldest first."""
    with opened() as log:
        with log.reading() as connection:
            lines = audited(connection)
        if not lines:
            return f"{log}: no command has changed it"
        return "\n".join(
            f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.action:<10}  "
            + ", ".join(f"{name} {value}" for name, value in line.detail.items())
            for line in lines
        )

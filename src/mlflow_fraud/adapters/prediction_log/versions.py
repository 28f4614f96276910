"""Which step of the migrations a record is at, and the way to the newest."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from mlflow_fraud.adapters.prediction_log.connection import no_record, translated, where
from mlflow_fraud.adapters.prediction_log.tables import METADATA
from mlflow_fraud.core.errors import DataError

MIGRATIONS = Path(__file__).parent / "migrations"


def newest() -> str:
    """Return the step that this program reads and writes."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def upgrade(engine: Engine, *, to: str = "head") -> tuple[str | None, str]:
    """Take the record to the newest step, or to another, all of it or none; return the step before and after."""
    with translated(engine), engine.begin() as connection:
        before = _step_of(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        after = _step_of(connection)
    assert after is not None
    return before, after


def begin(engine: Engine, *, make: bool = True) -> None:
    """Make the tables where there are none yet; raise `DataError` where there are older, newer or others' tables.

    With `make` off it is a `DataError` too where there are none.

    A service does not upgrade by itself: another one may be at work on the same record, and a backup comes first.
    """
    with translated(engine), engine.connect() as connection:
        step, tables = _step_of(connection), inspect(connection).get_table_names()
    if step is None and not tables:
        if not make:
            raise no_record(where(engine))
        make_tables(engine)
        return
    require_newest(engine)


def require_newest(engine: Engine) -> None:
    """Raise `DataError` where a database holds no record, or one of another step than this program reads."""
    step = require_known(engine)
    if step != newest():
        do = "copy it while no service has it open, then `mlflow-fraud record upgrade`"
        raise DataError(f"the record at {where(engine)} is of step {step}, this program expects {newest()}; {do}")


def require_known(engine: Engine) -> str:
    """Return the step of a record; raise `DataError` where a database holds none, or one of a newer program."""
    with translated(engine), engine.connect() as connection:
        step, tables = _step_of(connection), inspect(connection).get_table_names()
    if step is None:
        raise DataError(
            f"{where(engine)} holds no record but other tables ({', '.join(sorted(tables)[:3]) or 'none at all'}); "
            "set FRAUD_PREDICTION_LOG to a database of its own"
        )
    if step not in {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()}:
        do = "run the newer program that made it, or restore a backup"
        raise DataError(f"the record at {where(engine)} is of step {step}, this program expects {newest()}; {do}")
    return step


def make_tables(engine: Engine) -> None:
    """Make the newest tables at once: a test holds them to what the steps leave."""
    with translated(engine), engine.begin() as connection:
        METADATA.create_all(connection)
        MigrationContext.configure(connection).stamp(ScriptDirectory.from_config(_config()), "head")


def _step_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

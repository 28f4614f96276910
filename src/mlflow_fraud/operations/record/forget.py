"""A person is forgotten: gone from the record, left out of what is read from now on; what still has them is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl

from mlflow_fraud.adapters.forgotten_list import add_to_list
from mlflow_fraud.adapters.prediction_log.forgetting import Erased, Known, erase
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.space import empty_log, file_of, rewrite
from mlflow_fraud.adapters.raw_values import expression_of
from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.forgotten import Forgotten, mark_of
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError, SettingsError, nearest
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.operations.record.pins import Places, places_of
from mlflow_fraud.operations.record.refused import erase_refused
from mlflow_fraud.paths import forgotten_list
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.wall import as_data_has_it, utc_now

HOW = "expected an entity of the contract and one value, such as --card 4111111111111111, or --card - to read the value"


def forget(who: Sequence[str]) -> Iterator[str]:
    """Delete all that the record has of one of an entity, and say what was done; `who` is `--<entity>` and a value.

    A value of `-` is read from standard input. Raises `SettingsError` where the entity is secret and its key is not
    set, before anything is changed. No sentence has the value.
    """
    params, key = load_params(), load_environment().key
    contract = contract_of(params.active)
    column, value = _asked(who, contract)
    one, now = Known(contract.name, column.name, mark_of(_held(value, column, contract, key))), utc_now()
    with opened(make=True) as log:  # a record that is filled later has to know it
        done = erase(log.engine, one, at=now)
        yield _erased(done, one, log)
        yield _listed(done, one, contract, _reached(log, contract))
        yield from _overwritten(log)
    for kept in erase_refused(contract, params, key, one):
        yield f"{kept}: gone, for it was refused and had rows of them; `mlflow-fraud data collect` makes the rest anew"
    yield from _still_there(places_of(contract, params, key, one))


def _asked(who: Sequence[str], contract: Contract) -> tuple[Column, str]:
    """Return the entity's column and the value; raise `SettingsError`, without the value, for what is none."""
    option, _, value = who[0].partition("=") if who else ("", "", "")
    given = [*([value] if value else []), *who[1:]]
    name = option.removeprefix("--")
    if not option.startswith("--") or len(given) != 1:
        raise SettingsError(f"nobody is named: {HOW}")
    if name not in contract.entities:
        raise SettingsError(f"--{name} is no entity of {contract.name}, {nearest(name, contract.entities)}; {HOW}")
    column = next(each for each in contract.in_files if each.role == "entity" and each.name == name)
    return column, sys.stdin.readline().strip() if given == ["-"] else given[0]


def _held(value: str, column: Column, contract: Contract, key: PseudonymKey | None) -> str:
    """Return a value as the pipeline holds it; raise `DataError`, without the value, where it is not of the type."""
    pseudonyms = pseudonyms_of(contract, key)
    told = pl.DataFrame({column.source: [value]})
    (held,) = told.select(expression_of(column, contract, pl.String()).cast(pl.String)).to_series()
    if held is None:
        raise DataError(f"the value of --{column.name} is not of the type {column.type}; nothing was changed")
    if not column.secret:
        return str(held)
    try:
        return pseudonyms[column.name].of(held)
    except ValueError as error:
        raise DataError(f"the value of --{column.name}: {error}; nothing was changed") from None


def _erased(done: Erased, one: Known, log: PredictionLog) -> str:
    payments, labels, corrections = done.removed
    if done.before is not None and not payments:
        return (
            f"{log}: this {one.entity} is forgotten already, since {done.before:%Y-%m-%d %H:%M:%S} UTC; nothing is left"
        )
    return (
        f"{log}: {counted(payments, 'payment')} of this {one.entity} {'is' if payments == 1 else 'are'} gone, with "
        f"{counted(labels, 'label')} and {counted(corrections, 'correction')}; a payment that comes from now on is "
        "somebody new's"
    )


def _reached(log: PredictionLog, contract: Contract) -> datetime | None:
    """Return up to when recorded transactions have come; None where they are live, and in an empty record."""
    if load_environment().clock == "wall":
        return None
    return RecordedPast(log, contract, log.last_place()).reached(STEADY)


def _listed(done: Erased, one: Known, contract: Contract, reached: datetime | None) -> str:
    """Put one on the list that ingest obeys, up to now on the data's clock, or to the latest that the record had."""
    clock, already = contract.column("event_time"), done.before if not done.removed.payments else None
    until = reached or as_data_has_it(already or utc_now(), clock.timezone if clock else "")
    until = max(until, done.newest or until).replace(microsecond=0) + timedelta(seconds=1)
    file = forgotten_list(contract.name)
    if not add_to_list(file, Forgotten(one.entity, one.mark, until)):
        return f"{file}: has it already"
    return f"{file}: leaves rows of before {until} out of ingest and of all that is added; commit it, then `dvc repro`"


def _overwritten(log: PredictionLog) -> Iterator[str]:
    """Leave nothing in bytes that no table uses any more, in the file and in the log ahead of it."""
    if file_of(log.engine) is None:
        yield "the server keeps deleted rows until it vacuums, and in its own logs and backups"
        return
    rewrite(log.engine)
    if not empty_log(log.engine):
        yield f"{log}-wal is being read and may hold what was deleted; the same command again empties it"


def _still_there(places: Places) -> Iterator[str]:
    for file, rows in places.pinned.items():
        yield f"still pinned: {file}, {counted(rows, 'row')}; ingest leaves them out"
    for file, rows in places.made.items():
        yield f"still in {file}, {counted(rows, 'row')}; `dvc repro` makes it anew without them"
    for file, why in places.unseen.items():
        yield f"not looked at: {file}, {why}"
    yield (
        "a service that runs lets the past go within seconds; DVC's cache and remote, backups and exports keep what "
        "they have"
    )

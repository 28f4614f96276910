"""Features of the transaction alone: the clock, the person's age, the way from home."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.schema import FeatureSchema

NIGHT_FROM, NIGHT_TO = 22, 4
"""The night begins at 22:00 and ends before 04:00."""

DAYS_A_YEAR = 365.25
EARTH_RADIUS_KM = 6371.0088


def row_expression(name: str, schema: FeatureSchema) -> pl.Expr:
    """Return the batch form of the row feature `name`, as Float64."""
    at = pl.col("event_time")
    if name in schema.categories:
        expression = category_code(name, schema)
    elif _is_a_column(name, schema):
        expression = pl.col(name)
    elif name == "hour":
        expression = at.dt.hour() + (at.dt.minute().cast(pl.Int32) * 60 + at.dt.second()) / 3600
    elif name == "weekday":
        expression = at.dt.weekday()
    elif name == "night":
        expression = night_expression()
    elif name == "age":
        expression = (at.dt.date() - pl.col("birth_date")).dt.total_days() / DAYS_A_YEAR
    elif name == "distance":
        expression = _haversine(*(pl.col(end) for end in way(schema.contract)))
    else:
        expression = pl.col(name)
    return expression.cast(pl.Float64)


def row_function(name: str, schema: FeatureSchema) -> Callable[[Mapping[str, Any]], float | None]:
    """Return the online form of the row feature `name`: a function of one transaction."""
    if name in schema.categories:
        codes = {value: float(code) for code, value in enumerate(schema.categories[name])}
        return lambda row: codes.get(row[name])
    if _is_a_column(name, schema):
        return lambda row: None if row[name] is None else float(row[name])
    if name == "hour":
        return lambda row: hour_of(row["event_time"])
    if name == "weekday":
        return lambda row: float(row["event_time"].isoweekday())
    if name == "night":
        return lambda row: is_night(row["event_time"])
    if name == "age":
        return lambda row: None if row["birth_date"] is None else age_at(row["event_time"], row["birth_date"])
    if name == "distance":
        ends = way(schema.contract)
        return lambda row: None if None in (way := [row[end] for end in ends]) else distance_km(*way)
    return lambda row: None if row[name] is None else float(row[name])


def _is_a_column(name: str, schema: FeatureSchema) -> bool:
    """Return whether the contract has a number of that name: its own age is none that a birth date would give."""
    column = schema.contract.column(name)
    return column is not None and column.role == "numeric"


def category_code(name: str, schema: FeatureSchema) -> pl.Expr:
    """Return the place of the value among those that the schema knows; null for one that it does not."""
    known = schema.categories[name]
    codes = pl.Series(range(len(known)), dtype=pl.Float64)
    values = pl.col(name).cast(pl.String)
    return values.replace_strict(pl.Series(known), codes, default=None, return_dtype=pl.Float64)


def hour_of(at: datetime) -> float:
    """Return the time of day in hours.

    >>> hour_of(datetime(2020, 1, 1, 22, 30))
    22.5
    """
    return at.hour + (at.minute * 60 + at.second) / 3600


def night_expression() -> pl.Expr:
    """Return the batch form of `is_night`, as a boolean."""
    hour = pl.col("event_time").dt.hour()
    return (hour >= NIGHT_FROM) | (hour < NIGHT_TO)


def is_night(at: datetime) -> float:
    """Return 1.0 between 22:00 and 04:00, else 0.0."""
    return 0.0 if NIGHT_TO <= at.hour < NIGHT_FROM else 1.0


def age_at(at: datetime, birth_date: date) -> float:
    """Return the age in years on that day."""
    return (at.date() - birth_date).days / DAYS_A_YEAR


def distance_km(lat1: float, long1: float, lat2: float, long2: float) -> float:
    """Return the great-circle distance in kilometres (haversine formula).

    >>> round(distance_km(52.52, 13.405, 48.137, 11.575))  # Berlin to Munich
    504
    """
    one, two = math.radians(lat1), math.radians(lat2)
    a = math.sin((two - one) / 2) ** 2
    b = math.sin(math.radians(long2 - long1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, a + math.cos(one) * math.cos(two) * b)))


def way(contract: Contract) -> tuple[str, str, str, str]:
    """Return the four columns between which the distance is measured: the first two places."""
    here, there = contract.places[:2]
    return f"{here}_latitude", f"{here}_longitude", f"{there}_latitude", f"{there}_longitude"


def _haversine(lat1: pl.Expr, long1: pl.Expr, lat2: pl.Expr, long2: pl.Expr) -> pl.Expr:
    one, two = lat1.radians(), lat2.radians()
    a = ((two - one) / 2).sin() ** 2
    b = ((long2 - long1).radians() / 2).sin() ** 2
    return 2 * EARTH_RADIUS_KM * (a + one.cos() * two.cos() * b).clip(0.0, 1.0).sqrt().arcsin()

"""What a scenario changes, from its day on; before it every scenario is the stable one."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.simulation.plan import SimulationPlan
from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, scatter
from mlflow_fraud.simulation.timeline import DAY_SECONDS, EPOCH_DAY

SWELL_DAYS = 14  # until the season's height is reached
VOLUME_HEIGHT, AMOUNT_HEIGHT = 1.8, 1.3
# Days after the change on which the feed is faulty, [from, to).
CENTS_DAYS, NO_CATEGORY_DAYS, NO_HOURS_DAYS = (0, 3), (3, 5), (5, 7)
NO_CATEGORY_SHARE = 0.2
MISSING_HOURS = (9, 13)


def volume_swell(plan: SimulationPlan, day: int) -> float:
    """Return the factor on a day's number of legal payments."""
    return float(1 + (VOLUME_HEIGHT - 1) * _season_progress(plan, np.array([day]))[0])


def amount_swell(plan: SimulationPlan, day: Ints) -> Floats:
    """Return the factor on the amounts of legal payments."""
    return 1 + (AMOUNT_HEIGHT - 1) * _season_progress(plan, day)


def new_fraud_from(plan: SimulationPlan) -> int | None:
    """Return the day from which the new kind of fraud is seen, or None."""
    return plan.change_day if plan.scenario == "new-pattern" else None


def break_feed(plan: SimulationPlan, payments: pl.DataFrame) -> pl.DataFrame:
    """Return the payments as a faulty feed delivers them; other scenarios leave them as they are.

    First the amounts come in cents, then every fifth category is null, then the morning's hours
    are missing.
    """
    if plan.scenario != "broken-feed":
        return payments
    lot = scatter(plan.seed, Purpose.FAULTS, payments["id_low"].to_numpy())
    since = pl.col("at") // DAY_SECONDS + EPOCH_DAY - plan.change_day
    no_category = _during(since, NO_CATEGORY_DAYS) & pl.Series(lot < NO_CATEGORY_SHARE)
    no_row = _during(since, NO_HOURS_DAYS) & (pl.col("at") // 3600 % 24).is_between(*MISSING_HOURS, closed="left")
    cents = pl.when(_during(since, CENTS_DAYS)).then((pl.col("amount") * 100).round()).otherwise("amount")
    category = pl.when(~no_category).then("category")
    return payments.with_columns(cents.alias("amount"), category.alias("category")).filter(~no_row)


def _season_progress(plan: SimulationPlan, day: Ints) -> Floats:
    if plan.scenario != "seasonal":
        return np.zeros(len(day))
    return np.clip((day - plan.change_day + 1) / SWELL_DAYS, 0.0, 1.0)


def _during(since: pl.Expr, days: tuple[int, int]) -> pl.Expr:
    return since.is_between(*days, closed="left")

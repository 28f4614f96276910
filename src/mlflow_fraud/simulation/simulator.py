"""Run the simulation: legal payments and fraud of a plan's days, in time order, in the Kaggle layout."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.simulation.fraud import REACH_DAYS, commit_fraud
from mlflow_fraud.simulation.layout import lay_out
from mlflow_fraud.simulation.plan import SimulationPlan
from mlflow_fraud.simulation.population import populate
from mlflow_fraud.simulation.scenarios import break_feed
from mlflow_fraud.simulation.spending import spend
from mlflow_fraud.simulation.timeline import seconds_at


def simulate(plan: SimulationPlan) -> pl.DataFrame:
    """Return the plan's transactions in time order, with the columns of the Kaggle files; see `simulate_kinds`."""
    return simulate_kinds(plan)[0]


def simulate_kinds(plan: SimulationPlan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the plan's transactions, and beside them each fraud's `trans_num` and `kind`, which no bank would know.

    Transactions are in time order, with the columns of the Kaggle files. The same plan gives the same bytes. Plans that
    follow one another (`SimulationPlan.following`) give the rows that one long plan gives, but for the first column,
    the row's number.
    """
    population = populate(plan.seed, plan.cards, plan.merchants)
    legal = spend(plan, population, plan.first_day - REACH_DAYS, plan.end_day)
    fraud = commit_fraud(plan, population, legal)
    inside = pl.col("at").is_between(seconds_at(plan.first_day), seconds_at(plan.end_day), closed="left")
    both = pl.concat([legal.filter(inside), fraud.filter(inside)], how="diagonal").sort("at", "id_high", "id_low")
    payments = break_feed(plan, both)
    batch = lay_out(plan.seed, population, payments)
    return batch, batch.select("trans_num", payments["kind"]).drop_nulls()

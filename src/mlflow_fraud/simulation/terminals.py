"""Payments of customers at terminals, with amount and time only, after the simulator of the Fraud Detection Handbook.

The model is that of Y.-A. Le Borgne, W. Siblini, B. Lebichot and G. Bontempi, "Reproducible Machine Learning for
Credit Card Fraud Detection - Practical Handbook", Université Libre de Bruxelles, 2022, chapter 3.2; the code is our
own. A customer's usual amount, pace and nearby terminals are drawn once. Fraud is of two kinds: a compromised
terminal, all of whose payments are fraud for four weeks, and a customer whose data leaked, a third of whose payments
is fraud of five times the amount for two weeks. Neither shows in an amount or an hour that is unusual by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, stream

GENUINE, TERMINAL, CUSTOMER = 0, 1, 2
"""The kinds of a payment in the column `TX_FRAUD_SCENARIO`."""

SIDE = 100.0  # of the square on which customers and terminals lie
NEARBY = 40
"""So many terminals a customer goes to, the nearest ones."""
AMOUNTS, PACES = (5.0, 100.0), (0.0, 4.0)
NOON, SPREAD, DAY = 43_200, 20_000, 86_400

TERMINAL_DAYS, CUSTOMER_DAYS = 28, 14
TERMINALS_A_DAY, CUSTOMERS_A_DAY = 2 / 10_000, 3 / 5_000
"""Which share is newly compromised on a day."""
JUMP, JUMP_SHARE = 5.0, 1 / 3


@dataclass(frozen=True)
class TerminalPlan:
    """A stretch of payments; the handbook's has 5,000 customers and 10,000 terminals."""

    seed: int = 7
    start: date = date(2018, 4, 1)
    days: int = 183
    customers: int = 250
    terminals: int = 500


def simulate_terminals(plan: TerminalPlan) -> pl.DataFrame:
    """Return the plan's payments in time order, with the columns of the handbook: the same plan, the same rows.

    >>> simulate_terminals(TerminalPlan(days=30, customers=20)).columns[:3]
    ['TRANSACTION_ID', 'TX_DATETIME', 'CUSTOMER_ID']
    """
    payments = _spend(plan)
    draw = stream(plan.seed, Purpose.COMPROMISES)
    terminals = _compromised(draw, plan.terminals, plan.days, TERMINALS_A_DAY, TERMINAL_DAYS)
    customers = _compromised(draw, plan.customers, plan.days, CUSTOMERS_A_DAY, CUSTOMER_DAYS)
    customer, terminal, day = (payments[name].to_numpy() for name in ("CUSTOMER_ID", "TERMINAL_ID", "day"))
    of_customer = customers[customer, day] & (draw.random(len(payments)) < JUMP_SHARE)
    of_terminal = terminals[terminal, day]
    amount = payments["TX_AMOUNT"].to_numpy() * np.where(of_customer, JUMP, 1.0)
    scenario = np.select([of_customer, of_terminal], [CUSTOMER, TERMINAL], GENUINE)
    return payments.select(
        pl.int_range(pl.len()).alias("TRANSACTION_ID"),
        (pl.lit(plan.start).cast(pl.Datetime("us")) + pl.duration(days="day", seconds="second")).alias("TX_DATETIME"),
        "CUSTOMER_ID",
        "TERMINAL_ID",
        pl.Series("TX_AMOUNT", amount.round(2)),
        pl.Series("TX_FRAUD", (scenario != GENUINE).astype(np.int8)),
        pl.Series("TX_FRAUD_SCENARIO", scenario.astype(np.int8)),
    )


def _spend(plan: TerminalPlan) -> pl.DataFrame:
    """Return what the customers pay of themselves, in time order."""
    draw = stream(plan.seed, Purpose.TERMINAL_PAYMENTS)
    nearby = _nearby(draw.uniform(0, SIDE, (plan.customers, 2)), draw.uniform(0, SIDE, (plan.terminals, 2)))
    usual, pace = draw.uniform(*AMOUNTS, plan.customers), draw.uniform(*PACES, plan.customers)
    times = draw.poisson(pace[:, None], (plan.customers, plan.days))
    customer, day = (np.repeat(place.ravel(), times.ravel()) for place in np.indices(times.shape))
    mean = usual[customer]
    amount = draw.normal(mean, mean / 2)
    amount = np.where(amount < 0, draw.uniform(0, 2 * mean), amount)
    second = draw.normal(NOON, SPREAD, len(customer)).astype(np.int64)
    payments = pl.DataFrame(
        {
            "CUSTOMER_ID": customer,
            "TERMINAL_ID": nearby[customer, draw.integers(0, nearby.shape[1], len(customer))],
            "TX_AMOUNT": amount,
            "day": day,
            "second": second,
        }
    )
    inside = pl.col("second").is_between(0, DAY, closed="left")
    return payments.filter(inside).sort("day", "second", "CUSTOMER_ID", maintain_order=True)


def _nearby(customers: Floats, terminals: Floats) -> Ints:
    """Return the nearest terminals of each customer."""
    squares = sum((customers[:, None, axis] - terminals[None, :, axis]) ** 2 for axis in (0, 1))
    nearest: Ints = np.argsort(squares, axis=1, kind="stable")[:, :NEARBY]
    return nearest


def _compromised(draw: np.random.Generator, number: int, days: int, share: float, length: int) -> npt.NDArray[np.bool_]:
    """Return for each of `number` and each day whether it is compromised: for `length` days from a drawn one on."""
    begins = draw.random((number, days)) < share
    until_now = np.cumsum(begins, axis=1)
    before = np.pad(until_now, ((0, 0), (length, 0)))[:, :days]
    lasting: npt.NDArray[np.bool_] = until_now > before
    return lasting

"""Write `.local/payments.csv`: made-up payments of customers at terminals, as another bank might keep them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.simulation import SimulationPlan, simulate

PLAN = SimulationPlan(start=date(2021, 1, 1), days=200, transactions=30_000, cards=80, merchants=80, fraud_rate=0.01)
TIMES = pl.col("trans_date_trans_time").cast(pl.String).str.to_datetime()


def payments() -> pl.DataFrame:
    """Return the built-in simulator's rows under other names, without categories, places and people."""
    return simulate(PLAN).select(
        pl.int_range(pl.len()).alias("TX_ID"),
        TIMES.dt.strftime("%d.%m.%Y %H:%M:%S").alias("TX_DATETIME"),
        pl.col("cc_num").rank("dense").alias("CUSTOMER_ID"),
        pl.col("merchant").alias("TERMINAL_ID"),
        pl.col("amt").alias("TX_AMOUNT"),
        pl.col("is_fraud").alias("TX_FRAUD"),
    )


if __name__ == "__main__":
    with replacing(Path(".local/payments.csv")) as pending:
        payments().write_csv(pending, separator=";")

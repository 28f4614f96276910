"""Write `.local/payments.csv`: made-up payments of customers at terminals, as another bank might keep them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.simulation import TerminalPlan, simulate_terminals


def payments(plan: TerminalPlan) -> pl.DataFrame:
    """Return payments under this bank's names: amount and time only, without categories, places and people."""
    return simulate_terminals(plan).select(
        pl.col("TRANSACTION_ID").alias("TX_ID"),
        pl.col("TX_DATETIME").dt.strftime("%d.%m.%Y %H:%M:%S"),
        "CUSTOMER_ID",
        pl.format("T{}", pl.col("TERMINAL_ID").cast(pl.String).str.zfill(5)).alias("TERMINAL_ID"),
        "TX_AMOUNT",
        "TX_FRAUD",
    )


if __name__ == "__main__":
    with replacing(Path(".local/payments.csv")) as pending:
        payments(TerminalPlan()).write_csv(pending, separator=";")

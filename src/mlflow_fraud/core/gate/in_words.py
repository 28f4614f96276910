"""How the gate holds batches against each other, for the page of a contract."""

from __future__ import annotations

from mlflow_fraud.core.gate.against import FEWEST_ROWS
from mlflow_fraud.core.gate.alone import FEWEST_FRAUDS
from mlflow_fraud.core.gate.batches import RECENT

HOW = (
    f"- Only the newest {RECENT} batches are held against those before for `unseen_values` and `shift`; older ones "
    "were when they were new. All other limits look at every batch.",
    "- A data set that is a single batch has its months held against the months before them instead, for "
    f"`unseen_values`, `shift` (the newest {RECENT}) and `rows_against_history` (all).",
    f"- Sides of fewer than {FEWEST_ROWS} rows shift by chance and have no `shift`; batches of fewer than "
    f"{FEWEST_FRAUDS} frauds have no `separation`.",
    "- `repeated_rows` and `shared_rows` compare time, entities, amount and categories (without an entity all "
    "numbers too), whatever the ids: no row is both learned from and tested on.",
)

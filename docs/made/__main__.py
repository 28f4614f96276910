"""Write the page of commands, and the table of statistics by engine."""

from __future__ import annotations

from pathlib import Path

from docs.made import commands, engines
from mlflow_fraud.adapters.files import write_text

COMMANDS, FEATURES = (Path(__file__).parents[1] / name for name in ("commands.md", "features.md"))

if __name__ == "__main__":
    write_text(COMMANDS, commands.page())
    by_hand, heading, _ = FEATURES.read_text(encoding="utf-8").partition(engines.HEADING)
    write_text(FEATURES, by_hand + heading + engines.table())

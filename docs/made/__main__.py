"""Write the page of commands, and the tables of statistics by engine and of reasons."""

from __future__ import annotations

from pathlib import Path

from docs.made import commands, engines, reasons, triggers
from mlflow_fraud.adapters.files import write_text

COMMANDS, FEATURES, REASONS = (
    Path(__file__).parents[1] / name for name in ("commands.md", "features.md", "reasons.md")
)

if __name__ == "__main__":
    write_text(COMMANDS, commands.page())
    write_text(triggers.WORKFLOW, triggers.workflow())
    for page, made in ((FEATURES, engines), (REASONS, reasons)):
        by_hand, heading, _ = page.read_text(encoding="utf-8").partition(made.HEADING)
        write_text(page, by_hand + heading + made.table())

"""How far reading has come, told as it goes on: not for what is done in a moment."""

from __future__ import annotations

from time import monotonic

import polars as pl

from mlflow_fraud.adapters.raw_batches import Tell

EVERY = 2.0
"""Seconds without a word, at most."""


class Progress:
    """What is told of rows that come in, file by file, no more often than every few seconds."""

    def __init__(self, tell: Tell, files: int, *, every: float | None = None) -> None:
        self._tell, self._files, self._every = tell, files, EVERY if every is None else every
        self._file, self._number, self._rows = "", 0, 0
        self._told = monotonic()

    def begin(self, name: str) -> None:
        """Note the file that is read now."""
        self._file, self._number = name, self._number + 1
        if self._number == 1:
            self._tell(f"reading {self._line()}")
        self._now(0)

    def collect(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Return what `rows` gives, telling how many there are so far."""
        parts = [pl.DataFrame(schema=rows.collect_schema())]
        for part in rows.collect_batches(maintain_order=True, engine="streaming"):
            parts.append(part)
            self._now(len(part))
        return pl.concat(parts)

    def _now(self, more: int) -> None:
        self._rows += more
        if monotonic() - self._told >= self._every:
            self._told = monotonic()
            self._tell(f"reading {self._line()}: {self._rows:,} rows so far")

    def _line(self) -> str:
        return self._file if self._files == 1 else f"{self._file}, file {self._number} of {self._files}"

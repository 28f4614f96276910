"""What the gate costs, step by step and engine by engine: `python -m benchmarks.gate` writes the tables of its page.

Each figure is of a process of its own, from its start to its end: on the clock, summed over the cores, and its peak
memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks.table import Line, some_cards
from mlflow_fraud.adapters import gx_contract
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.gate.batches import evidence_of
from mlflow_fraud.core.gate.rules import rules_of
from mlflow_fraud.settings import load_contract
from mlflow_fraud.simulation import SimulationPlan, simulate

PAGE = Path("docs/data-contract.md")
HEADING = "### What it costs\n"
CONTRACT = Path("data/contracts/sparkov.yaml")
WHOLE = "the whole gate: evidence, both suites, data docs"
GATED_ROWS = 600_000
ROWS = int(os.environ.get("BENCH_ROWS", "1850000"))
PLAN = SimulationPlan(start=date(2019, 1, 1), days=730, transactions=ROWS, cards=1000, merchants=800)


class Cost(NamedTuple):
    """A process from start to end, and what it says of itself."""

    seconds: float
    cpu: float
    mib: float
    told: str


def main() -> None:
    """Measure and write the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        frame = simulate(PLAN)
        frame.write_csv(folder / "rows.csv")
        month = pl.col("event_time").dt.strftime("%Y-%m").alias("batch")
        read_batches([folder / "rows.csv"], load_contract(CONTRACT)).with_columns(month).write_parquet(
            folder / "rows.parquet"
        )
        tables = [_table("step", STEPS, folder), _table("engine", ENGINES, folder)]
    said = (
        f"{len(frame):,} made-up rows of {len(frame.columns)} columns in 24 batches, on {os.cpu_count()} cores, by\n"
        "`python -m benchmarks.gate`: each step a process of its own from start to end, in seconds on the clock,\n"
        "which what else runs on the machine makes longer, and in seconds summed over the cores."
    )
    text = (
        f"{PAGE.read_text(encoding='utf-8').partition(HEADING)[0]}{HEADING}\n{said}\n\n{tables[0]}\n{WHY}\n{tables[1]}"
    )
    write_text(PAGE, text)
    print(text.partition(HEADING)[2])


WHY = """\
Great Expectations has no Polars engine, and DuckDB does not run under it
([ADR 0010](adr/0010-two-tables-at-the-gate.md)). The rules on rows on what is left, without those on types, whose names
differ; the seconds are of the run alone, without reading:
"""


def whole_gate(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All rules and the data docs, against a third of the rows: linear is 3, less is the start of the process."""
    some = some_cards(transactions, min(GATED_ROWS, len(transactions)))
    batched = some.with_columns(pl.col("event_time").dt.strftime("%Y-%m").alias("batch"))
    with tempfile.TemporaryDirectory() as scratch:
        costs = []
        for rows in (len(batched) // 3, len(batched)):
            batched.head(rows).write_parquet(Path(scratch) / "rows.parquet")
            costs.append(_cost(WHOLE, Path(scratch)))
    part, whole = costs
    name = f"the whole gate, {len(batched):,} rows in {batched['batch'].n_unique()} batches"
    ratio = f"{whole.seconds / part.seconds:.2f} x as long"
    return Line(
        name,
        f"{whole.seconds:.1f} s, {whole.mib / 1024:.1f} GiB",
        f"{part.seconds:.1f} s (a third of the rows)",
        ratio,
    )


def _table(head: str, measured: dict[str, Callable[[Path], str]], folder: Path) -> str:
    lines = [f"| {head} | seconds | of all cores | peak MiB | outcome |", "| --- | ---: | ---: | ---: | --- |"]
    for name in measured:
        cost = _cost(name, folder)
        lines.append(f"| {name} | {cost.seconds:.1f} | {cost.cpu:.1f} | {cost.mib:,.0f} | {cost.told} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def _cost(name: str, folder: Path) -> Cost:
    """Run one of the steps or engines in a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.gate", name, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = str(time.perf_counter() - start)
    peak, cpu, told, *own = ended.stdout.strip().splitlines()[-1].split("|")
    if own:
        seconds, cpu = own
    return Cost(float(seconds), float(cpu), int(peak) / 1024, told)


def _peak_kib() -> int:
    """Return this process's peak memory; what `getrusage` says begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def _reading(folder: Path) -> str:
    return f"{len(read_batches([folder / 'rows.csv'], load_contract(CONTRACT))):,} rows"


def _evidence(folder: Path) -> str:
    return f"{len(evidence_of(pl.read_parquet(folder / 'rows.parquet'), load_contract(CONTRACT)))} batches"


def _whole(folder: Path) -> str:
    report = gx_contract.check(folder / "rows.parquet", load_contract(CONTRACT), docs=folder / "docs")
    return f"{len(report.findings)} rules"


def _pandas(change: Callable[[Any], Any]) -> Callable[[Path], str]:
    def run(folder: Path) -> str:
        frame = change(gx_contract._read(folder / "rows.parquet", load_contract(CONTRACT)))
        context = _context()
        definition = context.data_sources.add_pandas("p").add_dataframe_asset("rows")
        return _run(context, definition.add_batch_definition_whole_dataframe("all"), {"dataframe": frame})

    return run


def _sqlite(folder: Path) -> str:
    import sqlite3

    file = folder / "rows.sqlite"
    if not file.is_file():  # made by a process of its own, so that its memory is not counted
        made = (
            "import sqlite3, sys; from pathlib import Path; from benchmarks.gate import CONTRACT\n"
            "from mlflow_fraud.adapters import gx_contract; from mlflow_fraud.settings import load_contract\n"
            "frame = gx_contract._read(Path(sys.argv[1]), load_contract(CONTRACT))\n"
            "frame.to_sql('payments', sqlite3.connect(sys.argv[2]), index=False, chunksize=100_000)\n"
        )
        subprocess.run([sys.executable, "-c", made, str(folder / "rows.parquet"), str(file)], check=True)
    sqlite3.connect(file).close()
    context = _context()
    source = context.data_sources.add_sqlite("s", connection_string=f"sqlite:///{file}")
    return _run(
        context, source.add_table_asset("rows", table_name="payments").add_batch_definition_whole_table("all"), {}
    )


def _context() -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


def _run(context: Any, batch: Any, parameters: dict[str, Any]) -> str:
    import great_expectations as gx

    rules = {rule.name: rule for rule in rules_of(load_contract(CONTRACT)) if rule.of == "rows"}
    rules = {name: rule for name, rule in rules.items() if not name.endswith("is of its type")}
    suite = context.suites.add(gx.ExpectationSuite(name="rows", expectations=gx_contract._suite(rules)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="rows", data=batch, suite=suite))
    start, busy = time.perf_counter(), time.process_time()
    outcome = definition.run(batch_parameters=parameters or None, result_format={"result_format": "SUMMARY"})
    failed = sum(not result.success for result in outcome.results)
    held = f"{len(outcome.results) - failed} of {len(outcome.results)} rules hold"
    return f"{held}|{time.perf_counter() - start}|{time.process_time() - busy}"


STEPS: dict[str, Callable[[Path], str]] = {
    "read the CSV file": _reading,
    "evidence, a line a batch (Polars)": _evidence,
    WHOLE: _whole,
}
ENGINES: dict[str, Callable[[Path], str]] = {
    "pandas, text as `str` (ours)": _pandas(lambda frame: frame),
    "pandas, text as `object`": _pandas(
        lambda frame: frame.astype(dict.fromkeys(frame.columns[frame.dtypes == "str"], object))
    ),
    "pandas, Arrow types": _pandas(lambda frame: frame.convert_dtypes(dtype_backend="pyarrow")),
    "SQLite": _sqlite,
}


if __name__ == "__main__":
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    if len(sys.argv) > 1:
        outcome = {**STEPS, **ENGINES}[sys.argv[1]](Path(sys.argv[2]))
        print(f"{_peak_kib()}|{time.process_time()}|{outcome}")
    else:
        main()

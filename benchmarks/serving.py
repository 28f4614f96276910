"""What the service takes for a payment and how long it is waited for, beside two servers of the same booster.

A third one does nothing: what it takes is the machine's, and the least that there is.
`make bench-serving` prints the table and draws the curve of `docs/serving.md`. Each server has one and the same core,
the client another one; they take turns. `BENCH_SECONDS=2` is quicker. Latencies are from when a request was due.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import polars as pl
import psutil

from benchmarks.open_loop import Seen, beginning
from benchmarks.opponents import everybodys_server, idle_server, mlflow_server
from benchmarks.served_place import Place, place_in
from benchmarks.serving_page import Load, picture
from benchmarks.table import Line, seconds
from mlflow_fraud.environment import Environment
from mlflow_fraud.serving.scored_features import score_features
from tests.serving.service_process import Place as Served
from tests.serving.service_process import running_service

T = TypeVar("T")

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
PAST = int(os.environ.get("BENCH_ROWS", "200000"))
RATES = (100, 200, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000)
MOST = 5_000
"""So many payments a second are made ready for the one who is asked for as many as it can."""

BATCH, BATCHES = 1_000, 5
WARM = 500
POLL = float(Environment.model_fields["poll_seconds"].default)
"""So often the service looks for a newer release, as shipped."""

PICTURE = Path("docs/images/serving.png")
OURS, CALM, BEHIND = "ours", "ours, no alerts", "did not keep up with fewer"
WANTED = {200: "p99 3 ms, .30 ms of CPU", 1_000: "p99 5 ms"}


@dataclass
class Side:
    """One who answers: its process, where it is asked, and the lines that it is sent, from `sent` on."""

    name: str
    process: int
    port: int
    path: str
    lines: Path
    again: bool
    sent: int = 0

    def __post_init__(self) -> None:
        with self.lines.open() as lines:
            self.number = sum(1 for _ in lines)

    def under(self, rate: float, number: int) -> Load:
        """Return what became of so many requests at a rate, or as many as it can take where that is 0."""
        if self.again and self.sent + number > self.number:
            self.sent = 0  # who remembers nothing may be asked the same again
        number = min(number, self.number - self.sent)
        before = self._processor()
        seen = _sent(self.lines, self.sent, number, self.port, self.path, rate)
        self.sent += number
        return Load(self.name, rate, (self._processor() - before) / max(seen.answered, 1) * 1e3, seen)

    def _processor(self) -> float:
        """Return the processor's seconds of the process and its children."""
        first = psutil.Process(self.process)
        times = [each.cpu_times() for each in (first, *first.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))


def main() -> None:
    """Print the table, and draw the curve."""
    needed = int(SECONDS * (sum(RATES) + MOST)) + sum(map(beginning, RATES)) + WARM + BATCH * BATCHES
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        place = place_in(Path(folder), PAST, needed)
        os.sync()  # or the disk is busy with it while answers wait for the record
        sides = [
            opened.enter_context(side) for side in (_ours(place), _mlflow(place), _everybodys(place), _idle(place))
        ]
        for side in sides:
            side.under(0, WARM)
        print("| measured | ours | baseline | ratio | wanted |\n| --- | --- | --- | --- | --- |")
        loads: list[Load] = []
        for rate in RATES:
            number = int(rate * SECONDS) + beginning(rate)
            at_once = [side.under(rate, number) for side in sides if _keeps_up(side, loads)]
            loads += at_once
            if rate in WANTED:
                _show(at_a_rate(at_once, rate, [side.name for side in sides[1:]]))
        ours, *theirs = [side.under(0, int(MOST * SECONDS)) for side in sides]
        _show(_most("as many as one core answers, and the CPU of each", [ours, *theirs]))
        with _ours(_where_nothing_is_flagged(place), CALM) as calm:
            calm.under(0, WARM)
            _show(_most("the same, none of them an alert with reasons", [calm.under(0, int(MOST * SECONDS)), *theirs]))
        _show(_batches(sides[0], Path(folder)))
        _show(_given(place))
        PICTURE.write_bytes(picture(loads))


def _show(line: Line) -> None:
    print("| " + " | ".join(line) + " |", flush=True)


def _keeps_up(side: Side, loads: list[Load]) -> bool:
    return all(load.seen.kept_up for load in loads if load.name == side.name)


def at_a_rate(loads: list[Load], rate: int, others: Sequence[str]) -> Line:
    """Return what became of a rate; who did not keep up with a lower one was not asked, and says so."""
    by_name = {load.name: load for load in loads}
    theirs = "; ".join(f"{name}: {by_name.get(name, BEHIND)}" for name in others)
    ours = by_name.get(OURS)
    if ours is None:
        return Line(f"{rate:,} payments a second", BEHIND, theirs, "", WANTED[rate])
    flagged = ours.seen.flagged / max(ours.seen.answered, 1)
    ratio = " · ".join(
        f"{by_name[name].processor / ours.processor:.1f} x" if name in by_name and by_name[name].seen.kept_up else "-"
        for name in others
    )
    name = f"{rate:,} payments a second, {flagged:.1%} alerts with reasons"
    return Line(name, str(ours), theirs, f"{ratio} the CPU", WANTED[rate])


def _most(name: str, loads: list[Load]) -> Line:
    rates = [load.seen.answered / load.seen.seconds for load in loads]
    ours, *theirs = (f"{rate:,.0f}/s at {load.processor:.2f} ms" for rate, load in zip(rates, loads, strict=True))
    told = "; ".join(f"{load.name}: {each}" for load, each in zip(loads[1:], theirs, strict=True))
    ratio = " · ".join(f"{rates[0] / each:.1f} x" for each in rates[1:])
    return Line(name, ours, told, ratio, "3,000/s at .30 ms")


def _batches(ours: Side, folder: Path) -> Line:
    """Return how many rows a second batches have, one after the other."""
    with ours.lines.open() as lines:
        payments = [line.rstrip("\n") for number, line in enumerate(lines) if number >= ours.sent]
    whole = [payments[at : at + BATCH] for at in range(0, BATCH * BATCHES, BATCH)]
    file = folder / "batches.jsonl"
    file.write_text("".join(f"[{','.join(rows)}]\n" for rows in whole))
    side = Side(ours.name, ours.process, ours.port, "/v1/score/batch", file, again=False)
    loads = [side.under(0, 1) for _ in range(BATCHES)]
    best = min(load.seen.p50 for load in loads) / 1e3
    name = f"a batch of {BATCH:,}, features and record, the best of {BATCHES}"
    return Line(name, f"{BATCH / best:,.0f} rows/s", "", "", "10,000 rows/s")


def _given(place: Place) -> Line:
    """Return how many rows of given features a second `mlflow-fraud score --features` has, on all cores."""
    here: Any = SimpleNamespace(release_store=str(place.releases), s3_endpoint_url="")
    number = pl.scan_parquet(place.features).select(pl.len()).collect().item()
    taken = seconds(lambda: score_features(here, place.features, lambda line: None))
    name = f"a table of {number:,} rows of features, its reading and writing and the model's loading included"
    return Line(name, f"{number / taken:,.0f} rows/s", "", "", "100,000 rows/s")


@contextmanager
def _ours(place: Place, name: str = OURS) -> Iterator[Side]:
    served = Served(str(place.releases), "", dict(os.environ) | {"FRAUD_CLOCK": "stream"})
    with started(running_service(served, place.record.parent, poll_seconds=POLL)) as service:
        yield Side(name, service.process.pid, service.port, "/v1/score", place.payments, again=False)


def _where_nothing_is_flagged(place: Place) -> Place:
    return place._replace(releases=place.calm / place.releases.name, record=place.calm / place.record.name)


@contextmanager
def _mlflow(place: Place) -> Iterator[Side]:
    with started(mlflow_server(place.model)) as (process, port):
        yield Side("`mlflow models serve`", process, port, "/invocations", place.for_mlflow, again=True)


@contextmanager
def _everybodys(place: Place) -> Iterator[Side]:
    with started(everybodys_server(place.booster)) as (process, port):
        yield Side("FastAPI", process, port, "/score", place.for_everybodys, again=True)


@contextmanager
def _idle(place: Place) -> Iterator[Side]:
    with started(idle_server()) as (process, port):
        yield Side("no work", process, port, "/", place.payments, again=True)


def _sent(lines: Path, first: int, number: int, port: int, path: str, rate: float) -> Seen:
    """Return what a client in a process of its own saw, on the last core."""
    command = [sys.executable, "-m", "benchmarks.open_loop"]
    words = (lines, first, number, port, path, rate)
    with _on_a_core(-1):
        done = subprocess.run([*command, *map(str, words)], check=True, capture_output=True, text=True)
    return Seen(*json.loads(done.stdout))


@contextmanager
def started(server: AbstractContextManager[T]) -> Iterator[T]:
    """Start a server on the first core; this process stays where it was."""
    with ExitStack() as opened:
        with _on_a_core():
            found = opened.enter_context(server)
        yield found


@contextmanager
def _on_a_core(place: int = 0) -> Iterator[None]:
    """Let what is started in the block have one core, where a process can be told which."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(every)[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


if __name__ == "__main__":
    main()

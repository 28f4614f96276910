"""A file of a gigabyte is read whole, in memory that is three times its size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.conftest import ROOT

READ = """
import resource, sys
from pathlib import Path
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.settings import load_contract
rows = read_batches([Path(sys.argv[1])], load_contract(Path("data/contracts/sparkov.yaml")))
print(len(rows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
GIB = 2**30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def large(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A file of made-up payments, two months at a time until it has 1 GiB, and how many they are."""
    plan = SimulationPlan(start=date(2019, 1, 1), days=60, transactions=600_000, cards=4000, merchants=800)
    file, rows = tmp_path / "feed.csv", 0
    try:
        with file.open("wb") as sink:
            while sink.tell() < GIB:
                month = simulate(plan)
                month.write_csv(sink, include_header=rows == 0)
                rows += len(month)
                plan = plan.following(60)
        yield file, rows
    finally:
        file.unlink()


def test_a_file_of_a_gib_is_read_whole_in_less_than_3(large: tuple[Path, int]) -> None:
    file, rows = large
    command = [sys.executable, "-c", READ, str(file)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    read, peak = map(int, ended.stdout.split())
    assert read == rows
    assert peak < 3 * GIB

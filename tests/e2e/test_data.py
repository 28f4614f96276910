"""Raw batches come in one after the other, are told apart, pinned, and shared through a remote."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import copied
from tests.e2e.desk import Desk
from tests.s3_server import S3Server, s3_server

__all__ = ["s3_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def fresh(with_months: Path, tmp_path: Path) -> Desk:
    """A clone with its first batch, and the two months after it in `.local/stream/stable`."""
    return copied(with_months, tmp_path)


def months(desk: Desk) -> list[Path]:
    return sorted(desk.path(".local/stream/stable").glob("*.csv"))


def add(desk: Desk, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return desk.tries("mlflow-fraud", "data", "add", str(file), "--dataset", "simulated", *options)


def test_a_month_is_held_against_the_ones_before_and_pinned_with_the_commands_to_go_on(fresh: Desk) -> None:
    added = add(fresh, months(fresh)[0])

    assert added.returncode == 0, added.stderr
    assert "rows with what was pinned" in added.stdout
    assert f"git checkout -b data-{months(fresh)[0].stem}" in added.stdout
    assert fresh.path(f"data/raw/simulated/{months(fresh)[0].name}.dvc").is_file()
    assert "as pinned" in add(fresh, months(fresh)[0]).stdout


def test_a_batch_that_reaches_back_is_refused_unless_it_is_meant(fresh: Desk) -> None:
    first, second, *_ = months(fresh)
    assert add(fresh, second).returncode == 0

    refused = add(fresh, first)

    assert refused.returncode == 1
    assert "before the end of what is pinned" in refused.stderr
    assert "add --backwards if they are meant" in refused.stderr
    assert not fresh.path(f"data/raw/simulated/{first.name}").exists()
    meant = add(fresh, first, "--backwards")
    assert meant.returncode == 0, meant.stderr


def test_a_check_writes_the_gates_pages_and_pins_nothing(fresh: Desk) -> None:
    first = months(fresh)[0]
    checked = fresh.does("mlflow-fraud", "data", "check", str(first), "--dataset", "simulated")
    assert "**sparkov passed: " in checked
    assert "**sparkov passed: " in fresh.path(".local/gate/summary.md").read_text()
    assert fresh.path(".local/gate/index.html").is_file()
    assert fresh.does("git", "status", "--porcelain").strip() == ""

    bad = fresh.path("bad.csv")
    bad.write_text(first.read_text().replace(",grocery_pos,", ",Jennifer,"))
    refused = fresh.tries("mlflow-fraud", "data", "check", str(bad), "--dataset", "simulated")
    assert refused.returncode == 1
    assert "category is a known value" in refused.stderr
    assert "Jennifer" not in refused.stdout + refused.stderr + fresh.path(".local/gate/report.json").read_text()


def test_rows_from_the_future_are_refused(fresh: Desk) -> None:
    text = months(fresh)[0].read_text()
    later = fresh.path("later.csv")
    later.write_text(text.replace(",2019-", ",2034-"))

    refused = add(fresh, later)

    assert refused.returncode == 1
    assert "in the future; correct the feed's clock" in refused.stderr


def test_the_log_has_a_line_for_each_batch(fresh: Desk) -> None:
    assert add(fresh, months(fresh)[0]).returncode == 0
    heads, first, second = fresh.does("mlflow-fraud", "data", "log", "simulated").splitlines()
    assert heads.split() == ["batch", "from", "to", "rows", "fraud", "rate", "md5", "commit"]
    assert first.split()[1:3] == ["2019-01-01", "2019-08-28"]
    assert first.split()[-1] == fresh.does("git", "log", "-1", "--format=%h").strip()
    assert second.endswith("not committed")


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_second_clone_pulls_what_the_first_one_pushed(
    kind: str, fresh: Desk, tmp_path: Path, s3_server: S3Server
) -> None:
    def use_remote(desk: Desk) -> None:
        url = str(tmp_path / "remote") if kind == "folder" else f"s3://{s3_server.bucket}/dvc"
        desk.does("dvc", "remote", "add", "--local", "--default", "store", url)
        desk.does("dvc", "remote", "modify", "--local", "store", "verify", "true")
        if kind == "s3":
            desk.does("dvc", "remote", "modify", "--local", "store", "endpointurl", s3_server.endpoint_url)
            desk.environ |= s3_server.environment()

    assert add(fresh, months(fresh)[0]).returncode == 0
    fresh.does("git", "add", "--all")
    fresh.does("git", "commit", "--quiet", "--message", "Data: one more month")
    use_remote(fresh)
    fresh.does("dvc", "push")

    fresh.does("git", "clone", "--quiet", str(fresh.folder), str(tmp_path / "second"))
    second = Desk(tmp_path / "second")
    use_remote(second)
    before = add(second, months(fresh)[1])
    second.does("dvc", "pull", "--allow-missing")

    assert before.returncode == 1
    assert "is pinned and not here; `dvc pull` fetches" in before.stderr
    both = [sorted(p.name for p in desk.path("data/raw/simulated").glob("*.csv")) for desk in (fresh, second)]
    assert both[0] == both[1]
    assert len(both[0]) == 2
    assert add(second, months(fresh)[1]).returncode == 0

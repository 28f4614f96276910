"""Take the pictures in docs/images/ again: from a finished `make demo`, real servers, headless Chromium.

Run by `make screenshots`; with `--gate <file, folder or zip>` it takes the gate's first page for those batches alone,
with `--comment` what `make pr-preview` showed last.
Nothing is fetched from elsewhere; every page is served from this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from mlflow_fraud.paths import PREVIEW

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
SIZE = {"width": 1400, "height": 860}
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
MLFLOW_PRESET = """
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
"""


def main() -> None:
    """Start the servers, look at each page, write the pictures."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("error: no Chromium found; install it (Debian: apt-get install chromium) and run again")
    if sys.argv[1:2] == ["--gate"] and len(sys.argv) == 3:
        shoot_gate(browser, Path(sys.argv[2]).absolute())
        return
    if sys.argv[1:] == ["--comment"]:
        shoot_comment(browser)
        return
    if not (ROOT / "data/decision/report.html").is_file():
        sys.exit("error: nothing to show yet; run `make demo` first")
    IMAGES.mkdir(exist_ok=True)
    with mlflow_server() as mlflow, prefect_server() as prefect, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=QUIET)
        context = chromium.new_context(viewport=SIZE)
        context.add_init_script(MLFLOW_PRESET)
        page = context.new_page()
        shoot_mlflow(page, mlflow)
        shoot_prefect(page, prefect)
        shoot_file(page, ROOT / "data/decision/report.html", "report")
        newest = max((ROOT / "data/validation/docs/validations").rglob("*.html"))
        shoot_file(page, newest, "data-docs")
        chromium.close()


def shoot_mlflow(page: Page, url: str) -> None:
    """The runs as charts, and the registered model with its aliases."""
    only_candidates = quote("metrics.threshold > 0 and metrics.validation_f1 > 0")
    page.goto(f"{url}/#/experiments/1/runs?searchFilter={only_candidates}&compareRunsMode=CHART")
    parent = page.get_by_text("training on").first
    parent.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    box = parent.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] - 32, box["y"] + box["height"] / 2)  # the plus that unfolds the candidates
    page.wait_for_timeout(6000)
    shoot(page, "mlflow-runs")
    page.goto(f"{url}/#/models/fraud")
    page.get_by_text("champion").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    shoot(page, "mlflow-models")


def shoot_prefect(page: Page, url: str) -> None:
    """The newest whole run with its subflows."""
    page.goto(f"{url}/runs/flow-run/{newest_retraining(url)}")
    page.get_by_text("training").first.wait_for(timeout=60_000)
    page.wait_for_timeout(4000)
    shoot(page, "prefect-run")


def newest_retraining(url: str) -> str:
    """Return the id of the newest run of the flow `retraining`."""
    body = {"flows": {"name": {"any_": ["retraining"]}}, "sort": "START_TIME_DESC", "limit": 1}
    request = urllib.request.Request(
        f"{url}/api/flow_runs/filter", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)[0]["id"])


def shoot_gate(browser: str, batches: Path) -> None:
    """The gate's first page for some batches in the layout of the Kaggle files."""
    command = ["mlflow-fraud", "data", "check", str(batches), "--dataset", "sparkov", "--to", ".local/gate"]
    subprocess.run(command, cwd=ROOT, check=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=QUIET)
        page = chromium.new_page(viewport={"width": 1100, "height": 380})
        shoot_file(page, ROOT / ".local/gate/index.html", "gate-report")
        chromium.close()


def shoot_comment(browser: str) -> None:
    """The comment of a pull request, down to its curves."""
    page_of_it = ROOT / PREVIEW / "index.html"
    if not page_of_it.is_file():
        sys.exit("error: there is no comment yet; run `make pr-preview` first")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=QUIET)
        page = chromium.new_page(viewport={"width": 1050, "height": 1500})
        shoot_file(page, page_of_it, "pr-comment")
        chromium.close()


def shoot_file(page: Page, file: Path, name: str) -> None:
    """A page from disk."""
    page.goto(file.as_uri())
    page.wait_for_timeout(1500)
    shoot(page, name)


def shoot(page: Page, name: str) -> None:
    """Write the visible part of the page."""
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


@contextmanager
def mlflow_server() -> Iterator[str]:
    """MLflow on the local store; gives its address."""
    port = free_port()
    command = [
        "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{ROOT}/.local/mlflow.db",
        "--artifacts-destination", str(ROOT / ".local/mlflow-artifacts"),
    ]  # fmt: skip
    with serving(command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def prefect_server() -> Iterator[str]:
    """Prefect on the local history; gives its address."""
    port = free_port()
    environ = {"PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api"}
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, environ, f"http://127.0.0.1:{port}/api/health"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(command: list[str], environ: dict[str, str], health: str) -> Iterator[None]:
    """A server for the length of the block, started and answering."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **environ, "PATH": path}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(health)
        yield
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str, seconds: float = 120) -> None:
    """Return when `url` answers; give up after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"error: {url} did not answer within {seconds:.0f} s")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()

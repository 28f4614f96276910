"""The images: what can be read off their files, MLflow's start script as a server, and each of them built and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import mlflow
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mlflow_fraud.adapters.release_store import open_store
from stack.place import free_ports
from tests.conftest import ROOT
from tests.container_engine import BOUNDS, build, built, container, engine, run, started, volume_of
from tests.loopback import wait_for
from tests.serving.conftest import go_live

__all__ = ["engine"]

of_an_engine = pytest.mark.images
TARGETS = ("mlflow", "worker", "api")


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the development packages in the repository."""
    return run(str(Path(sys.executable).with_name(name)), *arguments)


def locked_versions() -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def said_of_project(*extras: str) -> list[str]:
    """Return what the project asks for with some of its extras, as the builder finds it."""
    return run(sys.executable, "docker/wanted", "pyproject.toml", *extras).stdout.splitlines()


def training_tools() -> set[str]:
    """Return what the service may not import, by the contract on the directions of imports."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (rule,) = [rule for rule in rules if rule["name"] == "the service needs no stage and no training tool"]
    return {name for name in rule["forbidden_modules"] if "." not in name}


# Read off the files


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("hadolint", "Dockerfile"), id="Dockerfile"),
        pytest.param(
            ("shellcheck", "docker/serve", "docker/begin", "docker/work", "docker/mlflow-fraud"), id="start scripts"
        ),
        pytest.param(("check-jsonschema", "--builtin-schema=vendor.compose-spec", "compose.yaml"), id="compose file"),
    ],
)
def test_the_linter_finds_nothing(command: tuple[str, ...]) -> None:
    result = tool(*command)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_package_that_the_images_ask_for_is_in_the_lock() -> None:
    packages = re.search(r'^ARG PACKAGES="(.+)"', (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert packages is not None
    asked = [*packages[1].split(), *said_of_project("training", "serving", "postgres", "scale")]

    assert len(asked) > 30
    assert {canonicalize_name(Requirement(each).name) for each in asked} <= {name for name, _ in locked_versions()}


def test_the_base_image_has_a_python_that_we_support() -> None:
    bases = re.findall(r"^FROM python:([\d.]+)-slim", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    assert len(bases) == 2
    assert all(SpecifierSet(supported).contains(version) for version in bases)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_as_no_root_is_watched_and_keeps_what_it_has_in_its_home(target: str) -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    (stage,) = [each for each in stages if re.match(rf"\S+ AS {target}\n", each)]
    said = re.findall(r"^(USER|VOLUME|HEALTHCHECK|ENTRYPOINT|CMD) (.*)", stage, re.MULTILINE)
    told = dict(said)

    assert told["USER"] == "10001:10001"
    assert said.index(("USER", told["USER"])) < min(
        place for place, (word, _) in enumerate(said) if word in ("ENTRYPOINT", "CMD")
    )
    assert re.search(rf"\bHOME={told['VOLUME']}\b", stage)
    assert "CMD [" in told["HEALTHCHECK"]
    assert set(re.findall(r"COPY --from=(\S+)", stage)) == {f"{target}-packages"}
    assert stages[-1].startswith("base AS mlflow\n")  # a build without a target makes it


def test_what_the_service_needs_brings_no_training_tool() -> None:
    found = {"nvidia-nccl-cu12"}  # the lock leaves it out
    asked = [Requirement(line) for line in said_of_project("serving", "postgres")]
    while asked:
        each = asked.pop()
        name = canonicalize_name(each.name)
        if name not in found:
            found.add(name)
            needs = map(Requirement, metadata.requires(name) or [])
            extras = ("", *each.extras)
            asked += [
                need for need in needs if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in extras)
            ]

    assert {"fastapi", "xgboost", "psycopg-binary"} <= found
    assert found & {*training_tools(), "scikit-learn", "pyarrow", "onnx"} == set()


# What the builder fetches


@pytest.fixture
def fetching() -> ModuleType:
    """The builder's script as a module."""
    loader = SourceFileLoader("fetch", str(ROOT / "docker/fetch"))
    return loader.load_module()


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as inside:
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
        inside.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(lines) + "\n")


LOCK = """\
cards==1.0 \\
    --hash=sha256:00
elsewhere==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:00
huge==1.0 ; sys_platform == 'never' \\
    --hash=sha256:00
money==2.0 \\
    --hash=sha256:00
"""


@pytest.fixture
def shop(fetching: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Fetch from a lock of four packages and an index of what is said; return the files that came."""
    (tmp_path / "lock").write_text(LOCK)

    def fetch(index: dict[str, tuple[str, ...]], *roots: str) -> set[str]:
        wheels = Path(tempfile.mkdtemp(dir=tmp_path))

        def download(entries: list[str], folder: Path) -> set[Path]:
            before = set(folder.glob("*.whl"))
            for entry in entries:
                name, version = entry.split()[0].split("==")
                wheel(folder, name, version, *index[name])
            return set(folder.glob("*.whl")) - before

        monkeypatch.setattr(fetching, "download", download)
        fetching.main(str(tmp_path / "lock"), str(wheels), *roots)
        bill = json.loads((wheels / "sbom.json").read_text())
        named = {f"{part['name']}-{part['version']}-py3-none-any.whl" for part in bill["components"]}
        assert named == {path.name for path in wheels.glob("*.whl")}
        return {part["name"] for part in bill["components"]}

    return fetch


def test_a_package_comes_with_all_that_it_needs_here(shop: Callable[..., set[str]]) -> None:
    index = {"cards": ("money>=1", "elsewhere; sys_platform == 'win32'", "huge"), "money": ()}
    assert shop(index, "cards") == {"cards", "money"}


def test_an_extra_that_is_asked_for_comes_too(shop: Callable[..., set[str]]) -> None:
    index = {"cards": ("money; extra == 'paid'",), "money": ()}
    assert shop(index, "cards") == {"cards"}
    assert shop(index, "cards[paid]") == {"cards", "money"}


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        pytest.param("money>=3", "money>=3 is needed, requirements.lock has money-2.0", id="another version"),
        pytest.param("coins", "coins is needed and requirements.lock does not have it", id="not locked"),
    ],
)
def test_what_the_lock_does_not_have_stops_the_build(shop: Callable[..., set[str]], needs: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        shop({"cards": (needs,), "money": ()}, "cards")


def test_the_lock_has_one_version_of_each_package_for_this_machine(fetching: ModuleType) -> None:
    locked = fetching.read_lock(ROOT / "requirements.lock")

    assert len(locked) > 200
    assert fetching.left_out(ROOT / "requirements.lock") == {"nvidia-nccl-cu12"}
    assert all("--hash=sha256:" in entry for entry in locked.values())


# The start script, run here as it is in the image

PASSWORD = "only-for-this-test"
SEARCH = "/mlflow/experiments/search"
JSON = {"Content-Type": "application/json"}


def says(user: str, password: str) -> dict[str, str]:
    """Return the header by which a client says who it is."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run the image's start script with the development environment's MLflow and yield the server's address."""
    (port,) = free_ports(1)
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [str(ROOT / "docker/serve"), "--host=127.0.0.1", f"--port={port}", *options]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has names of its own and asks who you are, as compose.yaml starts it."""
    login = {"MLFLOW_AUTH_ADMIN_USERNAME": "fraud", "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD}
    login |= {"MLFLOW_FLASK_SERVER_SECRET_KEY": "signs-what-it-hands-out"}
    names = {"MLFLOW_SERVER_ALLOWED_HOSTS": "runs.bank.example:5000, *.lab.example"}
    with served(tmp_path_factory.mktemp("served"), "--app-name", "basic-auth", **login, **names) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost:5000", 200),
        ("127.0.0.1:5000", 200),
        ("mlflow:5000", 200),
        ("runs.bank.example:5000", 200),
        ("a.lab.example", 200),
        ("elsewhere.example:5000", 403),
        ("10.elsewhere.example", 403),  # MLflow's own default lets this one through
    ],
)
def test_the_server_answers_to_its_names_only(server: str, name: str, status: int) -> None:
    assert status_of(server, Host=name, **says("fraud", PASSWORD)) == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:5000", 200),
        ("http://mlflow:5000", 200),
        ("https://runs.bank.example:5000", 200),
        ("http://elsewhere.example", 403),
    ],
)
def test_a_page_of_another_origin_can_change_nothing(server: str, origin: str, status: int) -> None:
    who = says("fraud", PASSWORD)
    assert status_of(f"{server}/ajax-api/2.0{SEARCH}", b'{"max_results": 1}', Origin=origin, **JSON, **who) == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param({}, 401, id="nobody"),
        pytest.param(says("fraud", "guessed-guessed"), 401, id="another password"),
        pytest.param(says("admin", PASSWORD), 401, id="another user"),
        pytest.param(says("fraud", PASSWORD), 200, id="the user"),
    ],
)
def test_a_server_with_a_login_shows_nothing_without_the_password(
    server: str, who: dict[str, str], status: int
) -> None:
    assert status_of(f"{server}/api/2.0{SEARCH}", b'{"max_results": 1}', **JSON, **who) == status
    assert status_of(f"{server}/health") == 200


# The images


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest, engine: str) -> tuple[str, str]:
    """A target and its image."""
    return request.param, built(engine, request.param)


@pytest.fixture(scope="module")
def image(engine: str) -> str:
    """The image that a build makes where no target is named."""
    name = "mlflow-fraud:test"
    ended = build(engine, "-t", name, ".")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return name


@pytest.fixture
def volume(engine: str) -> Iterator[str]:
    with volume_of(engine) as name:
        yield name


def mlflow_at(engine: str, image: str, volume: str) -> AbstractContextManager[tuple[str, str]]:
    return container(engine, image, 5000, "/health", "-v", f"{volume}:/mlflow")


@of_an_engine
@pytest.mark.timeout(1800)
def test_a_run_and_its_artifact_outlive_the_container(engine: str, image: str, volume: str, tmp_path: Path) -> None:
    with mlflow_at(engine, image, volume) as (name, url):
        client = mlflow.MlflowClient(url)
        made = client.create_run(client.create_experiment("fraud"), run_name="xgboost").info.run_id
        client.log_metric(made, "f1", 0.94)
        client.log_text(made, "threshold 0.42\n", "notes/threshold.txt")
        assert run(engine, "stop", name).returncode == 0
        assert run(engine, "inspect", "--format={{.State.ExitCode}}", name).stdout.strip() == "0"  # not killed

    with mlflow_at(engine, image, volume) as (_, url):
        client = mlflow.MlflowClient(url)
        assert client.get_run(made).data.metrics == {"f1": 0.94}
        fetched = client.download_artifacts(made, "notes/threshold.txt", str(tmp_path))
        assert Path(fetched).read_text() == "threshold 0.42\n"


@of_an_engine
@pytest.mark.timeout(1800)
def test_the_container_serves_mlflows_page(engine: str, image: str, volume: str) -> None:
    with mlflow_at(engine, image, volume) as (name, url):
        page = urllib.request.urlopen(f"{url}/").read().decode()
        scripts = re.findall(r'src="(?:\./)?([^"]+\.js)"', page)
        assert "<title>MLflow</title>" in page
        assert [status_of(f"{url}/{script}") for script in scripts] == [200] * len(scripts) != []

        assert run(engine, "exec", name, "id", "-u").stdout.strip() == "10001"
        assert run(engine, "exec", name, "healthy", "5000", "/health").returncode == 0
        assert run(engine, "exec", name, "healthy", "5001", "/health").returncode == 1


@of_an_engine
@pytest.mark.timeout(1800)
def test_the_container_asks_for_the_login_that_compose_gives_it(engine: str, image: str, volume: str) -> None:
    signs, given = "MLFLOW_FLASK_SERVER_SECRET_KEY=signs-what-it-hands-out", f"MLFLOW_AUTH_ADMIN_PASSWORD={PASSWORD}"
    login = ["-e", signs, "-e", given, "-e", "MLFLOW_AUTH_ADMIN_USERNAME=fraud"]
    places = ["-v", f"{volume}:/mlflow", *login]
    with container(engine, image, 5000, "/health", *places, command=["--app-name", "basic-auth"]) as (_, url):
        asked = f"{url}/api/2.0{SEARCH}", b'{"max_results": 1}'
        assert status_of(*asked, **JSON) == 401
        assert status_of(*asked, **JSON, **says("fraud", PASSWORD)) == 200


@of_an_engine
@pytest.mark.timeout(1800)
def test_an_image_is_of_locked_packages_not_roots_and_has_nothing_to_build_with(
    engine: str, target: tuple[str, str]
) -> None:
    look = (
        "import importlib.metadata as m, json, os, shutil;"
        "print(json.dumps([sorted((d.name, d.version) for d in m.distributions()), os.getuid(),"
        "[name for name in ('pip', 'gcc', 'cc', 'make') if shutil.which(name)],"
        "json.load(open('/opt/venv/sbom.json'))['components'], os.access('/opt/venv', os.W_OK)]))"
    )
    said = run(engine, "run", "--rm", *BOUNDS, "--entrypoint=python", target[1], "-c", look).stdout
    packages, user, builders, bill, writable = json.loads(said.splitlines()[-1])

    pairs = {(canonicalize_name(package), version) for package, version in packages}
    assert len(pairs) > 40
    assert pairs <= locked_versions()
    assert pairs == {(part["name"], part["version"]) for part in bill}
    assert (user, builders, writable) == (10001, [], False)


@of_an_engine
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("target", "volume_at", "ports", "check"),
    [
        ("mlflow", "/mlflow", {"5000/tcp"}, "healthy"),
        ("worker", "/worker", set(), "working"),
        ("api", "/service", {"8000/tcp"}, "healthy"),
    ],
)
def test_an_image_declares_its_volume_port_user_and_health_check(
    engine: str, target: str, volume_at: str, ports: set[str], check: str
) -> None:
    about = json.loads(run(engine, "image", "inspect", built(engine, target)).stdout)[0]
    config = about["Config"]

    assert set(config["Volumes"]) == {volume_at}
    assert set(config.get("ExposedPorts") or ()) == ports
    assert config["User"] == "10001:10001"
    assert check in (config.get("Healthcheck") or about["Healthcheck"])["Test"]  # podman has it one level up


@of_an_engine
@pytest.mark.timeout(1800)
def test_the_service_answers_and_has_no_training_tool(engine: str, volume: str, tmp_path: Path) -> None:
    image = built(engine, "api")
    kept = next((ROOT / "tests/releases/format-5/releases").glob("xgboost-*"))
    go_live(open_store(str(tmp_path / "live")), open_store(str(kept.parents[1])).fetch(kept.name))
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    places = ["-v", f"{volume}:/service", "-v", f"{tmp_path / 'live'}:/live:ro", "-e", "FRAUD_RELEASE_STORE=/live"]
    added = run(engine, "run", "--rm", *BOUNDS, *places, image, "keys", "add", "ann", "--scope", "score")
    (key,) = [line for line in added.stdout.splitlines() if " " not in line.strip() and len(line) > 30]
    imports = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    tools = sorted({*training_tools(), "pyarrow", "onnx"})

    with container(engine, image, 8000, "/readyz", *places) as (name, url):
        body = (ROOT / "docs/transaction.json").read_bytes()
        headers = {"Authorization": f"Bearer {key.strip()}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{url}/v1/score", body, headers)
        with urllib.request.urlopen(asked) as answered:
            assert 0 <= json.load(answered)["probability"] <= 1
        assert status_of(f"{url}/v1/score", body) == 401
        assert run(engine, "exec", name, "python", "-c", imports, *tools).stdout.strip() == "[]"
        assert run(engine, "exec", name, "healthy", "8000", "/livez").returncode == 0


@of_an_engine
@pytest.mark.timeout(1800)
def test_the_service_does_not_start_without_a_key(engine: str, volume: str) -> None:
    refused = run(engine, "run", "--rm", *BOUNDS, "-v", f"{volume}:/service", built(engine, "api"))

    assert refused.returncode == 1
    assert "expected a valid API key in .local/api-keys.json to listen on 0.0.0.0" in refused.stderr


@of_an_engine
@pytest.mark.timeout(1800)
def test_a_worker_without_a_repository_says_what_it_needs(engine: str, volume: str) -> None:
    refused = run(engine, "run", "--rm", *BOUNDS, "-v", f"{volume}:/worker", built(engine, "worker"))

    assert refused.returncode == 1
    assert "expected GIT_REMOTE, or a repository with a commit mounted at /checkout; found neither" in refused.stderr


@of_an_engine
@pytest.mark.timeout(1800)
def test_a_worker_clones_the_checkout_and_registers_at_prefects_server(
    engine: str, volume: str, tmp_path: Path
) -> None:
    image, checkout = built(engine, "worker"), tmp_path / "checkout"
    cloned = run("git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), str(checkout))  # as CI has it
    assert cloned.returncode == 0, cloned.stderr
    login = f"fraud:{PASSWORD}"
    command = ["prefect", "server", "start", "--host", "0.0.0.0", "--port", "4200"]
    told = ["-e", "PREFECT_HOME=/worker/prefect", "-e", f"PREFECT_SERVER_API_AUTH_STRING={login}"]
    with (
        volume_of(engine) as history,
        container(
            engine, image, 4200, "/api/health", "-v", f"{history}:/worker", *told, command=command
        ) as (server, url),
        started(
            engine, image, f"--network=container:{server}", "-v", f"{volume}:/worker", "-v", f"{checkout}:/checkout:ro",
            "-e", "PREFECT_API_URL=http://127.0.0.1:4200/api", "-e", f"PREFECT_API_AUTH_STRING={login}",
        ) as worker,
    ):  # fmt: skip
        assert status_of(f"{url}/api/work_pools/filter", b"{}", **JSON) == 401
        until = time.monotonic() + 600
        while run(engine, "exec", worker, "working").returncode != 0:
            assert time.monotonic() < until, run(engine, "logs", worker)
            time.sleep(2)

        pools = urllib.request.Request(f"{url}/api/work_pools/filter", b"{}", {**JSON, **says("fraud", PASSWORD)})
        with urllib.request.urlopen(pools) as answered:
            assert [each["status"] for each in json.load(answered) if each["name"] == "fraud"] == ["READY"]
        assert run(engine, "exec", worker, "git", "-C", "/worker/checkout", "status", "--short").stdout == ""
        assert run(engine, "exec", worker, "id", "-u").stdout.strip() == "10001"


@of_an_engine
@pytest.mark.timeout(1800)
def test_a_volume_of_another_user_stops_the_container_with_what_to_do(engine: str, image: str, volume: str) -> None:
    refused = run(engine, "run", "--rm", "--user=12345", "-v", f"{volume}:/mlflow", image)

    assert refused.returncode == 1
    assert "/mlflow must be writable for user 12345, but belongs to user 10001" in refused.stderr


@of_an_engine
@pytest.mark.timeout(600)
def test_a_file_whose_hash_is_not_in_the_lock_is_not_installed(engine: str, tmp_path: Path) -> None:
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    lock = (ROOT / "requirements.lock").read_text()
    entry = re.search(r"^click==.*\n(?: +--hash.*\n)+", lock, re.MULTILINE)
    assert entry is not None
    (tmp_path / "requirements.lock").write_text(lock.replace(entry[0], re.sub("sha256:..", "sha256:00", entry[0])))

    ended = build(engine, "--target=mlflow-packages", "--build-arg=PACKAGES=click", str(tmp_path))

    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert "click" in said
    assert "error: a package could not be had as requirements.lock says; lock again and build" in said


def status_of(url: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status that a request for `url` is answered with."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code

"""What the sentences of the pages name in ticks is there: options, endpoints, keys of settings, variables."""

from __future__ import annotations

import re

import pytest

from mlflow_fraud.environment import PREFIX, Environment
from mlflow_fraud.settings import Params
from tests.conftest import ROOT
from tests.pages import PAGES
from tests.test_docs_places import settings_of

OF_OTHER_TOOLS = {
    "--all",
    "--allow-missing",
    "--app-name",
    "--comment",
    "--gate",
    "--no-prompt",
    "--ours",
    "--param",
    "--single-item",
}
COMMANDS = (ROOT / "docs/commands.md").read_text()
SERVING = (ROOT / "docs/serving.md").read_text()
KEYS = [key for key, _ in settings_of(Params)]
SECTIONS = {key.partition(".")[0] for key in KEYS}
FILE = re.compile(r"\.(py|json|yaml|lock|md|csv|parquet|zip|html|toml)$")
IN_TICKS = {
    page.relative_to(ROOT).as_posix(): re.findall(
        r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    )
    for page in PAGES
}


def is_key(said: str) -> bool:
    """Return whether a dotted name leads to a setting, or to a section of some."""
    pattern = re.escape(said).replace("<candidate>", r"\w+")
    return any(re.match(rf"{pattern}(\.|\[\]|$)", key) for key in KEYS)


@pytest.mark.parametrize("page", IN_TICKS)
def test_every_option_is_one_of_a_command(page: str) -> None:
    said = {word for span in IN_TICKS[page] for word in re.findall(r"(?<!\S)--[a-z][a-z-]*", span)}
    there = set(re.findall(r"--[a-z][a-z-]*", COMMANDS))
    benches = "\n".join(path.read_text() for path in (ROOT / "benchmarks").glob("*.py"))
    there |= set(re.findall(r'"(--[a-z][a-z-]*)" in arguments', benches))
    assert said - there - OF_OTHER_TOOLS == set()


@pytest.mark.parametrize("page", IN_TICKS)
def test_every_endpoint_is_one_of_the_service(page: str) -> None:
    said = {path for span in IN_TICKS[page] for path in re.findall(r"(?:(?<=\s)|^)(/v\d[\w/{}]*)", span)}
    assert {path for path in said if f"{path}`" not in SERVING} == set()


@pytest.mark.parametrize("page", IN_TICKS)
def test_every_dotted_name_that_begins_like_a_setting_is_one(page: str) -> None:
    text = (ROOT / page).read_text()
    said = {span.partition("=")[0] for span in IN_TICKS[page] if re.match(r"\w+\.[\w.<>\[\]]+(=|$)", span)}
    said |= set(re.findall(r"(?:-S|--set-param) \+?([\w.]+)=", text))
    keys = {each for each in said if each.partition(".")[0] in SECTIONS and not FILE.search(each)}
    assert {key for key in keys if not is_key(key)} == set()


@pytest.mark.parametrize("page", IN_TICKS)
def test_every_variable_of_ours_is_one(page: str) -> None:
    said = set(re.findall(rf"\b{PREFIX}[A-Z0-9_]+\b", (ROOT / page).read_text()))
    assert said - {PREFIX + field.upper() for field in Environment.model_fields} == set()


def test_a_word_that_is_none_is_seen() -> None:
    assert not is_key("compare.bootstraps")
    assert not is_key("costs.alarms_per_day")
    assert is_key("train.<candidate>")
    assert is_key("evaluate.prequential")

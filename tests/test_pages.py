"""Every block of the pages says what it is, and each line of shell is made of words that there are.

That the lines work is told by tests/e2e/test_pages.py, which types them.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest
import typer
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from typer.core import TyperGroup
from typer.exceptions import TyperException

from mlflow_fraud.cli import app
from tests.conftest import ROOT
from tests.e2e.test_pages import ELSEWHERE, ORDER
from tests.pages import (
    OF_THE_MACHINE,
    PAGES,
    PROGRAMS,
    Block,
    Command,
    blocks,
    commands,
    every_shell_block,
    mistake,
    page_blocks,
)

EVERY = [block for page in PAGES for block in page_blocks(page)]
TYPED = [command for block in every_shell_block() for command in commands(block)]
SYNOPSES = [
    line for block in EVERY if block.language == "text" for line in block.text.splitlines() if "mlflow-fraud " in line
]
OURS = typer.main.get_command(app)


def of_ours(words: list[str]) -> str | None:
    """Return what our command line says against words, without doing what they say."""
    name, command, rest = "mlflow-fraud", OURS, words
    try:
        while isinstance(command, TyperGroup):
            name, command, rest = command.resolve_command(command.make_context(name, [*rest]), rest)
        command.make_context(name, [*rest])
    except TyperException as error:
        return str(error)
    return None


def of_make(words: list[str]) -> str | None:
    """Return which goal or variable the Makefile does not have."""
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, gives, _ = word.partition("=")
        if f"$({name})" not in makefile if gives else not re.search(rf"^{name}:.*## ", makefile, re.MULTILINE):
            return f"the Makefile has no {name}"
    return None


def of_python(words: list[str]) -> str | None:
    """Return which module or file is not there."""
    there = importlib.util.find_spec(words[1]) if words[0] == "-m" else (ROOT / words[0]).is_file()
    return None if there else f"no {' '.join(words[:2])}"


def of_dvc(words: list[str]) -> str | None:
    """Return what DVC's own parser says against words."""
    with suppress(DvcParserError):
        get_main_parser().parse_args(words)
        return None
    return f"dvc does not take {words}"


def of_git(words: list[str]) -> str | None:
    """Return which command git does not have."""
    known = subprocess.run(["git", "--list-cmds=main"], capture_output=True, text=True, check=True).stdout.split()
    return None if words[0] in known else f"git has no {words[0]}"


def of_prefect(words: list[str]) -> str | None:
    """Return nothing: each of its lines is typed at a worker, tests/e2e/test_worker.py."""
    return None


ANSWERS: dict[str, Callable[[list[str]], str | None]] = {
    "mlflow-fraud": of_ours,
    "make": of_make,
    "python": of_python,
    "dvc": of_dvc,
    "git": of_git,
    "prefect": of_prefect,
}


def wrong(text: str) -> list[str]:
    """Return what is wrong with the words of a command, part by part."""
    words: list[list[str]] = [[]]
    for word in shlex.split(text, comments=True):
        if word in {"&&", "|", "&"} or word.endswith(";"):
            words[-1] += [word[:-1]] if word.endswith(";") else []
            words.append([])
        else:
            words[-1].append(word)
    found = []
    for program, *rest in filter(None, words):
        name = program.removeprefix(".venv/bin/")
        if name not in OF_THE_MACHINE:
            said = ANSWERS[name](rest[: rest.index(">")] if ">" in rest else rest) if name in ANSWERS else "unknown"
            found += [f"{program}: {said}"] if said else []
    return found


def test_each_program_is_asked_or_is_one_of_the_machine() -> None:
    assert ANSWERS.keys() | OF_THE_MACHINE == PROGRAMS


def test_every_block_has_a_language_and_a_shell_block_exactly_the_tags_that_there_are() -> None:
    assert [wrong for block in EVERY if (wrong := mistake(block))] == []


@pytest.mark.parametrize("command", TYPED, ids=lambda command: command.where)
def test_every_command_is_whole_and_made_of_words_that_there_are(command: Command) -> None:
    parsed = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert wrong(command.text) == []


@pytest.mark.parametrize("synopsis", SYNOPSES)
def test_every_word_of_a_synopsis_is_one(synopsis: str) -> None:
    """A synopsis shows what may be given: brackets around, strokes between, capitals for a value."""
    one = re.sub(r"\|[\w|]+", "", re.sub(r"[\[\]]", "", synopsis)).replace("SECONDS", "60")
    assert wrong(one) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make demmo", ["make: the Makefile has no demmo"]),
        ("make demo DATUM=a.zip", ["make: the Makefile has no DATUM"]),
        ("mlflow-fraud evaluate --protokol holdout", ["mlflow-fraud: No such option: --protokol"]),
        ("mlflow-fraud data ad a.csv", ["mlflow-fraud: No such command 'ad'. Did you mean 'add'?"]),
        ("python docs/none.py && python -m flows.none", ["python: no docs/none.py", "python: no -m flows.none"]),
        ("dvc pusch", ["dvc: dvc does not take ['pusch']"]),
        ("git pusch; mlfow-fraud show  # so", ["git: git has no pusch", "mlfow-fraud: unknown"]),
    ],
)
def test_a_word_that_is_none_is_told(text: str, said: list[str]) -> None:
    assert wrong(text) == said


@pytest.mark.parametrize(
    "tags", ["", "run run", "run server", "run needs=time", "needs=time server", "needs=luck", "ru"]
)
def test_other_tags_are_a_mistake(tags: str) -> None:
    [block] = blocks(f"```sh {tags}\nls\n```\n", "a.md")
    assert mistake(block) is not None


@pytest.mark.parametrize("tags", ["run", "server", "needs=time", "server needs=docker", "needs=time needs=remote"])
def test_known_tags_are_none(tags: str) -> None:
    [block] = blocks(f"```sh {tags}\nls\n```\n", "a.md")
    assert mistake(block) is None


@pytest.mark.parametrize("opened", ["```", "```python", "```yaml run"])
def test_a_block_of_no_language_of_another_or_with_a_tag_that_says_nothing_is_a_mistake(opened: str) -> None:
    [block] = blocks(f"{opened}\nls\n```\n", "a.md")
    assert mistake(block) is not None


def test_a_block_without_an_end_is_told_by_its_line() -> None:
    with pytest.raises(ValueError, match=r"a\.md:2: the block has no end"):
        blocks("A\n```sh run\nls\n", "a.md")


def test_blocks_are_told_apart_and_keep_their_lines() -> None:
    first, second = blocks("```yaml\na: 1\n```\n\n```sh run\n\nls \\\n  -l  # all\n   # said\nps &\n```\n", "a.md")
    assert first == Block("a.md", 1, "yaml", (), "a: 1\n")
    assert commands(second) == [Command("a.md:7", "ls \\\n  -l  # all"), Command("a.md:10", "ps &")]


def test_the_pages_ask_the_service_at_the_port_that_it_has_when_none_is_given() -> None:
    _, serve, _ = OURS.resolve_command(OURS.make_context("mlflow-fraud", ["serve"]), ["serve"])
    [port] = [option.default for option in serve.params if option.name == "port"]
    asked = {found for command in TYPED for found in re.findall(r"localhost:(\d+)", command.text)}
    assert asked == {str(port)}


def test_every_page_with_something_to_type_is_typed_by_a_test() -> None:
    assert {block.page for block in every_shell_block()} == {*ORDER, *ELSEWHERE}

"""The commands in the sentences of the two pages for whoever keeps it running, and the tests that type them.

A test gets a command from `typed`, with its words as the page has them, so that a page and what was run cannot differ;
tests/test_runbook.py looks for a command that no test types.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT
from tests.pages import PROGRAMS, commands, every_shell_block

PAGES = ("docs/runbook.md", "docs/worker.md")
BESIDE = {"echo", "grep", "mlflow", "pg_dump", "ps", "rm", "unset"}
"""What these pages type beside the programs of the blocks."""
TYPED_NEEDS = {"remote", "terminals", "worker"}
"""The needs of blocks that a test meets."""
CANNOT = {
    "git clone": "each clone of the tests is one, with more words",
    "make stack": "tests/e2e/test_stack.py starts it without make, by the command that make calls",
    "pg_dump": "the backup of a server of somebody else's",
}
"""The commands that are not typed, and why."""
CALL = "typed"


def spans(text: str) -> Iterator[str]:
    """Yield what stands between ticks in the sentences of a page, blocks left out.

    >>> list(spans("Type `ls\\n-l`.\\n\\n```sh\\nps\\n```\\n\\nThen `it`."))
    ['ls -l', 'it']
    """
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", sentences))


def is_command(span: str) -> bool:
    """Return whether a span is typed: a program with words, or one that no page names but to be typed.

    >>> is_command("make worker"), is_command("dvc"), is_command("pg_dump"), is_command("error: git said no")
    (True, False, True, False)
    """
    program, _, words = span.partition(" ")
    return program == "pg_dump" or (bool(words) and program in PROGRAMS | BESIDE)


@cache
def said() -> frozenset[str]:
    """Return the commands in the sentences of the pages."""
    return frozenset(
        span for page in PAGES for span in spans((ROOT / page).read_text(encoding="utf-8")) if is_command(span)
    )


def typed(command: str, **instead: str) -> str:
    """Return a command of the pages as a person types it, with what stands `instead` of its words in capitals.

    An ellipsis takes the next of the values, and `<word>` the one of its name. Raises `ValueError` where no page has
    the command, or a word has no value.
    """
    if command not in said():
        raise ValueError(f"no page says `{command}`; expected one of {', '.join(sorted(said()))}")
    text = command
    for word, value in instead.items():
        place = next((form for form in (f"<{word}>", word.upper(), "…") if form in text), None)
        if place is None:
            raise ValueError(f"`{command}` has no place for {word}")
        text = text.replace(place, value, 1)
    if re.search(r"<\w+>|…", text):
        raise ValueError(f"`{text}` has a place without a value")
    return text


@cache
def in_tests() -> frozenset[str]:
    """Return the commands that tests get from `typed`, by the text of their files."""
    here = Path(__file__)
    files = [file for file in sorted((ROOT / "tests").rglob("*.py")) if file != here and CALL in file.read_text()]
    return frozenset(
        call.args[0].value
        for file in files
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == CALL
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    )


def in_blocks() -> frozenset[str]:
    """Return the commands of the pages' blocks that a test types, without remarks and what stands around a program."""
    found = [
        re.sub(r"\s+#.*|\s*&$", "", command.text, flags=re.DOTALL)
        for block in every_shell_block()
        if set(block.needs) <= TYPED_NEEDS
        for command in commands(block)
    ]
    return frozenset(part for text in found for part in [text, *re.split(r"\s*&&\s*", text)])

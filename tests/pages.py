"""The fenced blocks of the pages, and what the tags of a shell block say: how it is typed and what it needs.

A shell block opens with ```` ```sh ```` and its tags: `run`, where each command gives the prompt back; `server`, where
one stays until the page is read; `needs=<word>`, alone or behind `server`, for what a fresh machine has not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

SHELL = "sh"
LANGUAGES = {SHELL, "yaml", "mermaid", "text"}
WAYS = ("run", "server")
NEEDS = {
    "archive": "the Kaggle files",
    "docker": "Docker and a registry of images; tests/e2e/test_images.py makes the images where Docker is",
    "remote": "a git remote and a DVC remote that take what is pushed",
    "terminals": "the payments of docs/own-data.md; tests/e2e/test_own_data.py types it there",
    "time": "minutes to hours",
    "worker": "the server and the worker of docs/worker.md; tests/e2e/test_worker.py types it there",
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_THE_MACHINE = {".", "curl", "docker", "export", "sed"}
PROGRAMS = {"dvc", "git", "make", "mlflow-fraud", "prefect", "python"} | OF_THE_MACHINE
FORM = re.compile(r"[\[|…<]")
"""What a line that shows the form of a command has, and one that is to be typed has not."""
FENCE = "```"
GOES_ON = re.compile(r"(\\|&&|\|)\s*$")


class Block(NamedTuple):
    """What stands between two fences of a page; `line` is that of the opening one."""

    page: str
    line: int
    language: str
    tags: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def stays(self) -> bool:
        """Return whether its last command does not give the prompt back."""
        return "server" in self.tags

    @property
    def needs(self) -> list[str]:
        """Return what a fresh machine has not."""
        return [tag.removeprefix("needs=") for tag in self.tags if tag.startswith("needs=")]


class Command(NamedTuple):
    """What is typed before one stroke of the return key, or several where the line goes on; where it begins."""

    where: str
    text: str


def page_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page of this repository, in order."""
    return blocks(page.read_text(), page.relative_to(ROOT).as_posix())


def shell_blocks(page: Path) -> list[Block]:
    """Return what a page says to type, in order."""
    return [block for block in page_blocks(page) if block.language == SHELL]


def every_shell_block() -> list[Block]:
    """Return what all pages say to type."""
    return [block for page in PAGES for block in shell_blocks(page)]


def once_in_each_shell() -> Block:
    """Return what README says to type before our commands are known in a shell."""
    return next(block for block in shell_blocks(ROOT / "README.md") if block.text.startswith("export PATH="))


def blocks(text: str, page: str) -> list[Block]:
    """Return the blocks of a text, in order.

    >>> [block] = blocks("Type:\\n\\n```sh server needs=docker\\ndocker run it\\n```\\n", "a.md")
    >>> block.line, block.language, block.stays, block.needs, block.text
    (3, 'sh', True, ['docker'], 'docker run it\\n')
    """
    found: list[Block] = []
    inside: list[str] = []
    opened, info = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if opened and line.strip() == FENCE:
            language, *tags = info.split() or [""]
            found.append(Block(page, opened, language, tuple(tags), "".join(f"{each}\n" for each in inside)))
            opened = 0
        elif opened:
            inside.append(line)
        elif line.lstrip().startswith("~~~"):
            raise ValueError(f"{page}:{number}: a block begins with {FENCE}")
        elif line.lstrip().startswith(FENCE):
            opened, info, inside = number, line.strip().removeprefix(FENCE), []
    if opened:
        raise ValueError(f"{page}:{opened}: the block has no end")
    return found


def mistake(block: Block) -> str | None:
    """Return what is wrong with the words behind a block's fence.

    >>> mistake(Block("a.md", 1, "sh", ("run",), ""))
    >>> mistake(Block("a.md", 1, "sh", ("run", "needs=luck"), ""))
    'a.md:1: a shell block has `run`, `server`, or `needs=` with or without `server`; this has: run needs=luck'
    """
    at = str(block)
    if block.language not in LANGUAGES:
        return f"{at}: a block is one of {', '.join(sorted(LANGUAGES))}; this is {block.language or 'of no language'}"
    if block.language == "text":
        typed = [line for line in block.text.splitlines() if line.split(maxsplit=1)[:1] and line.split()[0] in PROGRAMS]
        typed = [line for line in typed if not FORM.search(line)]
        return f"{at}: to be typed, so the block is one of shell: {typed[0]}" if typed else None
    if block.language != SHELL:
        return f"{at}: only a shell block has tags" if block.tags else None
    ways = [tag for tag in block.tags if tag in WAYS]
    needed = [f"needs={word}" for word in block.needs if word in NEEDS]
    if list(block.tags) == ways + needed and (ways == ["server"] or len(ways) + bool(needed) == 1):
        return None
    return f"{at}: a shell block has `run`, `server`, or `needs=` with or without `server`; this has: " + (
        " ".join(block.tags) or "none"
    )


def commands(block: Block) -> list[Command]:
    """Return what a reader types, one command after the other; a line that goes on takes the next one along.

    >>> block = Block("a.md", 1, "sh", ("run",), "one &&\\n  two  # said\\n\\n# said\\nthree\\n")
    >>> [command.text for command in commands(block)]
    ['one &&\\n  two  # said', 'three']
    """
    typed: list[Command] = []
    goes_on = False
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if goes_on:
            typed[-1] = typed[-1]._replace(text=f"{typed[-1].text}\n{line}")
        elif line.strip() and not line.lstrip().startswith("#"):
            typed.append(Command(f"{block.page}:{number}", line))
        goes_on = bool(GOES_ON.search(line))
    return typed

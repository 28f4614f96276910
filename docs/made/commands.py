"""The page of commands: every word of `make`, of the flows and of `mlflow-fraud`, read from where it is defined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mlflow_fraud.cli import app

ROOT = Path(__file__).parents[2]

INTRODUCTION = """\
# Commands

Every word that can be typed here. This page is made by `python -m docs.made`; a test keeps it so.
`mlflow-fraud <command> --help` says the same of one command. A mistake is one line on standard error and exit code 1;
of two runs in one folder the second waits for the first. Files and variables have [the settings](settings.md).
"""


def page() -> str:
    """Return the page in Markdown."""
    return "\n".join([INTRODUCTION, *_make(), *_flows(), *_commands("mlflow-fraud", typer.main.get_command(app))])


def _make() -> Iterator[str]:
    words = re.findall(r"^([a-z-]+):.*## (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    yield from ("## `make`", "", "| word | does |", "| --- | --- |")
    yield from (f"| `make {word}` | {_in_a_cell(what)} |" for word, what in words)
    yield ""


def _flows() -> Iterator[str]:
    """The flows as commands; the first line of each one's module says what it does."""
    yield from (
        "## `python -m flows.…`",
        "",
        "A flow, run here and now; where `PREFECT_API_URL` is not set, without a server.",
        "",
    )
    yield from ("| command | does |", "| --- | --- |")
    for file in sorted((ROOT / "flows").glob("*.py")):
        source = file.read_text(encoding="utf-8")
        flow = re.match(rf'"""Flow `{file.stem}`: (.*)\."""', source)
        if flow:
            words = re.findall(r'asks\("(--[a-z-]+)"\)', source) + ["FILE …"] * ("sys.argv" in source)
            words += [f"{word} N" for word in re.findall(r'add_argument\(\s*"(--[a-z-]+)", type=int', source)]
            yield f"| `{' '.join([f'python -m flows.{file.stem}', *(f'[{word}]' for word in words)])}` | {flow[1]} |"
    yield ""


def _commands(name: str, group: Any) -> Iterator[str]:
    """A group's own commands, after those of the groups in it: raw data comes before what is made of it."""
    groups = {word: command for word, command in group.commands.items() if hasattr(command, "commands")}
    for word, each in groups.items():
        yield from _commands(f"{name} {word}", each)
    yield from (f"## {_sentence(group.help).rstrip('.')}", "")
    for word, command in group.commands.items():
        if word not in groups and not command.hidden:
            yield from _command(f"{name} {word}", command)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    told = "".join(f" {_name(each)}" if each.required else f" [{_name(each)}]" for each in arguments)
    yield from (f"### `{name}{told}`", "", _paragraphs(command.help), "")
    if command.params:
        yield from ("| word | if not given | what it says |", "| --- | --- | --- |")
        yield from (
            f"| `{_name(each)}` | {_usual(each)} | {_in_a_cell(each.help)} |" for each in (*arguments, *options)
        )
        yield ""


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.name).upper() + (" …" if parameter.nargs == -1 else "")


def _usual(parameter: Any) -> str:
    if parameter.required:
        return f"`{parameter.envvar}`" if parameter.envvar else "must be given"
    if parameter.default in (None, ""):
        return "-"
    usual = "no" if parameter.default is False else f"`{parameter.default}`"
    return f"`{parameter.envvar}`, or else {usual}" if parameter.envvar else usual


def _paragraphs(text: str) -> str:
    return "\n\n".join(_sentence(part) for part in text.split("\n\n"))


def _in_a_cell(text: str) -> str:
    """Return the text so that neither a tag nor a column begins in it."""
    return text.replace("<", "&lt;").replace("|", "\\|")


def _sentence(text: str) -> str:
    return " ".join(text.split())

"""The reader at a prompt: what persists, what fails with which line, what stays and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.place import free_ports
from tests.e2e.desk import Desk
from tests.e2e.reader import Reader, listens, reader
from tests.pages import Block, blocks

SERVER = "python3 -m http.server --bind 127.0.0.1 8000"


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def typist(tmp_path: Path, port: int) -> Iterator[Reader]:
    """A reader in an empty folder."""
    (tmp_path / "folder").mkdir()
    with reader(Desk(tmp_path / "folder"), tmp_path / "log", {"8000": str(port)}) as typist:
        yield typist


def block(text: str, tags: str = "run") -> Block:
    return blocks(f"```sh {tags}\n{text}\n```\n", "a.md")[0]


def test_what_is_set_in_one_block_is_there_in_the_next(typist: Reader) -> None:
    typist.types(block("export COLOUR=red; cd /"))
    typist.types(block('test "$COLOUR $PWD" = "red /"  # so'))


@pytest.mark.parametrize("failing", ["false && true", "false | true", "nosuch", "sh -c 'exit 3'"])
def test_the_first_command_that_fails_is_told_by_its_line_and_the_rest_is_not_typed(
    typist: Reader, failing: str
) -> None:
    typed = block(f"echo before\n\n{failing}\necho after > there")
    with pytest.raises(AssertionError, match=r"^a\.md:4: "):
        typist.types(typed)
    assert not typist.desk.path("there").exists()


def test_what_the_failing_command_printed_is_told(typist: Reader) -> None:
    with pytest.raises(AssertionError, match=r"(?s)^a\.md:2: `.echo why; exit 3.` ended with 3.*\nwhy"):
        typist.types(block("(echo why; exit 3)"))


def test_a_server_is_waited_for_and_ends_with_the_page(tmp_path: Path, port: int) -> None:
    with reader(Desk(tmp_path), tmp_path / "log", {"8000": str(port)}) as typist:
        typist.types(block(SERVER, "server"))
        typist.types(block("curl -s localhost:8000/"))
        typist.types(block(f"{SERVER.replace('8000', '0')} &"))
    left = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(tmp_path)]
    assert [process for process in left if listens(process)] == []


def test_a_server_that_ends_is_told(typist: Reader) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"a\.md:2: `echo no` does not listen"):
        typist.types(block("echo no", "server"))


def test_a_command_that_asks_is_given_nothing(typist: Reader) -> None:
    typist.types(block("cat > answer"))
    assert typist.desk.path("answer").read_text() == ""


def test_an_answer_of_a_server_that_is_an_error_fails(typist: Reader) -> None:
    typist.types(block(SERVER, "server"))
    with pytest.raises(AssertionError, match="404"):
        typist.types(block("curl -s localhost:8000/nothing"))

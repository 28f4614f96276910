"""An answer goes out in one piece, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from mlflow_fraud.serving.one_write import OneWrite

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


class Sent:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 5

    def is_closing(self) -> bool:
        return self.closed


def written(*what: Any) -> list[bytes]:
    """Return the pieces in which something is written: bytes, `close`, or a wait for the next round."""

    async def write() -> list[bytes]:
        sent = Sent()
        one = OneWrite(cast(asyncio.Transport, sent), asyncio.get_running_loop())
        for each in what:
            if isinstance(each, bytes):
                one.write(each)
            elif each == "close":
                one.close()
                assert one.is_closing()
            else:
                await asyncio.sleep(0)
        return sent.pieces

    return asyncio.run(write())


def test_head_and_body_are_one_piece() -> None:
    assert written(HEAD, BODY, HEAD, BODY, "wait") == [HEAD + BODY, HEAD + BODY]


def test_a_head_without_a_body_is_not_kept_longer_than_the_round() -> None:
    assert written(HEAD, "wait") == [HEAD]
    assert written(HEAD, "wait", BODY) == [HEAD, BODY]


def test_what_closes_sends_what_is_left_first() -> None:
    assert written(HEAD, "close") == [HEAD]


def test_what_is_held_back_counts_as_unwritten() -> None:
    async def held() -> tuple[int, int]:
        one = OneWrite(cast(asyncio.Transport, Sent()), asyncio.get_running_loop())
        one.write(HEAD)
        before = one.get_write_buffer_size()
        one.write(BODY)
        return before, one.get_write_buffer_size()

    assert asyncio.run(held()) == (5 + len(HEAD), 5)

"""The head of an answer waits for its body: both are one call of the system and one packet."""

from __future__ import annotations

import asyncio
from typing import Any

HEAD_ENDS = b"\r\n\r\n"


class OneWrite:
    """A transport that holds the head of an answer back until what follows is written, or this round is over."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, behind what was held back."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.endswith(HEAD_ENDS):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close once all is written."""
        self._flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Return how much is not written yet."""
        return self._transport.get_write_buffer_size() + len(self._head)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

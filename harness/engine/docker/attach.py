"""The attached stream of a container: its two outputs told apart, its input held open.

The engine puts both outputs on one connection, each piece behind a header of 8 bytes: the stream's
number, three zeros, and the length as a big-endian number.
Source: Docker, "Engine API v1.41", ContainerAttach, "Stream format", read 2026-11.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from typing import Any

STDOUT = 1
STDERR = 2

_HEADER = struct.Struct(">BxxxI")
_CHUNK = 1 << 16
_TAIL = 8_000


class Demultiplexer:
    """Cuts the engine's stream into pieces; `feed` it whatever has come.

    A piece is handed on as it comes and never held as a whole, so its length costs no memory.
    """

    def __init__(self) -> None:
        self._header = b""
        self._stream = 0
        self._left = 0

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """Take bytes from the connection and return (stream, bytes) pairs in order."""
        pieces: list[tuple[int, bytes]] = []
        rest = memoryview(chunk)
        while rest:
            if self._left:
                part = rest[: self._left]
                pieces.append((self._stream, bytes(part)))
                self._left -= len(part)
                rest = rest[len(part) :]
                continue
            need = _HEADER.size - len(self._header)
            self._header += bytes(rest[:need])
            rest = rest[need:]
            if len(self._header) == _HEADER.size:
                self._stream, self._left = _HEADER.unpack(self._header)
                self._header = b""
        return pieces


class Attachment:
    """An open connection to a container's input and outputs.

    Attributes:
        stderr_tail: The last 8,000 characters of the container's standard error so far.
    """

    def __init__(self, response: Any) -> None:  # noqa: ANN401 - the SDK's, one type a transport
        self._response = response  # keeps the connection from being collected
        self._socket: socket.socket = getattr(response, "_sock", response)
        self._demultiplexer = Demultiplexer()
        self.stderr_tail = ""

    def read(self, timeout_s: float) -> bytes | None:
        """Wait for standard output.

        Returns:
            What came; empty bytes when only standard error came, or nothing within the time; None
            at the end of the stream.

        A connection that breaks ends the stream too: whether the container or the engine went, the
        engine is asked next.
        """
        pending = getattr(self._socket, "pending", lambda: 0)()  # TLS keeps bytes of its own
        if not pending and not select.select([self._socket], [], [], max(0.0, timeout_s))[0]:
            return b""
        try:
            chunk = self._socket.recv(_CHUNK)
        except ConnectionError:
            return None
        if not chunk:
            return None
        output = b""
        for stream, piece in self._demultiplexer.feed(chunk):
            if stream == STDOUT:
                output += piece
            elif stream == STDERR:
                self.stderr_tail = (self.stderr_tail + piece.decode(errors="replace"))[-_TAIL:]
        return output

    def drain(self, timeout_s: float) -> None:
        """End the container's input, which tells the runner to leave, and read the rest."""
        if hasattr(self._socket, "pending"):  # TLS cannot close one half
            self.close()
            return
        with contextlib.suppress(OSError):  # the other end may have left first
            self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            if self.read(left_s) is None:
                return

    def close(self) -> None:
        """End the connection; with StdinOnce the container's input ends with it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._response is not self._socket:
            self._response.close()

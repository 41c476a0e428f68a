"""Empties the kernel's own standard output and error, so that it never blocks, and keeps the end.

Cells print through Jupyter's messages; what comes here is a faulthandler's stack, a complaint of
the dynamic linker, or what a library wrote past Python.
"""

from __future__ import annotations

import os
import threading

_KEPT_BYTES = 64 * 1024


class Drain:
    """A thread that reads a pipe to its end and keeps the last 64 KiB."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._ended = threading.Event()
        threading.Thread(target=self._read, name="kernel output", daemon=True).start()

    def _read(self) -> None:
        while block := os.read(self._descriptor, _KEPT_BYTES):
            self._kept = (self._kept + block)[-_KEPT_BYTES:]
        self._ended.set()

    def forget(self) -> None:
        """Drop what has been read so far."""
        self._kept = b""

    def tail(self, characters: int, *, wait_s: float = 0.0) -> str:
        """Return the last characters, undecodable bytes replaced.

        Args:
            characters: At most so many.
            wait_s: Wait so long for the pipe's end. A process that the kernel left behind can
                hold it open.
        """
        self._ended.wait(wait_s)
        return self._kept.decode("utf-8", "replace")[-characters:]

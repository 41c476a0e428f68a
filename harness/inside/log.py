"""The log in the form in which Kaggle hands it out.

Source: Kaggle/kaggle-cli, kaggle_api_extended.py, comments on `kernels_output`: one JSON array, an
element a line, later lines start with a comma; read 2026-11.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import IO

_LARGEST_BYTES = 256 * 2**20


def log_entry(stream_name: str, time_s: float, data: str) -> str:
    """Write one element of the array.

    Args:
        stream_name: `stdout` or `stderr`.
        time_s: Seconds since the run started.
        data: Text with its line's end.
    """
    return json.dumps({"stream_name": stream_name, "time": round(time_s, 6), "data": data})


class Log:
    """The log file of a run; what is over 256 MiB is left out."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] | None = path.open("w", encoding="ascii")
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._written = self._file.write("[")
        self._first = True
        self._failure: OSError | None = None

    def write(self, stream_name: str, text: str) -> None:
        """Add text that was printed, an element a line.

        A full disk is reported by `close`: a cell that prints must not fail for it.
        """
        time_s = time.monotonic() - self._started
        with self._lock:
            if self._file is None or self._failure is not None:
                return
            try:
                self._write_lines(self._file, stream_name, time_s, text)
            except OSError as error:
                self._failure = error

    def _write_lines(self, file: IO[str], stream_name: str, time_s: float, text: str) -> None:
        for line in text.splitlines(keepends=True):
            if self._written > _LARGEST_BYTES:
                return
            comma = "" if self._first else "\n,"
            self._written += file.write(comma + log_entry(stream_name, time_s, line))
            self._first = False

    def close(self) -> None:
        """End the array; later text is dropped.

        Raises:
            OSError: The file could not be written.
        """
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                with file:
                    file.write("]\n")
            if self._failure is not None:
                raise self._failure

"""The line to the host: events on standard output, and standard input to notice that it is gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from harness.events import Event, encode

_EVENTS_FD = 1
_HOST_FD = 0


class Channel:
    """Sends events from any thread, one a line, until the last one has been sent.

    Attributes:
        host_gone: Set when standard input has ended.
        when_gone: Called then, from the thread that noticed.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._closed = False
        self._watching = False
        self.host_gone = threading.Event()
        self.when_gone: Callable[[], None] | None = None

    @property
    def now_s(self) -> float:
        """Seconds since the runner started, to the millisecond: an event's `time_s`."""
        return round(time.monotonic() - self._started, 3)

    @property
    def is_closed(self) -> bool:
        """Whether the last event has been sent."""
        return self._closed

    def send(self, event: Event) -> None:
        """Send an event; after the last one this does nothing."""
        with self._lock:
            if not self._closed:
                self._write(event)

    def send_last(self, event: Event) -> bool:
        """Send the event that ends the stream.

        Returns:
            False when another thread has sent the last one before.
        """
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            self._write(event)
            return True

    def _write(self, event: Event) -> None:
        line = encode(event).encode("ascii") + b"\n"
        try:
            while line:
                line = line[os.write(_EVENTS_FD, line) :]
        except OSError:  # a broken pipe: nobody listens any more
            self._closed = True
            self.host_gone.set()

    def watch_host(self) -> None:
        """Watch standard input from a thread of its own; calling it again does nothing."""
        if self._watching:
            return
        self._watching = True

        def watch() -> None:
            while os.read(_HOST_FD, 4096):
                pass
            self.host_gone.set()
            if self.when_gone is not None:
                self.when_gone()

        threading.Thread(target=watch, name="host", daemon=True).start()

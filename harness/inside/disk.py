"""How much /kaggle/working holds: a walk, again and again, as seldom as it is slow."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

_SHORTEST_S = 0.25
_LONGEST_S = 2.0
_COST_FACTOR = 10
_BLOCK_BYTES = 512


def folder_bytes(folder: Path) -> int:
    """Return what a folder occupies on disk, links not followed, hard links counted once.

    What vanishes or is locked up during the walk is left out.
    """
    total = 0
    linked: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = _status(entry)
                    if status is None or (status.st_dev, status.st_ino) in linked:
                        continue
                    if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        linked.add((status.st_dev, status.st_ino))
                    total += status.st_blocks * _BLOCK_BYTES
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


class DiskWatch:
    """A thread that measures a folder.

    Attributes:
        used_bytes: By the last walk.
    """

    def __init__(self, folder: Path, limit_bytes: int, when_over: Callable[[int], None]) -> None:
        """Make it.

        Args:
            folder: What to measure.
            limit_bytes: Limit.
            when_over: Called once, with the bytes found, when they are more.
        """
        self.used_bytes = 0
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._when_over = when_over

    def start(self) -> None:
        """Start measuring."""
        threading.Thread(target=self._watch, name="disk", daemon=True).start()

    def measure(self) -> int:
        """Measure now."""
        self.used_bytes = folder_bytes(self._folder)
        return self.used_bytes

    def _watch(self) -> None:
        while True:
            started = time.monotonic()
            used = self.measure()
            if used > self._limit_bytes:
                self._when_over(used)
                return
            cost = time.monotonic() - started
            time.sleep(min(_LONGEST_S, max(_SHORTEST_S, _COST_FACTOR * cost)))

"""Which cores a container is kept on: runs side by side get different ones while there are."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Cores:
    """The cores of this machine that this process may use, and how many runs are on each."""

    def __init__(self, usable: Collection[int] | None = None) -> None:
        self._usable = sorted(_mine() if usable is None else usable)
        self._runs: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, number: int) -> Iterator[tuple[int, ...]]:
        """Take the `number` least used cores, ascending; fewer when there are not so many."""
        with self._lock:
            taken = sorted(sorted(self._usable, key=self._load)[:number])
            self._runs.update(taken)
        try:
            yield tuple(taken)
        finally:
            with self._lock:
                self._runs.subtract(taken)

    def _load(self, core: int) -> int:
        return self._runs[core]


def _mine() -> Collection[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)  # macOS: the engine's machine has cores of its own

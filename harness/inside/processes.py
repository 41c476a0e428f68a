"""Who is alive in the sandbox, and how all of them are ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_ATTEMPTS = 50
_ATTEMPTS_ONE_BY_ONE = 4
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process as /proc/PID/stat shows it.

    Attributes:
        pid: As the runner sees it.
        name: Its command name, 15 characters at most.
        state: One letter; `Z` is dead and not yet waited for.
        parent: Pid of the parent.
        cpu_ticks: User and system time, its own and of children that it waited for.
        threads: How many it has.
    """

    pid: int
    name: str
    state: str
    parent: int
    cpu_ticks: int
    threads: int


def parse_stat(text: str) -> ProcessState:
    """Parse a /proc/PID/stat line.

    Raises:
        ValueError: It has another form.

    Source: Linux, proc_pid_stat(5), read 2026-11. The name may hold spaces and parentheses.
    """
    head, _, tail = text.rpartition(")")
    pid, _, name = head.partition(" (")
    rest = tail.split()
    if len(rest) < 18:
        raise ValueError(f"not a stat line: {text[:80]!r}")
    return ProcessState(
        pid=int(pid),
        name=name,
        state=rest[0],
        parent=int(rest[1]),
        cpu_ticks=sum(int(ticks) for ticks in rest[11:15]),
        threads=int(rest[17]),
    )


def all_processes() -> dict[int, ProcessState]:
    """Return every process in sight, by pid; those that end meanwhile are left out."""
    found: dict[int, ProcessState] = {}
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries if entry.name.isdecimal()]
    for name in names:
        state = _state(name)
        if state is not None:
            found[state.pid] = state
    return found


def _state(name: str) -> ProcessState | None:
    try:
        # Not by pathlib: it is read ten times a second for every process.
        with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return parse_stat(file.read())
    except (OSError, ValueError):
        return None


def descendants(pid: int, processes: Mapping[int, ProcessState]) -> set[int]:
    """Return the pids of all children, grandchildren and so on."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


class Population:
    """The notebook's processes: all but the runner's own.

    Attributes:
        helper: Returns the pid of the runner's helper, which is no process of the notebook, and
            neither is what it started; None when there is none.
    """

    def __init__(self, *, sole: bool) -> None:
        self._sole = sole
        self._me = os.getpid()
        self.helper: Callable[[], int | None] = lambda: None

    def alive(self) -> list[ProcessState]:
        """Return the notebook's processes that have not ended."""
        processes = all_processes()
        # In a sandbox all but process 1, its init, which is no part of the notebook.
        everyone = set(processes) - {1, self._me}
        mine = everyone if self._sole else descendants(self._me, processes)
        mine -= self._helpers(processes)
        return [processes[pid] for pid in mine if processes[pid].state not in "ZX"]

    def own(self) -> set[int]:
        """Return the pids of the runner and of its helper, with what is around the helper."""
        return {self._me} | self._helpers(all_processes())

    def _helpers(self, processes: Mapping[int, ProcessState]) -> set[int]:
        pid = self.helper()
        return set() if pid is None else {pid} | descendants(pid, processes)

    def end(self) -> None:
        """Kill every process of the notebook.

        Returns when they are gone, or after a second: a process in an uninterruptible wait ends
        later, with its namespace.
        """
        for attempt in range(_ATTEMPTS):
            if self._sole and attempt >= _ATTEMPTS_ONE_BY_ONE:
                # A fork bomb outruns a list. This reaches every process of the namespace but its
                # init and the caller; the runner's helper too, which is why it comes second.
                _kill(-1)
            alive = self.alive()
            if not alive:
                return
            for process in alive:
                _kill(process.pid)
            time.sleep(_PAUSE_S * min(attempt, 1))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Gone already; or somebody else's, which only happens for a pid used again.
        return

"""Samples what the notebook uses, ten times a second, and sends what says something new."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.events import Sample
from harness.inside.cgroup import Cgroup
from harness.inside.memory import ProcessMemoryReader, process_memory, read_text
from harness.inside.processes import Population, ProcessState

_INTERVAL_S = 0.1
_COST_FACTOR = 5
_NEW_PEAK = 1.005
_PEAK_STEP_BYTES = 2**20
# A run of an hour sends a sample every six seconds, and every new peak: some thousands at most.
_AGE_FRACTION = 1 / 600
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement; fields as in the event `Sample`."""

    memory_bytes: int
    cache_bytes: int | None
    cpu_time_s: float
    processes: int


class Gauge:
    """Measures everything in the sandbox but the runner: by the cgroup if there is one."""

    def __init__(self, population: Population, cgroup: Cgroup | None, memory_bytes: int) -> None:
        """Make it.

        Args:
            population: Who the notebook's processes are.
            cgroup: The sandbox's own, or None.
            memory_bytes: The limit, near which the measuring is finer.
        """
        self._population = population
        self._cgroup = cgroup
        self._by_process = ProcessMemoryReader(near_bytes=memory_bytes * 3 // 4)
        self._cpu_time_s = 0.0

    def read(self) -> Reading:
        """Measure now."""
        alive = self._population.alive()
        used = None if self._cgroup is None else self._cgroup_memory(self._cgroup)
        if used is None:
            used = (self._by_process.used_bytes([each.pid for each in alive]), None)
        self._cpu_time_s = max(self._cpu_time_s, self._cpu(alive))
        return Reading(used[0], used[1], round(self._cpu_time_s, 3), len(alive))

    def exact_memory_bytes(self) -> int:
        """Measure the memory once more and in full: too slow for ten times a second."""
        pids = [each.pid for each in self._population.alive()]
        used = None if self._cgroup is None else self._cgroup_memory(self._cgroup)
        return self._by_process.exact_bytes(pids) if used is None else used[0]

    def _cgroup_memory(self, cgroup: Cgroup) -> tuple[int, int | None] | None:
        try:
            memory = cgroup.memory()
        except (OSError, KeyError):
            return None
        own = self._population.own()
        runner = sum(process_memory(read_text(f"/proc/{p}/status")).anonymous_bytes for p in own)
        return max(0, memory.used_bytes - runner), memory.cache_bytes

    def _cpu(self, alive: list[ProcessState]) -> float:
        total = None if self._cgroup is None else self._cgroup.cpu_time_s()
        if total is None:
            return sum(each.cpu_ticks for each in alive) / _TICKS_PER_S
        times = os.times()
        return total - times.user - times.system


class SampleChoice:
    """Chooses which samples the host gets."""

    def __init__(self) -> None:
        self._sent_at = -1.0
        self._cell: int | None = None
        self._cell_peak = -1

    def is_wanted(self, time_s: float, cell: int | None, memory_bytes: int) -> bool:
        """Say whether a sample tells something new: a cell's first, its new peak, or time went by.

        Args:
            time_s: Seconds since the start.
            cell: Cell that runs, or None.
            memory_bytes: What was measured.
        """
        if self._sent_at < 0 or cell != self._cell:
            self._cell, self._cell_peak = cell, -1
        new_peak = memory_bytes > self._cell_peak * _NEW_PEAK + _PEAK_STEP_BYTES or (
            self._cell_peak < 0
        )
        due = time_s - self._sent_at >= max(_INTERVAL_S, time_s * _AGE_FRACTION)
        if not (new_peak or due):
            return False
        self._sent_at = time_s
        self._cell_peak = max(self._cell_peak, memory_bytes)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """Whom the meter calls.

    Attributes:
        memory_full: The runner has to keep the limit and it is passed; called with the bytes.
        killed: The memory killer's counter went up; called with its new value.
    """

    memory_full: Callable[[int], None] | None
    killed: Callable[[int], None]


class Meter:
    """The thread that measures.

    Attributes:
        kills: The memory killer's counter, or None where it cannot be read.
    """

    def __init__(
        self,
        gauge: Gauge,
        cgroup: Cgroup | None,
        *,
        limit_bytes: int,
        alarms: Alarms,
        send: Callable[[Reading, SampleChoice], None],
    ) -> None:
        """Make it.

        Args:
            gauge: Measures.
            cgroup: Its counter of kills is watched.
            limit_bytes: For `Alarms.memory_full`.
            alarms: Whom to call.
            send: Gets each reading, and says by the choice whether it is sent.
        """
        self._gauge = gauge
        self._cgroup = cgroup
        self._limit_bytes = limit_bytes
        self._alarms = alarms
        self._send = send
        self._choice = SampleChoice()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.kills = None if cgroup is None else cgroup.kills()
        self._kills_before = self.kills or 0

    def start(self) -> None:
        """Start measuring."""
        threading.Thread(target=self._watch, name="meter", daemon=True).start()

    def stop(self) -> None:
        """Measure a last time and end."""
        self._over.set()
        self.check_kills()

    def check_kills(self) -> bool:
        """Look at the counter now; True when the memory killer has ended something."""
        if self._cgroup is None:
            return False
        with self._lock:
            now = self._cgroup.kills()
            rose = now is not None and now > (self.kills or 0)
            if now is not None:
                self.kills = now
        if rose and now is not None:
            self._alarms.killed(now - self._kills_before)
        return (self.kills or 0) > self._kills_before

    def _watch(self) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            self.check_kills()
            reading = self._gauge.read()
            self._send(reading, self._choice)
            full = self._alarms.memory_full
            if full is not None and reading.memory_bytes > self._limit_bytes:
                exact = self._gauge.exact_memory_bytes()
                if exact > self._limit_bytes:
                    full(exact)
            cost = time.monotonic() - started
            self._over.wait(max(_INTERVAL_S - cost, _COST_FACTOR * cost))


def sample_of(reading: Reading, *, time_s: float, disk_bytes: int, cell: int | None) -> Sample:
    """Make the event of a reading."""
    return Sample(
        time_s=time_s,
        memory_bytes=reading.memory_bytes,
        cache_bytes=reading.cache_bytes,
        cpu_time_s=reading.cpu_time_s,
        disk_bytes=disk_bytes,
        processes=reading.processes,
        cell=cell,
    )

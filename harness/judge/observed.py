"""What was seen of a run, gathered once from events and exit facts for all who judge.

The order in which unrelated events came plays no part here: everything is found by kind, and
where one of several has to be taken, by its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.events import (
    CellFinished,
    CellStarted,
    Event,
    KernelDied,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    OutputCut,
    RunnerFailed,
    RunnerFinished,
    RunnerStarted,
    Sample,
)
from harness.result import ExitFacts
from harness.text import plain

_E = TypeVar("_E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Events by kind, and the few numbers that follow from them.

    Attributes:
        started: None when the runner never came to its first message.
        refused: The notebook could not be run at all.
        finished: None when the runner did not come to its own end.
        failed: The runner broke.
        died: The kernel's process is gone by itself.
        limits: Limits that the runner stopped the run for, by name.
        memory_kills: Highest of all counters of the memory killer; None when none could be read.
        kill_cell: Cell during which the counter was first seen to rise.
        kill_s: When that was, or None.
        finishes: How each cell ended, by index.
        running: Cell that was started and never finished, or None.
        last_start: Highest index of a started cell, or None.
        first_start_s: When the first cell was started, or None.
        attempts: Names asked for, by cell (None: between cells), each once, sorted.
        samples: In order of time.
        cut: Cells whose output was cut, sorted.
        facts: As the engine saw it.
    """

    started: RunnerStarted | None
    refused: NotebookRefused | None
    finished: RunnerFinished | None
    failed: RunnerFailed | None
    died: KernelDied | None
    limits: dict[str, LimitReached]
    memory_kills: int | None
    kill_cell: int | None
    kill_s: float | None
    finishes: dict[int, CellFinished]
    running: int | None
    last_start: int | None
    first_start_s: float | None
    attempts: dict[int | None, tuple[str, ...]]
    samples: tuple[Sample, ...]
    cut: tuple[int, ...]
    facts: ExitFacts

    @property
    def blamed(self) -> int | None:
        """The cell to blame by what is known: the runner's word, else the one that was running."""
        if self.finished is not None and self.finished.cell is not None:
            return self.finished.cell
        return self.running

    def asked_in(self, cell: int | None) -> tuple[str, ...]:
        """Names that were asked for while a cell ran."""
        return self.attempts.get(cell, ())


def observe(events: Sequence[Event], facts: ExitFacts) -> Observed:
    """Gather what was seen."""
    finished = _first(events, RunnerFinished)
    kills = [event for event in _all(events, MemoryKill) if event.killed > 0]
    finishes = {event.cell: event for event in _all(events, CellFinished)}
    starts = _all(events, CellStarted)
    open_starts = [event for event in starts if event.cell not in finishes]
    limits: dict[str, LimitReached] = {}
    for reached in _all(events, LimitReached):
        limits.setdefault(reached.limit, reached)
    return Observed(
        started=_first(events, RunnerStarted),
        refused=_first(events, NotebookRefused),
        finished=finished,
        failed=_first(events, RunnerFailed),
        died=_first(events, KernelDied),
        limits=limits,
        memory_kills=_highest_counter(kills, finished, facts),
        kill_cell=kills[0].cell if kills else None,
        kill_s=kills[0].time_s if kills else None,
        finishes=finishes,
        running=open_starts[-1].cell if open_starts else None,
        last_start=max((event.cell for event in starts), default=None),
        first_start_s=starts[0].time_s if starts else None,
        attempts=_attempts(events),
        samples=tuple(_all(events, Sample)),
        cut=tuple(sorted({event.cell for event in _all(events, OutputCut)})),
        facts=facts,
    )


def _all(events: Sequence[Event], kind: type[_E]) -> list[_E]:
    found = [event for event in events if isinstance(event, kind)]
    return sorted(found, key=lambda event: event.time_s)


def _first(events: Sequence[Event], kind: type[_E]) -> _E | None:
    return next(iter(_all(events, kind)), None)


def _highest_counter(
    kills: Sequence[MemoryKill], finished: RunnerFinished | None, facts: ExitFacts
) -> int | None:
    counters = [event.killed for event in kills]
    counters += [] if finished is None or finished.memory_kills is None else [finished.memory_kills]
    counters += [] if facts.memory_kills is None else [facts.memory_kills]
    return max(counters, default=None)


def _attempts(events: Sequence[Event]) -> dict[int | None, tuple[str, ...]]:
    names: dict[int | None, set[str]] = {}
    for event in _all(events, NetworkAttempt):
        names.setdefault(event.cell, set()).add(plain(event.name))
    return {cell: tuple(sorted(found)) for cell, found in names.items()}

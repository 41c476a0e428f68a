"""A run's events as lines: one a code cell, and one for what went wrong beside the cells."""

from __future__ import annotations

import signal
from functools import singledispatchmethod

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
    RunnerStarted,
    Sample,
)
from harness.text import one_line
from harness.units import format_duration, format_size

_LONGEST_ERROR = 160


class Progress:
    """Turns the events of one run into lines, in the order in which they come."""

    def __init__(self, *, name: str, prefix: str) -> None:
        """Begin.

        Args:
            name: The notebook's name, on one line.
            prefix: Goes in front of each line.
        """
        self._name = name
        self._prefix = prefix
        self._cells = 0
        self._cell: int | None = None
        self._started_s = 0.0
        self._peak_bytes: int | None = None

    def lines(self, event: Event) -> list[str]:
        """Give the lines to add for an event; most events have none."""
        text = self._text(event)
        return [] if text is None else [self._prefix + text]

    def status(self, event: Event) -> str | None:
        """Give the line about the running cell, which the next one overwrites; None for none."""
        if not isinstance(event, Sample) or self._cell is None:
            return None
        took = format_duration(max(0.0, event.time_s - self._started_s))
        memory = format_size(event.memory_bytes)
        return f"{self._prefix}{self._label(self._cell)}  running  {took:>10}  {memory:>9}"

    def _label(self, cell: int | None) -> str:
        if cell is None:
            return "between cells"
        return f"cell {cell:>{len(str(max(self._cells - 1, 0)))}}"

    @singledispatchmethod
    def _text(self, event: Event) -> str | None:
        """Write one kind of event; the kinds without a method of their own have no line."""
        del event
        return None

    @_text.register
    def _begin(self, event: RunnerStarted) -> str:
        self._cells = event.cells
        return f"Running {self._name}: {event.cells} cells, Python {event.python}"

    @_text.register
    def _cell_begins(self, event: CellStarted) -> None:
        self._cell, self._started_s, self._peak_bytes = event.cell, event.time_s, None

    @_text.register
    def _sample(self, event: Sample) -> None:
        self._peak_bytes = max(self._peak_bytes or 0, event.memory_bytes)

    @_text.register
    def _cell_ends(self, event: CellFinished) -> str:
        memory = "" if self._peak_bytes is None else format_size(self._peak_bytes)
        took = format_duration(event.wall_time_s)
        text = f"{self._label(event.cell)}  {event.status:<7}  {took:>10}  {memory:>9}"
        if event.error_name:
            text += f"  {one_line(f'{event.error_name}: {event.error_value}', most=_LONGEST_ERROR)}"
        self._cell = None
        return text.rstrip()

    @_text.register
    def _network(self, event: NetworkAttempt) -> str:
        return f"{self._label(event.cell)}  asked for {one_line(event.name)}; there is no network"

    @_text.register
    def _cut(self, event: OutputCut) -> str:
        kept = format_size(event.kept_bytes)
        return f"{self._label(event.cell)}  printed too much; {kept} are kept"

    @_text.register
    def _limit(self, event: LimitReached) -> str:
        show = format_duration if event.limit == "wall_time" else format_size
        name = one_line(event.limit).replace("_", " ")
        used, allowed = show(event.used), show(event.allowed)
        return f"{self._label(event.cell)}  stopped: {name} {used} of {allowed}"

    @_text.register
    def _memory_kill(self, event: MemoryKill) -> str:
        return f"{self._label(event.cell)}  out of memory: {event.killed} processes killed"

    @_text.register
    def _died(self, event: KernelDied) -> str:
        if event.signal is None:
            return f"{self._label(event.cell)}  the kernel exited with code {event.exit_code}"
        try:
            name = signal.Signals(event.signal).name
        except ValueError:
            name = f"signal {event.signal}"
        return f"{self._label(event.cell)}  the kernel was ended by {name}"

    @_text.register
    def _refused(self, event: NotebookRefused) -> str:
        return f"{self._name} cannot be run: {one_line(event.detail)}"

    @_text.register
    def _failed(self, event: RunnerFailed) -> str:
        last = event.detail.strip().splitlines()[-1:] or ["no detail"]
        return f"The runner broke: {one_line(last[0])}"

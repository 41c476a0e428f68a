"""Resources that a run used, as a whole and cell by cell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.events import CellFinished, CellStarted, Event, RunnerFinished, Sample
from harness.result import CellResult, ExitFacts, Usage


def usage_of(events: Sequence[Event], facts: ExitFacts) -> Usage:
    """Sum up the samples; a figure for which there is no sample is None, never 0."""
    samples = [event for event in events if isinstance(event, Sample)]
    peaks = [
        event.memory_peak_bytes
        for event in events
        if isinstance(event, RunnerFinished) and event.memory_peak_bytes is not None
    ]
    if facts.memory_peak_bytes is not None:
        peaks.append(facts.memory_peak_bytes)
    return Usage(
        wall_time_s=facts.wall_time_s,
        cpu_time_s=max((sample.cpu_time_s for sample in samples), default=None),
        peak_memory_bytes=max((sample.memory_bytes for sample in samples), default=None),
        peak_memory_with_cache_bytes=max(peaks, default=None),
        peak_disk_bytes=max((sample.disk_bytes for sample in samples), default=None),
    )


def cells_of(
    events: Sequence[Event], total: int, code_cells: Collection[int] | None = None
) -> tuple[CellResult, ...]:
    """Say how each code cell went, in the notebook's order.

    The events name only cells that were started or skipped. A cell before the last of these that
    has none is text, and is left out; one after it was not run.

    Args:
        events: The run's events.
        total: Number of cells of every type.
        code_cells: Indices of the code cells; None when they are not known, and then text after
            the last cell that ran counts as not run, unless every cell ran.
    """
    finishes = {event.cell: event for event in events if isinstance(event, CellFinished)}
    starts = {event.cell: event for event in events if isinstance(event, CellStarted)}
    seen = finishes.keys() | starts.keys()
    completed = any(isinstance(e, RunnerFinished) and e.status == "completed" for e in events)
    rest = set() if completed else set(range(max(seen, default=-1) + 1, total))
    if code_cells is not None:
        rest &= set(code_cells)
    peaks: dict[int, int] = {}
    for event in events:
        if isinstance(event, Sample) and event.cell is not None:
            peaks[event.cell] = max(peaks.get(event.cell, 0), event.memory_bytes)
    return tuple(
        CellResult(
            index=index,
            status=_status(index, finishes, starts),
            wall_time_s=_wall_time(index, finishes, starts, events),
            peak_memory_bytes=peaks.get(index),
        )
        for index in sorted(seen | rest)
    )


def _status(index: int, finishes: dict[int, CellFinished], starts: dict[int, CellStarted]) -> str:
    if index in finishes:
        return finishes[index].status
    return "stopped" if index in starts else "not run"


def _wall_time(
    index: int,
    finishes: dict[int, CellFinished],
    starts: dict[int, CellStarted],
    events: Sequence[Event],
) -> float | None:
    """Seconds as told; for a cell that never finished, up to the last message of the run."""
    if index in finishes:
        return finishes[index].wall_time_s
    if index not in starts:
        return None
    return max(event.time_s for event in events) - starts[index].time_s

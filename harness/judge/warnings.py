"""What did not change the outcome but deserves a look."""

from __future__ import annotations

from collections.abc import Iterator

from harness.judge.observed import Observed
from harness.result import Cause
from harness.spec import RunSpec
from harness.text import one_line
from harness.units import format_duration, format_size

_NEAR = 0.9


def warnings_of(spec: RunSpec, seen: Observed, cause: Cause) -> tuple[str, ...]:
    """Collect the warnings on a run, the weightiest first."""
    return (
        *_network(seen, cause),
        *_gpus(spec),
        *_near_limits(spec, seen, cause),
        *_cells(seen),
        *_after_the_end(seen),
    )


def _network(seen: Observed, cause: Cause) -> Iterator[str]:
    if cause in {Cause.NETWORK_NEED, Cause.MISSING_MODEL}:
        return
    for cell, names in sorted(seen.attempts.items(), key=lambda item: (item[0] is None, item[0])):
        where = "Between cells, something" if cell is None else f"Cell {cell}"
        yield f"{where} asked for {one_line(', '.join(names))}, and there is no network."


def _gpus(spec: RunSpec) -> Iterator[str]:
    accelerator = spec.accelerator
    if 0 < accelerator.present < accelerator.wanted:
        yield (
            f"The profile has {accelerator.wanted} GPUs and this run had {accelerator.present}: "
            "code that uses the others was not proven."
        )


def _near_limits(spec: RunSpec, seen: Observed, cause: Cause) -> Iterator[str]:
    limits = spec.limits
    memory = max((sample.memory_bytes for sample in seen.samples), default=0)
    disk = max((sample.disk_bytes for sample in seen.samples), default=0)
    if cause is Cause.NONE and memory > _NEAR * limits.memory_bytes:
        used, allowed = format_size(memory), format_size(limits.memory_bytes)
        yield f"Memory came near its limit: {used} of {allowed}."
    if cause is Cause.NONE and disk > _NEAR * limits.disk_bytes:
        used, allowed = format_size(disk), format_size(limits.disk_bytes)
        yield f"/kaggle/working came near its limit: {used} of {allowed}."
    took = seen.finished.time_s if seen.finished is not None else 0.0
    if cause is Cause.NONE and took > _NEAR * limits.wall_time_s:
        used, allowed = format_duration(took), format_duration(limits.wall_time_s)
        yield f"The run came near its time limit: {used} of {allowed}."
    if cause is Cause.DISK_FULL and "disk" not in seen.limits and disk < limits.disk_bytes / 2:
        yield (
            f"/kaggle/working held only {format_size(disk)} of {format_size(limits.disk_bytes)}: "
            "another file system was full, /tmp or this machine's own disk."
        )


def _cells(seen: Observed) -> Iterator[str]:
    statuses = {cell: event.status for cell, event in seen.finishes.items()}
    skipped = sorted(cell for cell, status in statuses.items() if status == "skipped")
    if seen.finished is not None and seen.finished.status == "completed":
        if not any(status != "skipped" for status in statuses.values()):
            yield "No code cell was run, so nothing is proven by this pass."
        exited = sorted(cell for cell, status in statuses.items() if status == "exited")
        if exited:
            yield f"Cell {exited[0]} ended the notebook by SystemExit; no later cell was run."
    if skipped:
        yield f"Skipped, empty or tagged skip-execution: {_cell_list(skipped)}."
    for cell in seen.cut:
        yield f"Cell {cell} printed more than is kept; the rest of its output was dropped."


def _after_the_end(seen: Observed) -> Iterator[str]:
    finished = seen.finished
    if finished is None or seen.refused is not None:
        return
    if finished.leftovers:
        yield f"{finished.leftovers} process(es) were still running at the end and were ended."
    if seen.died is not None and finished.status == "completed":
        yield "The kernel's process died after the last cell."
    if seen.facts.hard_stopped and "wall_time" not in seen.limits:
        yield "The notebook ended in time, but the sandbox had to be ended by force."


def _cell_list(cells: list[int]) -> str:
    shown = ", ".join(str(cell) for cell in cells[:10])
    return f"cell {shown}" + (f" and {len(cells) - 10} more" if len(cells) > 10 else "")

"""The runner's messages to the host: one JSON object a line, one class a kind.

Standard library only and Python 3.10 syntax: this file is mounted into the sandbox beside
`inside/`, and read by the host too, so both ends share one definition. Times are seconds since
the runner started, on a monotonic clock. Cells are counted from 0 over all cells of the notebook.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """One message. Subclasses name their kind and add fields.

    Attributes:
        time_s: Seconds since the runner started.
    """

    kind: ClassVar[str] = ""
    time_s: float


@dataclass(frozen=True)
class RunnerStarted(Event):
    """The runner read the notebook and is about to run it.

    Attributes:
        cells: Number of cells of every type.
        python: Version of the Python that runs the kernel.
        packages: Versions that matter for fidelity, by name (nbclient, ipykernel, torch, ...).
        gpus: CUDA devices seen inside.
    """

    kind: ClassVar[str] = "runner_started"
    cells: int
    python: str
    packages: dict[str, str]
    gpus: int


@dataclass(frozen=True)
class NotebookRefused(Event):
    """The notebook cannot be run at all, so no cell was started.

    Attributes:
        reason: `not_json`, `not_a_notebook`, `empty_file`, `not_utf8`, `language` or `no_kernel`.
        detail: One sentence for a person.
    """

    kind: ClassVar[str] = "notebook_refused"
    reason: str
    detail: str


@dataclass(frozen=True)
class CellStarted(Event):
    """A code cell was sent to the kernel."""

    kind: ClassVar[str] = "cell_started"
    cell: int


@dataclass(frozen=True)
class CellFinished(Event):
    """A code cell came to an end, in whatever way.

    Attributes:
        status: `ok`, `error` (it raised), `exited` (SystemExit that Kaggle forgives), `stopped`
            (the run ended during it) or `skipped` (skip-execution tag, or empty source).
        wall_time_s: Seconds from sent to finished.
        execution_count: Jupyter's number in brackets, or None.
        error_name: Exception class, for `error`; else None.
        error_value: Its text, cut to 4,000 characters; else None.
    """

    kind: ClassVar[str] = "cell_finished"
    cell: int
    status: str
    wall_time_s: float
    execution_count: int | None = None
    error_name: str | None = None
    error_value: str | None = None


@dataclass(frozen=True)
class Sample(Event):
    """Resources of everything in the sandbox except the runner, at one moment.

    Attributes:
        memory_bytes: Anonymous and shared memory (tmpfs, /dev/shm) together.
        cache_bytes: Page cache that is charged to the sandbox; None where it cannot be told.
        cpu_time_s: CPU seconds used since the start.
        disk_bytes: Everything under /kaggle/working.
        processes: Processes alive.
        cell: Cell that was running, or None between cells.
    """

    kind: ClassVar[str] = "sample"
    memory_bytes: int
    cache_bytes: int | None
    cpu_time_s: float
    disk_bytes: int
    processes: int
    cell: int | None = None


@dataclass(frozen=True)
class NetworkAttempt(Event):
    """Somebody in the sandbox asked for a name.

    Attributes:
        name: The name that was looked up, e.g. `huggingface.co`.
        cell: Cell that was running, or None.
    """

    kind: ClassVar[str] = "network_attempt"
    name: str
    cell: int | None


@dataclass(frozen=True)
class OutputCut(Event):
    """A cell printed more than the limit keeps.

    Attributes:
        kept_bytes: What the notebook still holds of it.
    """

    kind: ClassVar[str] = "output_cut"
    cell: int
    kept_bytes: int


@dataclass(frozen=True)
class LimitReached(Event):
    """The runner stopped the kernel for a limit that it watches itself.

    Attributes:
        limit: `wall_time`, `memory`, `disk`.
        used: In the limit's unit, seconds or bytes.
        allowed: The limit.
        cell: Cell that was running, or None.
    """

    kind: ClassVar[str] = "limit_reached"
    limit: str
    used: float
    allowed: float
    cell: int | None


@dataclass(frozen=True)
class MemoryKill(Event):
    """The kernel's memory killer ended processes: the counter in the cgroup went up.

    Attributes:
        killed: Processes killed since the run began.
        cell: Cell that was running when it was noticed, or None.
    """

    kind: ClassVar[str] = "memory_kill"
    killed: int
    cell: int | None


@dataclass(frozen=True)
class KernelDied(Event):
    """The Jupyter kernel's process is gone, and nobody on our side ended it.

    Attributes:
        cell: Cell that was running, or None.
        exit_code: Its exit code, or None when a signal ended it.
        signal: Number of the signal, or None.
        stderr_tail: Last lines of what went past Jupyter to its own standard output and error, at
            most 8,000 characters; mostly empty.
    """

    kind: ClassVar[str] = "kernel_died"
    cell: int | None
    exit_code: int | None
    signal: int | None
    stderr_tail: str


@dataclass(frozen=True)
class RunnerFinished(Event):
    """The last message of a runner that came to its own end.

    Attributes:
        status: `completed`; `failed` (a cell's exception or error output, a dead kernel, a refused
            notebook); `stopped` (a limit).
        cell: The cell to blame, or None.
        error_name: Exception class, or None.
        error_value: Its text, cut to 4,000 characters, or None.
        traceback: Plain text without escape sequences, cut to 16,000 characters, or None.
        memory_peak_bytes: The cgroup's own peak, with page cache; None where it has none.
        memory_kills: The cgroup's counter of killed processes at the end; None where it cannot be
            read.
        leftovers: Processes that the notebook left running and that were ended.
    """

    kind: ClassVar[str] = "runner_finished"
    status: str
    cell: int | None = None
    error_name: str | None = None
    error_value: str | None = None
    traceback: str | None = None
    memory_peak_bytes: int | None = None
    memory_kills: int | None = None
    leftovers: int = 0


@dataclass(frozen=True)
class RunnerFailed(Event):
    """The runner itself broke: a bug of ours or a broken image, never the notebook's fault.

    Attributes:
        detail: The traceback, for a bug report.
    """

    kind: ClassVar[str] = "runner_failed"
    detail: str


_KINDS: dict[str, type[Event]] = {
    event.kind: event
    for event in (
        RunnerStarted,
        NotebookRefused,
        CellStarted,
        CellFinished,
        Sample,
        NetworkAttempt,
        OutputCut,
        LimitReached,
        MemoryKill,
        KernelDied,
        RunnerFinished,
        RunnerFailed,
    )
}


def encode(event: Event) -> str:
    """Write an event as one line of JSON, without the line's end."""
    return json.dumps({"event": event.kind, **asdict(event)}, ensure_ascii=True)


def decode(line: str) -> Event:
    """Read one line that `encode` wrote.

    Raises:
        ValueError: Not JSON, not an object, an unknown kind, or wrong fields.
    """
    data: Any = json.loads(line)
    if not isinstance(data, dict) or data.get("event") not in _KINDS:
        raise ValueError(f"not an event: {line[:200]!r}")
    kind = _KINDS[data.pop("event")]
    unknown = set(data) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"{kind.kind}: unknown fields {sorted(unknown)}")
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(f"{kind.kind}: {error}") from error

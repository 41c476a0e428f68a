"""The host's side of the runner: what it is started with, and what it says.

Shared by both engines. The runner itself is `harness.inside`; it stands in the sandbox, reads one
job file and prints events, one JSON object a line.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import harness
from harness.events import Event, decode
from harness.spec import RunSpec

PYTHON = PurePosixPath("/opt/mirror/bin/python")
LIBRARY = PurePosixPath("/harness/lib")
JOB = PurePosixPath("/harness/job.json")
NOTEBOOK = PurePosixPath("/harness/notebook.ipynb")
OUT = PurePosixPath("/harness/out")
WORKING = PurePosixPath("/kaggle/working")
COMMAND: tuple[str, ...] = (
    str(PYTHON),
    "-I",
    "-B",
    "-X",
    "utf8",
    str(LIBRARY / "harness/inside/main.py"),
    str(JOB),
)

MAX_LINE_BYTES = 1 << 20
MAX_TAIL_LINES = 60
MAX_TAIL_LINE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoices:
    """What the engine decides about the run; the rest of the job comes from the spec.

    Attributes:
        kernel_prefix: Put in front of the kernel's own command: what takes it out of the runner's
            reach.
        watch_memory: No cgroup keeps the memory limit, so the runner has to.
        cpus: Processors the kernel may run on, or None where the engine keeps that itself.
        process_limit: RLIMIT_NPROC of the kernel, or None where a cgroup keeps it.
    """

    kernel_prefix: Sequence[str]
    watch_memory: bool
    cpus: Sequence[int] | None
    process_limit: int | None


def write_job(path: Path, spec: RunSpec, choices: EngineChoices) -> None:
    """Write the job file that the runner reads, readable by everyone."""
    path.write_text(json.dumps(job(spec, choices), ensure_ascii=True), encoding="utf-8")
    path.chmod(0o644)


def job(spec: RunSpec, choices: EngineChoices) -> dict[str, object]:
    """Build the job: paths as the sandbox has them, limits in seconds and bytes."""
    limits = spec.limits
    return {
        "notebook": str(NOTEBOOK),
        "out": str(OUT),
        "working": str(WORKING),
        "kernel_prefix": list(choices.kernel_prefix),
        "environment": dict(spec.environment),
        "wall_time_s": limits.wall_time_s,
        "grace_s": limits.grace_s,
        "memory_bytes": limits.memory_bytes,
        "watch_memory": choices.watch_memory,
        "disk_bytes": limits.disk_bytes,
        "output_bytes": limits.output_bytes,
        "cpus": None if choices.cpus is None else list(choices.cpus),
        "process_limit": choices.process_limit,
        "name_server": True,
        "sole": True,
    }


def package_mounts() -> tuple[tuple[Path, PurePosixPath], ...]:
    """List what of this package the sandbox needs, with the place of each under /harness/lib."""
    package = Path(harness.__file__).parent
    below = LIBRARY / "harness"
    return tuple((package / name, below / name) for name in ("__init__.py", "events.py", "inside"))


@dataclass(slots=True)
class Tail:
    """The last lines of a stream, bounded in number and length."""

    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_TAIL_LINES))
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines[-MAX_TAIL_LINES:]:
            self.add_line(line)
        self._rest = rest[:MAX_TAIL_LINE_CHARACTERS]

    def add_line(self, line: bytes) -> None:
        """Take one whole line."""
        self._lines.append(line[:MAX_TAIL_LINE_CHARACTERS].decode("utf-8", "replace"))

    @property
    def text(self) -> str:
        """The lines kept, and what came after the last line's end."""
        rest = [self._rest.decode("utf-8", "replace")] if self._rest.strip() else []
        return "\n".join([*self._lines, *rest])


@dataclass(slots=True, kw_only=True)
class EventReader:
    """Turns the bytes of the runner's standard output into events, whatever they are.

    A line that is no event is counted and kept for the error message: the runner alone writes
    here, so such a line is a bug or an interpreter's complaint, never a reason to lose the run.

    Attributes:
        strangers: Lines that were no event.
    """

    strangers: int = 0
    _rest: bytearray = field(default_factory=bytearray)
    _cut: bool = False
    _tail: Tail = field(default_factory=Tail)

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return the events that became complete, in order."""
        events: list[Event] = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._append(line)
            event = self._complete()
            if event is not None:
                events.append(event)
        self._append(rest)
        return events

    def close(self) -> list[Event]:
        """Take the end of the stream; a last line without its end still counts."""
        event = self._complete() if self._rest else None
        return [] if event is None else [event]

    @property
    def stranger_tail(self) -> str:
        """The last lines that were no event."""
        return self._tail.text

    def _append(self, data: bytes) -> None:
        space = MAX_LINE_BYTES - len(self._rest)
        self._cut = self._cut or len(data) > space
        self._rest += data[: max(space, 0)]

    def _complete(self) -> Event | None:
        line, cut = bytes(self._rest), self._cut
        self._rest.clear()
        self._cut = False
        if not line.strip():
            return None
        if not cut:
            with suppress(ValueError, TypeError, RecursionError):  # what a strange line can cause
                return decode(line.decode("utf-8"))
        self.strangers += 1
        self._tail.add_line(line)
        return None

"""One run in one container, from its creation to its end: the order of things.

Two clocks: the runner stops the notebook at its limit and saves; the host stops the container only
when the runner has not. Files come out while the container still lives: it removes itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path, PurePosixPath

from harness.engine.base import OnEvent, RunFolders
from harness.engine.docker import limits as readback
from harness.engine.docker.attach import Attachment
from harness.engine.docker.cgroup import (
    Cgroup,
    end_processes,
    find_cgroup,
    memory_kills,
    memory_peak,
)
from harness.engine.docker.client import Image
from harness.engine.docker.create import KERNEL_PREFIX, kernel_environment
from harness.engine.docker.filling import archive
from harness.engine.docker.lifecycle import Container
from harness.engine.extraction import extract_tar
from harness.engine.runner import OUT, WORKING, EngineChoices, EventReader, job
from harness.errors import EngineError, HarnessError, PrerequisiteError
from harness.events import Event, LimitReached, RunnerFailed, RunnerFinished, RunnerStarted
from harness.result import ExitFacts
from harness.spec import RunSpec
from harness.units import format_size

_START_S = 120.0  # for the runner's first word, on a cold disk and with a large image
_MARGIN_S = 5.0  # beyond limit and grace: the runner stops the notebook well before
_SAVE_S = 60.0  # for the runner to write and render the notebook after a limit
_LEAVE_S = 5.0  # for the runner to leave once its input has ended
_GONE_S = 30.0  # for a container that has ended to be removed, on a busy disk
_POLL_S = 1.0
_SLACK_BYTES = 2**30  # what a run may write past its limit between two looks at the disk
_RUNNER_BYTES = 2 * 2**30
_MAX_FILES = 200_000
_NOT_EXECUTED = (126, 127)  # what an init, as a shell, returns for a program it cannot run
_HEADERS_BYTES = 2_048  # of one file in a tar stream, at most


@dataclass(slots=True)
class _Clock:
    """When the host stops waiting; in seconds on the monotonic clock."""

    began: float = field(default_factory=time.monotonic)
    deadline: float = 0.0
    heard: bool = False

    def __post_init__(self) -> None:
        self.deadline = self.began + _START_S

    def note(self, event: Event, spec: RunSpec) -> None:
        """Move the deadline for what the runner said."""
        now = time.monotonic()
        if not self.heard:
            self.heard = True
            self.deadline = now + spec.limits.wall_time_s + spec.limits.grace_s + _MARGIN_S
        if isinstance(event, LimitReached):
            self.deadline = max(self.deadline, now + spec.limits.grace_s + _SAVE_S)

    @property
    def left_s(self) -> float:
        """Seconds to the deadline, 0 when it has passed."""
        return max(0.0, self.deadline - time.monotonic())


class Session:
    """A run in a container that does not exist yet; the container's owner removes it."""

    def __init__(
        self, spec: RunSpec, image: Image, folders: RunFolders, container: Container
    ) -> None:
        self._spec = spec
        self._image = image
        self._folders = folders
        self._container = container
        self._reader = EventReader()
        self._notes: list[str] = []

    def run(self, on_event: OnEvent, cores: tuple[int, ...]) -> ExitFacts:
        """Run it to its end.

        Args:
            on_event: Called with each event as it comes.
            cores: Those that the container was asked to be kept on.
        """
        container = self._container
        container.create()
        given = readback.applied(
            container.inspect(),
            self._spec.limits,
            ",".join(map(str, cores)),
            swap=readback.has_swap(),
        )
        container.fill(self._filling(given, cores))
        attachment = container.attach()
        try:
            container.start()
            clock = _Clock()
            cgroup = self._cgroup()
            table = readback.table(self._spec.limits, given, cgroup, watched=not given.memory)
            try:
                ending = self._listen(attachment, clock, on_event)
                facts = self._end(ending, attachment, clock, cgroup)
            except EngineError:
                # An engine that was killed leaves its containers running.
                if cgroup is not None:
                    end_processes(cgroup)
                raise
            return replace(facts, limits=table)
        finally:
            attachment.close()

    def _filling(self, given: readback.Applied, cores: tuple[int, ...]) -> bytes:
        """What the container starts with; the runner takes over the limits that nobody keeps."""
        spec = replace(self._spec, environment=kernel_environment(self._spec, self._image))
        choices = EngineChoices(
            kernel_prefix=KERNEL_PREFIX,
            watch_memory=not given.memory,
            cpus=None if given.cores else cores,
            process_limit=None if given.processes else spec.limits.processes,
        )
        return archive(job(spec, choices), spec.notebook.read_bytes())

    def _cgroup(self) -> Cgroup | None:
        state = self._container.inspect().get("State") or {}
        pid = int(state.get("Pid") or 0)
        return find_cgroup(pid, self._container.identity) if pid else None

    def _listen(self, attachment: Attachment, clock: _Clock, on_event: OnEvent) -> _Ending:
        """Hand the events on until the runner's last, its end without one, or the deadline."""
        while clock.left_s:
            output = attachment.read(min(_POLL_S, clock.left_s))
            events = self._reader.close() if output is None else self._reader.feed(output)
            for event in events:
                clock.note(event, self._spec)
                self._check_gpus(event)
                on_event(event)
                if isinstance(event, RunnerFinished | RunnerFailed):
                    return _Ending.FINISHED
            if output is None:
                return _Ending.BROKE_OFF
        return _Ending.OVERRAN

    def _check_gpus(self, event: Event) -> None:
        """A GPU that was asked for and is not seen inside must not pass for one."""
        wanted = self._spec.accelerator.present
        if isinstance(event, RunnerStarted) and event.gpus < wanted:
            raise PrerequisiteError(
                f"The container sees {event.gpus} of {wanted} GPUs.",
                fix="Try 'docker run --rm --gpus all IMAGE nvidia-smi', or run with --profile cpu.",
            )

    def _end(
        self,
        ending: _Ending,
        attachment: Attachment,
        clock: _Clock,
        cgroup: Cgroup | None,
    ) -> ExitFacts:
        """Bring the files out and the container to its end, and say how that went."""
        container = self._container
        if not clock.heard:
            raise self._silence(ending, attachment)
        kills = peak = None
        if ending is not _Ending.BROKE_OFF:
            if ending is _Ending.OVERRAN:
                container.pause()
            self._bring_out()
            if cgroup is not None:
                kills, peak = memory_kills(cgroup), memory_peak(cgroup)
        if ending is _Ending.OVERRAN:
            container.kill()
        attachment.drain(_LEAVE_S)
        # One that stays is removed by its owner; what it said of the notebook holds all the same.
        gone = container.wait_until_gone(_GONE_S if ending is _Ending.BROKE_OFF else _LEAVE_S)
        code, signal = _exit_of(container.exit_code)
        if ending is _Ending.BROKE_OFF and gone:
            container.remove_volumes()
            if container.oom_noted():
                self._notes.append("Docker noted that the kernel's memory killer was at work.")
        return ExitFacts(
            exit_code=code,
            signal=signal,
            hard_stopped=ending is _Ending.OVERRAN,
            memory_kills=kills,
            memory_peak_bytes=peak,
            wall_time_s=time.monotonic() - clock.began,
            stderr_tail=self._complaints(attachment),
            limits=(),
        )

    def _silence(self, ending: _Ending, attachment: Attachment) -> HarnessError:
        """Build the error for a runner that never said a word: no fault of the notebook's."""
        complaints = self._complaints(attachment)
        if ending is _Ending.OVERRAN:
            return EngineError(
                f"The runner said nothing for {_START_S:g} s. {complaints}",
                fix=f"Look whether the image runs at all: docker run --rm {self._image.name} true",
            )
        self._container.wait_until_gone(_GONE_S)
        if self._container.exit_code in _NOT_EXECUTED:
            return PrerequisiteError(
                f"The image {self._image.name!r} has no setpriv, or no {self._image.python}: "
                f"{complaints}",
                fix="Build one that has both with 'make image'.",
            )
        return EngineError(
            f"The runner ended before it said anything (exit code {self._container.exit_code}). "
            f"{complaints}",
            fix="Run again; more memory (--memory) helps where that was too little for Python.",
        )

    def _complaints(self, attachment: Attachment) -> str:
        """What was said that is no event: on standard error, beside the events, and by us."""
        parts = (attachment.stderr_tail.strip(), self._reader.stranger_tail, *self._notes)
        return "\n".join(part for part in parts if part)

    def _bring_out(self) -> None:
        """Unpack both folders, one in a thread of its own: each costs the engine 30 ms."""
        failed: list[BaseException] = []

        def runner_files() -> None:
            try:
                self._unpack(OUT, self._folders.runner, _RUNNER_BYTES)
            except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
                failed.append(error)

        beside = threading.Thread(target=runner_files, name="runner's files", daemon=True)
        beside.start()
        self._unpack(WORKING, self._folders.output, self._spec.limits.disk_bytes + _SLACK_BYTES)
        beside.join()
        if failed:
            raise failed[0]

    def _unpack(self, path: PurePosixPath, target: Path, max_bytes: int) -> None:
        """Unpack one folder; what is too much, or no plain file, is left out and noted."""
        stream = self._container.fetch(str(path))
        if stream is None:
            self._notes.append(f"{path} was not there at the end.")
            return
        bounded = _Bounded(stream, max_bytes + _MAX_FILES * _HEADERS_BYTES)
        try:
            extraction = extract_tar(
                bounded, target, strip=path.name, max_bytes=max_bytes, max_files=_MAX_FILES
            )
        except EngineError:
            if not bounded.reached:
                raise
            # A sparse file may claim to be larger than any disk: its zeros are not waited for.
            self._notes.append(f"{path} holds more than {format_size(max_bytes)}: not all kept.")
        else:
            self._notes.extend(f"Not kept of {path}: {line}" for line in extraction.left_out)


class _Ending(Enum):
    """How listening to the runner ended."""

    FINISHED = "finished"
    BROKE_OFF = "broke off"
    OVERRAN = "overran"


class _Bounded:
    """A stream that ends at a bound; `reached` tells that it was cut there."""

    def __init__(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._left = max_bytes
        self.reached = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._left -= len(chunk)
            if self._left < 0:
                self.reached = True
                return
            yield chunk


def _exit_of(code: int | None) -> tuple[int | None, int | None]:
    """Exit code and signal: the container's init returns 128 and the signal that ended its child.

    Source: tini README, "Exit code", read 2026-11.
    """
    if code is not None and 128 < code <= 128 + 64:
        return None, code - 128
    return code, None

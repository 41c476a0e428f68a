"""One sandbox's life: started, followed, ended with everything in it."""

from __future__ import annotations

import ctypes
import os
import select
import selectors
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Self

from harness import process
from harness.engine.base import OnEvent
from harness.engine.bubblewrap.readback import children_of
from harness.engine.runner import EventReader, Tail
from harness.errors import EngineError
from harness.events import CellStarted, Event, LimitReached, RunnerFailed, RunnerFinished
from harness.spec import Limits

START_S = 120.0
"""From the sandbox's start to the runner's first word."""

MARGIN_S = 5.0
"""From the runner's own hard stop to ours."""

SAVE_S = 60.0
"""For a runner that has said which limit was reached: it renders what there is of the notebook."""

END_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36
_READ_BYTES = 1 << 16
_PUT_OFF = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True, kw_only=True)
class Followed:
    """What was seen while a sandbox lived.

    Attributes:
        events: How many events came.
        finished: The runner said its last word.
        hard_stopped: The host ended it because its time had passed.
        wall_time_s: From its start to its end.
        exit_code: Of bwrap, which passes the runner's on; None when a signal ended it.
        signal: That signal.
        stderr_tail: Last lines of standard error, and of what was no event.
    """

    events: int = 0
    finished: bool = False
    hard_stopped: bool = False
    wall_time_s: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    stderr_tail: str = ""


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """A running sandbox; leaving the `with` block ends everything in it, whatever happened.

    Attributes:
        command: What starts it.
        environment: Of that command, not of the notebook.
        limits: Whose wall time and grace the host keeps.
        kill_group: Ends everything in the run's own control group; None without one.
        when_running: Called once with the sandbox's process number when the first cell starts.
        before_end: Called once when the runner has said its last word and everything still lives.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    limits: Limits
    kill_group: Callable[[], bool] | None
    when_running: Callable[[int], None]
    before_end: Callable[[], None]
    _process: process.Child | None = None
    _init: int | None = None
    _began: float = 0.0
    _deadline: float = 0.0
    _seen: Followed = field(default_factory=Followed)
    _running: bool = False

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._deadline = self._began + START_S
        _adopt_orphans()
        self._process = process.start(self.command, environment=self.environment)
        return self

    def __exit__(self, *_: object) -> None:
        with uninterrupted():
            self._end()

    def follow(self, on_event: OnEvent) -> Followed:
        """Pass on every event until the runner has ended or its time is up."""
        child, seen = self._child(), self._seen
        reader, errors = EventReader(), Tail()
        if child.stdout is None or child.stderr is None:
            raise EngineError("The sandbox has no output.", fix="This is a bug: report it.")
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ, reader)
            selector.register(child.stderr, selectors.EVENT_READ, errors)
            while selector.get_map() and not self._is_late():
                for key, _ in selector.select(max(self._deadline - time.monotonic(), 0)):
                    data = os.read(key.fd, _READ_BYTES)
                    if key.data is reader:
                        self._take(reader.feed(data) if data else reader.close(), on_event)
                    else:
                        errors.feed(data)
                    if not data:
                        selector.unregister(key.fileobj)
        self._reap()
        seen.wall_time_s = time.monotonic() - self._began
        seen.stderr_tail = "\n".join(text for text in (errors.text, reader.stranger_tail) if text)
        return seen

    def _take(self, events: Sequence[Event], on_event: OnEvent) -> None:
        for event in events:
            if not self._seen.events:
                self._hear_first(event)
            self._seen.events += 1
            on_event(event)
            if isinstance(event, LimitReached):
                saved = time.monotonic() + self.limits.grace_s + SAVE_S
                self._deadline = max(self._deadline, saved)
            if isinstance(event, CellStarted) and not self._running:
                self._running = True
                self.when_running(self._child().pid)
            if isinstance(event, RunnerFinished | RunnerFailed) and not self._seen.finished:
                self._seen.finished = True
                self.before_end()
                self._close_stdin()
                self._deadline = time.monotonic() + END_S

    def _hear_first(self, event: Event) -> None:
        """From now on the runner's own clock counts, which began a little later than ours."""
        began = time.monotonic() - event.time_s
        allowed = self.limits.wall_time_s + self.limits.grace_s + MARGIN_S
        self._deadline = began + allowed
        self._find_init()

    def _is_late(self) -> bool:
        """Whether the sandbox's time is up; a runner that has finished may be slow to leave."""
        late = time.monotonic() >= self._deadline
        if late and self._seen.events and not self._seen.finished:
            self._seen.hard_stopped = True
        return late

    def _reap(self) -> None:
        """Wait for a sandbox that has closed its outputs; end one that has not."""
        child = self._child()
        code = process.wait(child, 0 if self._is_late() else END_S)
        if code is None:
            self._end()
            code = child.wait()
        self._seen.exit_code = code if code >= 0 else None
        self._seen.signal = -code if code < 0 else None

    def _find_init(self) -> None:
        """Hold on to process 1 of the sandbox: when it is gone, so is all that was in there."""
        children = children_of(self._child().pid)
        if self._init is None and children:
            with suppress(ProcessLookupError):
                self._init = os.pidfd_open(children[0])

    def _end(self) -> None:
        """End everything; each step does no harm when there is nothing left to do.

        Raises:
            EngineError: Something is still there, in an uninterruptible wait say.
        """
        child = self._process
        if child is None:
            return
        self._find_init()
        self._close_stdin()
        child.kill()
        gone = self.kill_group is None or self.kill_group()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
        if self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
            gone = _wait_for(self._init, END_S) and gone
            with suppress(ChildProcessError):  # somebody else's to reap
                os.waitid(os.P_PIDFD, self._init, os.WEXITED | os.WNOHANG)
            os.close(self._init)
            self._init = None
        if not gone:
            raise EngineError(
                "A process of the run does not end, although it was killed.",
                fix="Look for processes in state D with 'ps', then run 'harness doctor'.",
            )

    def _close_stdin(self) -> None:
        child = self._child()
        if child.stdin is not None and not child.stdin.closed:
            with suppress(BrokenPipeError):
                child.stdin.close()

    def _child(self) -> process.Child:
        if self._process is None:
            raise EngineError("The sandbox was not started.", fix="This is a bug: report it.")
        return self._process


def _adopt_orphans() -> None:
    """Become the parent of what bwrap leaves, so that no zombie depends on the machine's init.

    bwrap ends without waiting for its process 1. In a container there may be no init that does.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for(pidfd: int, seconds: float) -> bool:
    """Wait until a process is gone, and with it, as it is process 1, its whole namespace."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM until the block is done, then let them have their way."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in _PUT_OFF}
    try:
        yield
    finally:
        for put_off, handler in before.items():
            signal.signal(put_off, handler)
        for number in came[:1]:
            signal.raise_signal(number)

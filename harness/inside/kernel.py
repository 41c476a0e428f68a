"""The Jupyter kernel as a process: started first of all, watched, interrupted, waited for.

It is started here and not by jupyter_client, for three reasons: it starts while the runner still
imports nbclient, it needs a prefix that makes it less privileged than the runner, and its end is
noticed at once and with its cause.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.inside.drain import Drain
from harness.inside.job import Job
from harness.inside.processes import all_processes, descendants

_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_ADDRESS = "127.0.0.1"
_EXITING = 0x4


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach the kernel.

    Attributes:
        file: The connection file, which the kernel reads.
        key: Secret with which messages are signed.
        ports: TCP ports on the loopback address by Jupyter's names, e.g. `shell_port`.
    """

    file: Path
    key: str
    ports: dict[str, int]

    def remove(self) -> None:
        """Remove the connection file; one that the kernel made its own goes with the sandbox."""
        with contextlib.suppress(PermissionError):
            self.file.unlink(missing_ok=True)

    def address(self, port: str) -> str:
        """Return ZeroMQ's address of a port named as in `ports`."""
        return f"tcp://{_ADDRESS}:{self.ports[port]}"


@dataclass(frozen=True, slots=True)
class KernelExit:
    """How the kernel ended.

    Attributes:
        code: Exit code, or None when a signal ended it.
        signal: That signal's number, or None.
    """

    code: int | None
    signal: int | None


def make_connection(folder: Path) -> Connection:
    """Choose five free ports and write the connection file, readable for the kernel's user."""
    sockets = [socket.socket() for _ in _PORTS]
    try:
        for each in sockets:
            each.bind((_ADDRESS, 0))
        ports = {name: each.getsockname()[1] for name, each in zip(_PORTS, sockets, strict=True)}
    finally:
        for each in sockets:
            each.close()
    key = os.urandom(16).hex()
    content = {
        **ports,
        "ip": _ADDRESS,
        "key": key,
        "transport": "tcp",
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }
    descriptor, name = tempfile.mkstemp(suffix=".json", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    Path(name).chmod(0o644)  # in the Docker sandbox the kernel is another user than the runner
    return Connection(file=Path(name), key=key, ports=ports)


def exit_of(status: int, *, through_bubblewrap: bool) -> KernelExit:
    """Turn a wait status into code or signal.

    Args:
        status: As `os.waitpid` returns it.
        through_bubblewrap: Whether bwrap stands between: it turns signal N into code 128 + N.

    Source: bubblewrap 0.11, bubblewrap.c, propagate_exit_status, read 2026-11.
    """
    if os.WIFSIGNALED(status):
        return KernelExit(None, os.WTERMSIG(status))
    code = os.WEXITSTATUS(status)
    if through_bubblewrap and 128 < code <= 128 + signal.SIGRTMAX:
        return KernelExit(None, code - 128)
    return KernelExit(code, None)


def ends_soon(stat: str, status: str) -> bool:
    """Tell from /proc/PID/stat and status whether a process exits or has SIGKILL waiting.

    Source: Linux, proc_pid_stat(5) field 9, PF_EXITING in include/linux/sched.h, and
    proc_pid_status(5), ShdPnd; read 2026-11.
    """
    after_name = stat.rpartition(")")[2].split()
    if len(after_name) < 7 or after_name[0] in "ZX" or int(after_name[6]) & _EXITING:
        return True
    waiting = 0
    for line in status.splitlines():
        name, _, mask = line.partition(":")
        if name in {"SigPnd", "ShdPnd"}:
            waiting |= int(mask, 16)
    return bool(waiting & 1 << (signal.SIGKILL - 1))


class KernelProcess:
    """The running kernel.

    Attributes:
        connection: How to reach it.
        pid: Of the process that the runner started: the kernel or what its prefix puts around it.
        exited: Set as soon as it has ended.
    """

    def __init__(self, job: Job) -> None:
        """Start the kernel.

        Raises:
            OSError: The program is missing, or a limit could not be set.
        """
        self.connection = make_connection(Path(tempfile.gettempdir()))
        self.exited = threading.Event()
        self._exit = KernelExit(None, None)
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._through_bubblewrap = "bwrap" in Path((job.kernel_prefix or ("",))[0]).name
        read_end, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                self._command(job),
                cwd=job.working,
                env=job.environment,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                # Safe: the runner has no other thread yet.
                preexec_fn=lambda: _confine(job.cpus, job.process_limit),  # noqa: PLW1509
            )
        except (OSError, subprocess.SubprocessError) as error:
            self.connection.remove()
            if isinstance(error, OSError):
                raise
            raise OSError(f"the kernel's limits could not be set: {error}") from error
        finally:
            os.close(write_end)
        self.pid = self._process.pid
        self._drain = Drain(read_end)
        threading.Thread(target=self._wait, name="kernel exit", daemon=True).start()

    def _command(self, job: Job) -> list[str]:
        return [
            *job.kernel_prefix,
            sys.executable,
            "-m",
            "ipykernel_launcher",
            "-f",
            str(self.connection.file),
            # As nbclient does: no history database, which several kernels would fight for.
            "--HistoryManager.hist_file=:memory:",
        ]

    def _wait(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self._exit = exit_of(status, through_bubblewrap=self._through_bubblewrap)
        self._process.returncode = status  # Popen must not wait for a pid that may be used again
        with self._lock:
            self.exited.set()
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()

    def when_exited(self, callback: Callable[[], None]) -> None:
        """Call back from another thread when the kernel has ended; at once if it has already."""
        with self._lock:
            if not self.exited.is_set():
                self._callbacks.append(callback)
                return
        callback()

    @property
    def exit(self) -> KernelExit:
        """How it ended; only meaningful once `exited` is set."""
        return self._exit

    def note_ready(self) -> None:
        """Forget what it wrote while it started: hints for somebody at a terminal."""
        self._drain.forget()

    def stderr_tail(self, characters: int) -> str:
        """Return the end of what it wrote to its own standard output and error."""
        return self._drain.tail(characters, wait_s=0.2 if self.exited.is_set() else 0.0)

    def signal(self, number: int) -> None:
        """Send a signal to the kernel itself, not to what its prefix puts around it."""
        target = self._kernel_pid()
        if target is None:
            return
        try:
            os.kill(target, number)
        except (ProcessLookupError, PermissionError) as error:
            sys.stderr.write(f"signal {number} did not reach the kernel: {error}\n")

    def is_ending(self) -> bool:
        """Whether it has ended, or is about to: giving back much memory takes it seconds."""
        pid = self._kernel_pid()
        if pid is None:
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True
        return ends_soon(stat, status)

    def interrupt(self) -> None:
        """Interrupt what it runs, as pressing stop does."""
        self.signal(signal.SIGINT)

    def _kernel_pid(self) -> int | None:
        if self.exited.is_set():
            return None
        if not self._through_bubblewrap:
            return self.pid
        processes = all_processes()
        inner = sorted(descendants(self.pid, processes))
        # bwrap's own processes come first; the first that is none of them is the kernel.
        return next((pid for pid in inner if processes[pid].name != "bwrap"), None)


def _confine(cpus: tuple[int, ...] | None, process_limit: int | None) -> None:
    """Set, between fork and exec, what the kernel and all of its children inherit."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    if process_limit is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (process_limit, process_limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would fill /kaggle/working
    # When memory runs out, the notebook goes and not the runner.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")

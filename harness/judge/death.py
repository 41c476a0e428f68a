"""The kernel's process is gone: by a fault, by a signal, or by leaving.

The memory killer is judged before; here its counter is known to be 0 or cannot be read.
"""

from __future__ import annotations

import re
import signal

from harness.events import KernelDied
from harness.result import Cause
from harness.text import one_line, plain

_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS})
# A program that starts the kernel reports the signal that ended it as 128 + its number.
# Source: POSIX.1-2024, Shell Command Language, 2.8.2; bwrap(1); read 2026-11.
_SHELL_OFFSET = 128
_FATAL = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGKILL,
        signal.SIGUSR1,
        signal.SIGSEGV,
        signal.SIGUSR2,
        signal.SIGPIPE,
        signal.SIGALRM,
        signal.SIGTERM,
        signal.SIGXCPU,
        signal.SIGXFSZ,
        signal.SIGSYS,
    }
)
# What every kernel says when it starts. Source: ipykernel 6.17.1 and debugpy 1.8, read 2026-11.
_GREETING = re.compile(
    r"^(?:[\d.]+s - .*|NOTE: When using the `ipython kernel` entry point, .*"
    r"|To exit, you will have to explicitly quit this process, .*|\"quit\" from a client, or .*"
    r"|To read more about this, see .*|To connect another client to this kernel, use:"
    r"|\s*--existing .*)$",
    re.MULTILINE,
)
# libgomp, OpenBLAS and C++ say this when clone answers EAGAIN, and then end the process.
_NO_THREADS = re.compile(
    r"(?:hread creation failed|pthread_create\w*|\bfork\b|std::system_error)[\s\S]{0,200}?"
    r"Resource temporarily unavailable"
)


def cause_of_death(
    died: KernelDied, memory_kills: int | None
) -> tuple[Cause, str, tuple[str, ...]]:
    """Say why the kernel is gone.

    Args:
        died: What the runner saw.
        memory_kills: The memory killer's counter: 0, or None where it cannot be read.

    Returns:
        Cause, summary, evidence.
    """
    where = "Between cells" if died.cell is None else f"During cell {died.cell}"
    tail = _GREETING.sub("", plain(died.stderr_tail)).strip()
    ended_by = _signal_of(died)
    evidence = [_observed(died)]
    if tail:
        evidence.append(f"The kernel's last words: {_last_words(tail)}")
    if _NO_THREADS.search(tail):
        return (
            Cause.PROCESS_LIMIT,
            f"{where} the kernel could not start another thread or process and ended.",
            tuple(evidence),
        )
    if ended_by in _FAULTS:
        return (
            Cause.SEGFAULT,
            f"{where} the kernel crashed in native code ({_name(ended_by)}).",
            tuple(evidence),
        )
    if ended_by is not None:
        evidence.append(
            "The memory killer's counter is 0, so it was not the memory limit."
            if memory_kills == 0
            else "There is no counter of the memory killer here, so memory is not blamed."
        )
        return (
            Cause.KERNEL_SIGNAL,
            f"{where} the kernel was ended by the signal {_name(ended_by)}.",
            tuple(evidence),
        )
    return (
        Cause.KERNEL_EXITED,
        f"{where} the kernel's process left with exit code {died.exit_code}.",
        tuple(evidence),
    )


def _signal_of(died: KernelDied) -> int | None:
    if died.signal is not None:
        return died.signal
    number = (died.exit_code or 0) - _SHELL_OFFSET
    return number if number in _FATAL else None


def _observed(died: KernelDied) -> str:
    if died.signal is not None:
        return f"The kernel's process was ended by signal {died.signal} ({_name(died.signal)})."
    ended_by = _signal_of(died)
    if ended_by is not None:
        return f"Exit code {died.exit_code} stands for signal {ended_by} ({_name(ended_by)})."
    return f"The kernel's process ended with exit code {died.exit_code}."


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"number {number}"


def _last_words(tail: str) -> str:
    """The part of standard error that tells most: from faulthandler's first line, or the end."""
    start = tail.rfind("Fatal Python error")
    return one_line(tail[start:] if start >= 0 else tail[-400:], most=400)

"""Who owns a run: enough to tell later whether that process still lives.

A number alone is not enough, since numbers are used again: the start time goes with it, and the
boot and the pid namespace in which both mean anything.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

_PROC = Path("/proc")


class Owner(Enum):
    """Whether the process that a label names is still there."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"  # of another boot, another machine, or another container


def identity(proc: Path = _PROC, pid: int | None = None) -> str:
    """Name this process (or `pid`) as `PID:START:BOOT:NAMESPACE`; parts not known are empty.

    Source: proc_pid_stat(5), field 22 is the start time in ticks since boot; pid_namespaces(7).
    """
    number = os.getpid() if pid is None else pid
    return f"{number}:{_start(proc, number)}:{_here(proc)}"


def state(label: str, proc: Path = _PROC) -> Owner:
    """Tell whether the process named by `identity` lives, as far as this process can know."""
    number, _, rest = label.partition(":")
    start, _, place = rest.partition(":")
    if not number.isdigit() or not start or place != _here(proc):
        return Owner.UNKNOWN
    return Owner.ALIVE if _start(proc, int(number)) == start else Owner.DEAD


def _start(proc: Path, pid: int) -> str:
    """Start time of a process, or an empty text when it is gone (or a zombie) or not readable."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return "" if len(fields) < 20 or fields[0] in ("Z", "X") else fields[19]


def _here(proc: Path) -> str:
    """This boot and this pid namespace."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot}:{(proc / 'self/ns/pid').readlink()}"
    except OSError:
        return ":"

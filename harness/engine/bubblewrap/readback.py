"""What the kernel really holds a running sandbox to, read from /proc of the host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KERNEL = "ipykernel_launcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Read from the processes of a sandbox; None means that it could not be read.

    Attributes:
        cpus: Processors that the kernel may run on.
        process_limit: Its RLIMIT_NPROC; None also when it is unlimited.
        shm_bytes: Size of its /dev/shm.
        interfaces: Network interfaces that it sees.
        writable_inputs: Mounts under /kaggle/input that are not read-only.
    """

    cpus: frozenset[int] | None = None
    process_limit: int | None = None
    shm_bytes: int | None = None
    interfaces: tuple[str, ...] | None = None
    writable_inputs: tuple[str, ...] | None = None


def observe(pid: int, proc: Path = Path("/proc")) -> Observed:
    """Read what the notebook's kernel is held to, while it runs.

    Args:
        pid: Of the process that started the sandbox.
        proc: The host's /proc.
    """
    kernel = find_kernel(pid, proc)
    if kernel is None:
        return Observed()
    folder = proc / str(kernel)
    mounts = parse_mounts(_read(folder / "mountinfo"))
    return Observed(
        cpus=_affinity(kernel),
        process_limit=parse_process_limit(_read(folder / "limits")),
        shm_bytes=mounts.shm_bytes,
        interfaces=parse_interfaces(_read(folder / "net/dev")),
        writable_inputs=mounts.writable_inputs,
    )


def find_kernel(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Find the kernel: in the nested sandbox, two process namespaces below that of `pid`.

    The runner may start other things in a sandbox of their own; the command line tells them apart,
    and no cell has run yet that could change it.
    """
    depth = namespace_depth(_read(proc / str(pid) / "status"))
    waiting, seen = [pid], {pid}
    while waiting:
        for child in children_of(waiting.pop(), proc):
            nested = namespace_depth(_read(proc / str(child) / "status")) == depth + 2
            if nested and KERNEL in (_read(proc / str(child) / "cmdline") or ""):
                return child
            if child not in seen:
                seen.add(child)
                waiting.append(child)
    return None


def namespace_depth(status: str | None) -> int:
    """Count the process namespaces that a process is in, from a status file; 0 when it is gone."""
    for line in (status or "").splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) - 1
    return 0


def children_of(pid: int, proc: Path = Path("/proc")) -> Sequence[int]:
    """List the children of a process, oldest first; empty when it is gone."""
    found: set[int] = set()
    for file in (proc / str(pid) / "task").glob("*/children"):
        found |= {int(text) for text in (_read(file) or "").split()}
    return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMounts:
    """What a mountinfo file says of the mounts that matter; None when there is none."""

    shm_bytes: int | None
    writable_inputs: tuple[str, ...] | None


def parse_mounts(text: str | None) -> SeenMounts:
    """Parse a mountinfo file. Source: proc_pid_mountinfo(5), read 2026-11."""
    shm_bytes: int | None = None
    writable: list[str] = []
    for line in (text or "").splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        if place == "/dev/shm":  # noqa: S108
            sizes = [part for part in after.split()[-1].split(",") if part.startswith("size=")]
            shm_bytes = _kibibytes(sizes[-1]) if sizes else None
        if place.startswith("/kaggle/input") and "ro" not in options.split(","):
            writable.append(place)
    return SeenMounts(shm_bytes=shm_bytes, writable_inputs=tuple(writable) if text else None)


def parse_process_limit(text: str | None) -> int | None:
    """Parse the soft limit of processes from a limits file; None when unlimited or not there."""
    for line in (text or "").splitlines():
        if line.startswith("Max processes"):
            soft = line.split()[2]
            return int(soft) if soft.isdigit() else None
    return None


def parse_interfaces(text: str | None) -> tuple[str, ...] | None:
    """Parse the names from a net/dev file, which has two lines of headings."""
    if text is None:
        return None
    return tuple(line.partition(":")[0].strip() for line in text.splitlines()[2:])


def _kibibytes(option: str) -> int | None:
    digits = option.removeprefix("size=").removesuffix("k")
    return int(digits) * 1024 if digits.isdigit() else None


def _affinity(pid: int) -> frozenset[int] | None:
    try:
        return frozenset(os.sched_getaffinity(pid))
    except OSError:
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None

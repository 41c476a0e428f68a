"""A container's cgroup, read from outside where this machine shows it; versions 1 and 2."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_KILL_ROUNDS = 100
_KILL_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """The container's cgroup as this machine shows it.

    Attributes:
        version: 1 or 2.
        memory: Folder with its memory files.
        processes: Folder with its pids files.
        cores: Folder with its cpuset files.
    """

    version: int
    memory: Path
    processes: Path
    cores: Path


def find_cgroup(pid: int, container: str, root: Path = Path("/")) -> Cgroup | None:
    """Find the cgroup of a container's first process; None where this machine does not show it.

    Args:
        pid: By the engine's word; on another machine it is a number of somebody else's.
        container: Its identity, which has to be in the path: proof that the pid is its own.
        root: Where `proc` and `sys` are; another folder in tests.

    Source: cgroups(7), "/proc/pid/cgroup", read 2026-11.
    """
    try:
        lines = (root / f"proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    paths: dict[str, Path] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if container in path:
            for controller in controllers.split(","):
                folder = f"{controller}/" if controller else ""
                paths[controller] = root / f"sys/fs/cgroup/{folder}{path.lstrip('/')}"
    unified = paths.get("")
    if unified is not None and (unified / "memory.max").exists():
        return Cgroup(version=2, memory=unified, processes=unified, cores=unified)
    if not {"memory", "pids", "cpuset"} <= set(paths) or not paths["memory"].is_dir():
        return None
    return Cgroup(version=1, memory=paths["memory"], processes=paths["pids"], cores=paths["cpuset"])


def memory_kills(cgroup: Cgroup) -> int | None:
    """How many processes the kernel's memory killer ended in it; None when it cannot be read.

    Source: Linux, admin-guide/cgroup-v1/memory, "memory.oom_control", and cgroup-v2,
    "memory.events", read 2026-11.
    """
    name = "memory.events" if cgroup.version == 2 else "memory.oom_control"
    counts = dict(line.split(" ", 1) for line in read_file(cgroup.memory / name).splitlines())
    count = counts.get("oom_kill", "")
    return int(count) if count.isdigit() else None


def memory_peak(cgroup: Cgroup) -> int | None:
    """The cgroup's own peak in bytes, with page cache; None before Linux 5.19 on version 2."""
    name = "memory.peak" if cgroup.version == 2 else "memory.max_usage_in_bytes"
    text = read_file(cgroup.memory / name).strip()
    return int(text) if text.isdigit() else None


def end_processes(cgroup: Cgroup) -> bool:
    """Kill every process in it ourselves: for when the engine that should is gone.

    Returns:
        Whether none is left. Only root may signal a container's processes, so an ordinary user
        mostly gets False: an engine ends its containers when it is started again.
    """
    for _ in range(_KILL_ROUNDS):
        pids = read_file(cgroup.processes / "cgroup.procs").split()
        if not pids:
            return True
        for pid in pids:
            try:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            except PermissionError:
                return False
        time.sleep(_KILL_PAUSE_S)
    return False


def read_file(path: Path) -> str:
    """A cgroup file's text; empty when it is gone or not for us."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

"""Which limits the engine really applies: read back from the container and from its cgroup.

An engine may take a limit and not apply it: no swap accounting, no delegated cgroup. What it kept
of a request is in the container's own record; what the kernel holds is in the cgroup's files,
where this machine shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine.docker.cgroup import Cgroup, read_file
from harness.result import EnforcedLimit, Enforcement
from harness.spec import Limits
from harness.units import format_duration, format_size

_UNLIMITED = 2**60  # cgroup v1 writes "no limit" as a number close to 2**63
_PAGE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the engine kept of what it was asked for.

    Attributes:
        memory: The container's memory is limited, swap included.
        swap_note: Why swap is not a way around, or is; for the mechanism's text.
        may_swap: The engine's machine may have swap.
        processes: Their number is limited.
        cores: The container is kept on its cores.
        quota: Its processor time is limited to as many cores.
    """

    memory: bool
    swap_note: str
    may_swap: bool
    processes: bool
    cores: bool
    quota: bool


def applied(inspected: Mapping[str, Any], limits: Limits, cores: str, *, swap: bool) -> Applied:
    """Compare the container's record with the request.

    Args:
        inspected: `GET /containers/ID/json`, after its creation.
        limits: What was asked for.
        cores: The cpuset that was asked for, e.g. `0-3` or `0,1`.
        swap: Whether the engine's machine may have swap; memory without a limit on swap is no
            limit there.
    """
    host = inspected.get("HostConfig") or {}
    swap_limited = host.get("MemorySwap") == limits.memory_bytes
    memory = host.get("Memory") == limits.memory_bytes and (swap_limited or not swap)
    if swap_limited:
        note = "memory and swap together"
    else:
        note = "swap is not limited" if swap else "this machine has no swap"
    return Applied(
        memory=memory,
        swap_note=note,
        may_swap=swap,
        processes=host.get("PidsLimit") == limits.processes,
        cores=host.get("CpusetCpus") == cores,
        quota=host.get("NanoCpus") == limits.cpus * 10**9,
    )


def has_swap(meminfo: Path = Path("/proc/meminfo")) -> bool:
    """Whether this machine has swap; True where that cannot be read."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return True
    totals = [line.split()[1] for line in lines if line.startswith("SwapTotal:")]
    return totals != ["0"]


def table(
    limits: Limits, given: Applied, cgroup: Cgroup | None, *, watched: bool
) -> tuple[EnforcedLimit, ...]:
    """The enforcement table of a run.

    Args:
        limits: What was asked for.
        given: What the engine kept of it.
        cgroup: Where the kernel's own figures are read back; None where they are out of sight.
        watched: The runner watches the memory itself.
    """
    return (
        _row(
            "wall_time",
            format_duration(limits.wall_time_s),
            Enforcement.ENFORCED,
            f"the runner's clock, and {format_duration(limits.grace_s)} later the host's",
        ),
        _memory_row(limits, given, cgroup, watched=watched),
        _cpus_row(limits, given, cgroup),
        _row(
            "disk",
            format_size(limits.disk_bytes),
            Enforcement.WATCHED,
            "the runner measures /kaggle/working; writing past it gives no ENOSPC",
        ),
        _row("shm", format_size(limits.shm_bytes), Enforcement.ENFORCED, "size of /dev/shm"),
        _processes_row(limits, given, cgroup),
        _row("network", "none", Enforcement.ENFORCED, "a network namespace with lo alone"),
        _row("inputs", "read-only", Enforcement.ENFORCED, "read-only mounts"),
    )


def _row(name: str, allowed: str, how: Enforcement, mechanism: str) -> EnforcedLimit:
    return EnforcedLimit(name=name, allowed=allowed, how=how, mechanism=mechanism)


def _memory_row(
    limits: Limits, given: Applied, cgroup: Cgroup | None, *, watched: bool
) -> EnforcedLimit:
    kept, mechanism = given.memory, f"the engine's memory limit, {given.swap_note}"
    if cgroup is not None:
        name = "memory.max" if cgroup.version == 2 else "memory.limit_in_bytes"
        kept = kept and _holds(cgroup.memory / name, limits.memory_bytes)
        kept = kept and (not given.may_swap or _swap_is_limited(cgroup, limits.memory_bytes))
        mechanism = f"cgroup v{cgroup.version} {name}, {given.swap_note}"
    if kept:
        how = Enforcement.ENFORCED
    elif watched:
        how, mechanism = Enforcement.WATCHED, f"the runner; {mechanism} is not applied"
    else:
        how, mechanism = Enforcement.NOT_EMULATED, f"{mechanism} is not applied"
    return _row("memory", format_size(limits.memory_bytes), how, mechanism)


def _cpus_row(limits: Limits, given: Applied, cgroup: Cgroup | None) -> EnforcedLimit:
    kept = given.cores
    if cgroup is not None and kept:
        name = "cpuset.cpus.effective" if cgroup.version == 2 else "cpuset.cpus"
        kept = _count(read_file(cgroup.cores / name)) == limits.cpus
    if kept:
        how, mechanism = Enforcement.ENFORCED, "cpuset" + (" and quota" if given.quota else "")
    elif given.quota:
        how, mechanism = Enforcement.ENFORCED, "quota alone: the notebook sees every core"
    else:
        how, mechanism = Enforcement.NOT_EMULATED, "the engine applies neither cpuset nor quota"
    return _row("cpus", str(limits.cpus), how, mechanism)


def _processes_row(limits: Limits, given: Applied, cgroup: Cgroup | None) -> EnforcedLimit:
    kept = given.processes
    if cgroup is not None:
        kept = kept and _holds(cgroup.processes / "pids.max", limits.processes)
    return _row(
        "processes",
        str(limits.processes),
        Enforcement.ENFORCED if kept else Enforcement.NOT_EMULATED,
        "cgroup pids.max" if kept else "the engine applies no limit",
    )


def _holds(path: Path, wanted: int) -> bool:
    """Whether a cgroup file holds the limit, to the page: the kernel rounds down."""
    text = read_file(path).strip()
    if not text.isdigit() or int(text) >= _UNLIMITED:
        return False
    return wanted - _PAGE < int(text) <= wanted


def _swap_is_limited(cgroup: Cgroup, memory_bytes: int) -> bool:
    """Whether the cgroup lets nothing out to swap beyond its memory limit.

    Version 1 counts memory and swap together, version 2 swap alone.
    """
    if cgroup.version == 2:
        return read_file(cgroup.memory / "memory.swap.max").strip() == "0"
    return _holds(cgroup.memory / "memory.memsw.limit_in_bytes", memory_bytes)


def _count(cores: str) -> int:
    """How many cores a list such as `0-3,8` names."""
    total = 0
    for part in cores.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            total += int(last or first) - int(first) + 1
    return total

"""The enforcement table of a run in bubblewrap: asked for, read back, said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engine.bubblewrap.cgroup import OWN_PROCESSES
from harness.engine.bubblewrap.readback import Observed
from harness.result import EnforcedLimit, Enforcement
from harness.spec import Limits
from harness.units import format_duration, format_size

_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How a run is held, as far as the engine knows.

    Attributes:
        cgroup_version: 1 or 2, or None without an own group.
        cgroup_values: File names and what they said after they were set.
        cpus: Processors that were chosen.
        observed: Read from the running kernel; None while there is none.
        noexec: Inputs are mounted so that nothing in them can be executed.
        overlay: The kernel may change its copy of the mirror.
        program_version: Of bwrap.
        swap: Whether this machine has swap.
    """

    cgroup_version: int | None
    cgroup_values: Mapping[str, str]
    cpus: Sequence[int]
    observed: Observed | None
    noexec: bool
    overlay: bool
    program_version: str
    swap: bool


def rows(limits: Limits, held: Held) -> tuple[EnforcedLimit, ...]:
    """Build the table, in the order to show."""
    seen = held.observed or Observed()
    table = [
        _row(
            "wall_time",
            format_duration(limits.wall_time_s),
            Enforcement.ENFORCED,
            "two clocks: the runner stops softly, the host kills the sandbox after the grace",
        ),
        _memory(limits, held),
        _cpus(limits, held, seen),
        _row(
            "disk",
            format_size(limits.disk_bytes),
            Enforcement.WATCHED,
            "the runner measures /kaggle/working; there is no ENOSPC",
        ),
        _shm(limits, seen),
        _processes(limits, held, seen),
        _network(seen),
        _inputs(held, seen),
        _row(
            "system_calls",
            "not filtered",
            Enforcement.NOT_EMULATED,
            "no seccomp filter; no capabilities, no new privileges, no new user namespaces",
        ),
    ]
    if not held.overlay:
        table.append(
            _row(
                "packages",
                "cannot be installed",
                Enforcement.NOT_EMULATED,
                f"bwrap {held.program_version} or this disk has no overlays: mirror read-only",
            )
        )
    return tuple(table)


def planned(limits: Limits, *, own_group: bool) -> Mapping[str, str]:
    """Say for `--dry-run` what would keep each limit.

    Args:
        limits: What is asked for.
        own_group: Whether the run would get a control group of its own.
    """
    group = " and a cgroup" if own_group else ""
    memory = "a cgroup of its own, swap included" if own_group else "the runner, every 100 ms"
    return {
        "wall_time": f"{format_duration(limits.wall_time_s)}, by the runner, then by the host",
        "memory": f"{format_size(limits.memory_bytes)}, by {memory}",
        "cpus": f"{limits.cpus}, by affinity{group}",
        "disk": f"{format_size(limits.disk_bytes)} in /kaggle/working, watched by the runner",
        "shm": f"{format_size(limits.shm_bytes)}, by the size of /dev/shm",
        "processes": f"{limits.processes}, by RLIMIT_NPROC{group}",
        "network": "none but loopback, by a network namespace of its own",
        "inputs": "read-only, by the mounts",
    }


def has_swap(meminfo: Path = Path("/proc/meminfo")) -> bool:
    """Whether this machine has swap in use; True where that cannot be read."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return True
    return "0" not in [line.split()[1] for line in lines if line.startswith("SwapTotal:")]


def _memory(limits: Limits, held: Held) -> EnforcedLimit:
    allowed, values = format_size(limits.memory_bytes), held.cgroup_values
    if held.cgroup_version is None:
        mechanism = "no own cgroup here: the runner adds up the processes every 100 ms"
        return _row("memory", allowed, Enforcement.WATCHED, mechanism)
    v1 = held.cgroup_version == 1
    name, swap_name = (
        ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        if v1
        else ("memory.max", "memory.swap.max")
    )
    text = values.get(name, "")
    set_as_asked = text.isdigit() and 0 <= limits.memory_bytes - int(text) < _PAGE_BYTES
    if swap_name in values:
        swap_kept, swap = True, f"{swap_name} = {'the same' if v1 else values[swap_name]}"
    else:
        swap_kept = not held.swap
        swap = "no swap accounting, but no swap either" if swap_kept else "swap is not counted"
    kept = set_as_asked and swap_kept
    return _row(
        "memory",
        allowed,
        Enforcement.ENFORCED if kept else Enforcement.NOT_EMULATED,
        f"cgroup v{held.cgroup_version} {name}, {swap}",
    )


def _cpus(limits: Limits, held: Held, seen: Observed) -> EnforcedLimit:
    how = "cpuset cgroup and affinity" if "cpuset.cpus" in held.cgroup_values else "affinity"
    allowed = str(limits.cpus)
    if seen.cpus is None:
        return _row("cpus", allowed, Enforcement.OBSERVED, f"{how}, not read back")
    numbers = ", ".join(str(cpu) for cpu in sorted(seen.cpus))
    if not seen.cpus <= set(held.cpus):
        return _row("cpus", allowed, Enforcement.NOT_EMULATED, f"{how}: processors {numbers}")
    if "cpuset.cpus" in held.cgroup_values:
        return _row("cpus", allowed, Enforcement.ENFORCED, f"{how}: processors {numbers}")
    how = f"affinity, which a notebook may widen again: processors {numbers}"
    return _row("cpus", allowed, Enforcement.OBSERVED, how)


def _shm(limits: Limits, seen: Observed) -> EnforcedLimit:
    allowed = format_size(limits.shm_bytes)
    if seen.shm_bytes is None:
        return _row("shm", allowed, Enforcement.ENFORCED, "size of the tmpfs, not read back")
    kept = abs(seen.shm_bytes - limits.shm_bytes) < _PAGE_BYTES
    how = Enforcement.ENFORCED if kept else Enforcement.NOT_EMULATED
    return _row("shm", allowed, how, f"tmpfs of {format_size(seen.shm_bytes)}")


def _processes(limits: Limits, held: Held, seen: Observed) -> EnforcedLimit:
    allowed, group = str(limits.processes), held.cgroup_values.get("pids.max")
    mechanism = "RLIMIT_NPROC in the sandbox's own user namespace"
    if group == str(limits.processes + OWN_PROCESSES):
        mechanism += f" and cgroup pids.max = {group}"
    if seen.process_limit is None:
        return _row("processes", allowed, Enforcement.ENFORCED, f"{mechanism}, not read back")
    kept = seen.process_limit <= limits.processes + OWN_PROCESSES
    how = Enforcement.ENFORCED if kept else Enforcement.NOT_EMULATED
    mechanism += f": {seen.process_limit} with the runner's own"
    return _row("processes", allowed, how, mechanism)


def _network(seen: Observed) -> EnforcedLimit:
    mechanism = "own network namespace"
    if seen.interfaces is None:
        return _row("network", "none", Enforcement.ENFORCED, f"{mechanism}, not read back")
    kept = set(seen.interfaces) <= {"lo"}
    how = Enforcement.ENFORCED if kept else Enforcement.NOT_EMULATED
    return _row("network", "none", how, f"{mechanism} with {', '.join(seen.interfaces)} only")


def _inputs(held: Held, seen: Observed) -> EnforcedLimit:
    execute = "mounted noexec" if held.noexec else "without execute bits because staging sets none"
    if seen.writable_inputs:
        broken = f"writable: {', '.join(seen.writable_inputs)}"
        return _row("inputs", "read-only", Enforcement.NOT_EMULATED, broken)
    mechanism = f"read-only mounts, {execute}"
    if seen.writable_inputs is None:
        mechanism += ", not read back"
    return _row("inputs", "read-only", Enforcement.ENFORCED, mechanism)


def _row(name: str, allowed: str, how: Enforcement, mechanism: str) -> EnforcedLimit:
    return EnforcedLimit(name=name, allowed=allowed, how=how, mechanism=mechanism)

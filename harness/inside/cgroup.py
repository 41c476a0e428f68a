"""Reads the sandbox's own cgroup, as the runner sees it: version 1 and version 2.

Source: Linux, admin-guide/cgroup-v1/memory, cgroup-v1/cpuacct and cgroup-v2; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_UNLIMITED_BYTES = 2**60  # version 1 writes "no limit" as a number just below 2**63
_CPU_FOLDERS = ("cpuacct", "cpu,cpuacct", "cpuacct,cpu")


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """What the processes of a cgroup hold.

    Attributes:
        used_bytes: Anonymous and shared memory; what a limit cannot reclaim.
        cache_bytes: Page cache of files on disk, which it can.
    """

    used_bytes: int
    cache_bytes: int


def parse_counts(text: str) -> dict[str, int]:
    """Parse a file of `name count` lines: memory.stat, memory.events, memory.oom_control, cpu.stat.

    Returns:
        Counts by name, in any order; lines of another form are left out.
    """
    counts: dict[str, int] = {}
    for line in text.splitlines():
        name, _, count = line.partition(" ")
        if count.strip().isdecimal():
            counts[name] = int(count)
    return counts


def memory_v1(stat: Mapping[str, int]) -> CgroupMemory:
    """Take used memory and cache from version 1's memory.stat, children included."""
    shared = stat.get("total_shmem", 0)
    return CgroupMemory(
        used_bytes=stat["total_rss"] + shared,
        cache_bytes=max(0, stat["total_cache"] - shared),
    )


def memory_v2(stat: Mapping[str, int]) -> CgroupMemory:
    """Take used memory and cache from version 2's memory.stat."""
    shared = stat.get("shmem", 0)
    return CgroupMemory(used_bytes=stat["anon"] + shared, cache_bytes=max(0, stat["file"] - shared))


class Cgroup:
    """A cgroup of our own, which holds the runner and the notebook.

    Attributes:
        version: 1 or 2.
    """

    def __init__(self, version: int, root: Path) -> None:
        self.version = version
        self._memory = root / "memory" if version == 1 else root
        self._cpu = root
        if version == 1:
            folders = [root / name for name in _CPU_FOLDERS]
            self._cpu = next((folder for folder in folders if folder.is_dir()), root)

    def memory(self) -> CgroupMemory:
        """Return what its processes hold now.

        Raises:
            OSError: The file cannot be read.
            KeyError: It lacks a count that every version has.
        """
        stat = parse_counts((self._memory / "memory.stat").read_text(encoding="ascii"))
        return memory_v1(stat) if self.version == 1 else memory_v2(stat)

    def cpu_time_s(self) -> float | None:
        """Return the processor seconds used so far, or None where they are not counted."""
        try:
            if self.version == 1:
                return int((self._cpu / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
            stat = parse_counts((self._cpu / "cpu.stat").read_text(encoding="ascii"))
            return stat["usage_usec"] / 1e6
        except (OSError, ValueError, KeyError):
            return None

    def kills(self) -> int | None:
        """Return how many processes the memory killer has ended, or None where it is not counted.

        Version 1 counts since Linux 4.13.
        """
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        try:
            return parse_counts((self._memory / name).read_text(encoding="ascii")).get("oom_kill")
        except OSError:
            return None

    def peak_bytes(self) -> int | None:
        """Return the highest memory use with page cache; None before Linux 5.19 with version 2."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        try:
            return int((self._memory / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None


def own_cgroup(root: Path = ROOT) -> Cgroup | None:
    """Find the sandbox's own cgroup.

    One without a memory limit is the machine's, whose figures say nothing about the notebook.

    Returns:
        The cgroup, or None when there is none in sight.
    """
    for version, name in ((2, "memory.max"), (1, "memory/memory.limit_in_bytes")):
        try:
            limit = int((root / name).read_text(encoding="ascii"))
        except (OSError, ValueError):  # not there, or "max"
            continue
        if limit < _UNLIMITED_BYTES:
            return Cgroup(version, root)
    return None

"""Measures memory process by process, where the sandbox has no cgroup of its own.

Source: Linux, filesystems/proc (status, smaps_rollup, mountinfo), read 2026-11.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

_KIB = 1024
# Processes smaller than this share too little to matter.
_LARGE_BYTES = 64 * 2**20
# Walking the page tables of a large process keeps it from mapping memory for milliseconds.
_REFINE_EVERY_S = 1.0
_REFINE_COST_FACTOR = 30

Read = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of one process.

    Attributes:
        anonymous_bytes: Private; shared with its parent and children until one of them writes.
        shared_bytes: Shared mappings and what it touched of tmpfs files.
    """

    anonymous_bytes: int
    shared_bytes: int


def parse_sizes(text: str) -> dict[str, int]:
    """Parse lines such as `RssAnon:    1024 kB` into bytes by name; other lines are left out."""
    sizes: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB" and words[0].isdecimal():
            sizes[name] = int(words[0]) * _KIB
    return sizes


def process_memory(status: str) -> ProcessMemory:
    """Take a process's memory from /proc/PID/status; zero for one that is ending."""
    sizes = parse_sizes(status)
    return ProcessMemory(sizes.get("RssAnon", 0), sizes.get("RssShmem", 0))


def tmpfs_mounts(mountinfo: str) -> list[str]:
    """Find the tmpfs file systems in /proc/self/mountinfo.

    Returns:
        One mount point each, however often it is mounted.
    """
    found: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) >= 6 and after.split(" ", 1)[0] == "tmpfs":
            found.setdefault(fields[2], fields[4].encode().decode("unicode_escape"))
    return list(found.values())


def read_text(path: str) -> str:
    """Read a file of /proc; empty for a process that has ended or may not be looked at."""
    try:
        # Not by pathlib: it is read ten times a second for every process.
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


class ProcessMemoryReader:
    """Adds up the memory of the notebook's processes and of the sandbox's tmpfs."""

    def __init__(self, *, near_bytes: int, read: Read = read_text) -> None:
        """Note what tmpfs holds already: that is not the notebook's.

        Args:
            near_bytes: From this sum on, memory shared after a fork is told apart even for one
                process.
            read: Reads a file; for tests.
        """
        self._near_bytes = near_bytes
        self._read = read
        self._mounts = tmpfs_mounts(read("/proc/self/mountinfo"))
        self._tmpfs_before = self._tmpfs_bytes()
        self._share = 1.0
        self._refine_after = 0.0

    def used_bytes(self, pids: Collection[int]) -> int:
        """Return anonymous and shared memory of these processes and tmpfs together."""
        each = {pid: process_memory(self._read(f"/proc/{pid}/status")) for pid in pids}
        anonymous = sum(memory.anonymous_bytes for memory in each.values())
        large = [pid for pid, memory in each.items() if memory.anonymous_bytes > _LARGE_BYTES]
        if len(large) < 2 and anonymous < self._near_bytes:
            self._share = 1.0
        elif time.monotonic() >= self._refine_after:
            self._refine(large, each)
        return self._sum(each)

    def exact_bytes(self, pids: Collection[int]) -> int:
        """Return the same, with every process's shared pages told apart: before a run is ended.

        A hundred small forks of one process are small each and share nearly all they have, so the
        quick sum can be far too high.
        """
        each = {pid: process_memory(self._read(f"/proc/{pid}/status")) for pid in pids}
        self._refine(pids, each)
        return self._sum(each)

    def _sum(self, each: dict[int, ProcessMemory]) -> int:
        anonymous = sum(memory.anonymous_bytes for memory in each.values())
        shared = max(
            0,
            self._tmpfs_bytes() - self._tmpfs_before,
            *(memory.shared_bytes for memory in each.values()),
        )
        return int(anonymous * self._share) + shared

    def _refine(self, large: Collection[int], each: dict[int, ProcessMemory]) -> None:
        """Find out how much of the anonymous memory is counted more than once."""
        started = time.monotonic()
        counted = shared_out = 0
        for pid in large:
            proportional = parse_sizes(self._read(f"/proc/{pid}/smaps_rollup")).get("Pss_Anon")
            if proportional is not None:
                counted += each[pid].anonymous_bytes
                shared_out += min(proportional, each[pid].anonymous_bytes)
        # Small ones, and those that may not be looked into, count in full.
        rest = sum(memory.anonymous_bytes for memory in each.values()) - counted
        self._share = (shared_out + rest) / (counted + rest) if counted else 1.0
        ended = time.monotonic()
        self._refine_after = ended + max(_REFINE_EVERY_S, _REFINE_COST_FACTOR * (ended - started))

    def _tmpfs_bytes(self) -> int:
        used = 0
        for mount in self._mounts:
            try:
                state = os.statvfs(mount)
            except OSError:  # covered by another mount, or not for us
                continue
            used += (state.f_blocks - state.f_bfree) * state.f_frsize
        return used

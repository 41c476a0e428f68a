"""Memory by process, from the text of /proc."""

from __future__ import annotations

import pytest

from harness.inside import memory
from harness.inside.memory import ProcessMemoryReader, process_memory, tmpfs_mounts

MIB = 2**20
STATUS = (
    "Name:\tpython\nVmHWM:\t  99 kB\nRssAnon:\t{anon} kB\nRssFile:\t 5 kB\nRssShmem:\t{shmem} kB\n"
)
ROLLUP = "55e 7ff ---p 0 0:0 0 [rollup]\nRss: 9 kB\nPss: 8 kB\nPss_Anon: {pss} kB\n"
MOUNTINFO = """22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:25 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
31 30 0:26 / /dev/shm rw,nosuid - tmpfs shm rw
32 22 0:26 /sub /mnt/again rw - tmpfs shm rw
33 22 0:27 / /with\\040space rw shared:1 - tmpfs tmpfs rw
broken line
"""


def reader(
    processes: dict[int, tuple[int, int, int | None]], near: int = 2**40
) -> ProcessMemoryReader:
    """Processes are pid -> anonymous, shared, proportional anonymous MiB (None: not readable)."""

    def read(path: str) -> str:
        if path == "/proc/self/mountinfo":
            return ""
        _, _, pid, name = path.split("/")
        anon, shmem, pss = processes[int(pid)]
        if name == "status":
            return STATUS.format(anon=anon * 1024, shmem=shmem * 1024)
        return "" if pss is None else ROLLUP.format(pss=pss * 1024)

    return ProcessMemoryReader(near_bytes=near, read=read)


def test_a_process_s_memory():
    found = process_memory(STATUS.format(anon=2048, shmem=1024))
    assert (found.anonymous_bytes, found.shared_bytes) == (2 * MIB, MIB)


def test_a_process_that_is_gone_has_none():
    assert process_memory("").anonymous_bytes == 0


def test_each_tmpfs_is_listed_once():
    assert tmpfs_mounts(MOUNTINFO) == ["/dev", "/dev/shm", "/with space"]


def test_one_process_is_taken_as_it_is():
    assert reader({1: (1024, 0, 1)}).used_bytes([1]) == 1024 * MIB


def test_memory_shared_after_a_fork_is_counted_once():
    family = {1: (1000, 0, 260), 2: (1000, 0, 250), 3: (1000, 0, 250), 4: (10, 0, 10)}
    used = reader(family).used_bytes(list(family))
    assert used == pytest.approx((260 + 250 + 250 + 10) * MIB, rel=0.001)


def test_small_processes_are_not_looked_into():
    assert reader({1: (60, 0, 0), 2: (60, 0, 0)}).used_bytes([1, 2]) == 120 * MIB


def test_many_small_forks_are_told_apart_before_a_run_is_ended():
    forks = dict.fromkeys(range(1, 101), (60, 0, 1))
    measured = reader(forks)
    assert measured.used_bytes(list(forks)) == 6000 * MIB
    assert measured.exact_bytes(list(forks)) == 100 * MIB


def test_a_process_that_may_not_be_looked_into_counts_in_full():
    measured = reader({1: (500, 0, 5), 2: (500, 0, None)})
    assert measured.exact_bytes([1, 2]) == 505 * MIB


def test_one_process_is_looked_into_near_the_limit():
    assert reader({1: (1000, 0, 900)}, near=500 * MIB).used_bytes([1]) == 900 * MIB


def test_shared_mappings_count_once_where_no_tmpfs_shows_them():
    assert reader({1: (10, 300, 0), 2: (10, 300, 0)}).used_bytes([1, 2]) == 320 * MIB


def test_tmpfs_counts_beyond_what_it_held_at_the_start(monkeypatch):
    used = [100 * MIB]

    class State:
        f_blocks = 10**9
        f_frsize = 1

        @property
        def f_bfree(self):
            return self.f_blocks - used[0]

    monkeypatch.setattr(memory.os, "statvfs", lambda _: State())
    texts = {"/proc/self/mountinfo": MOUNTINFO.splitlines()[2] + "\n"}
    made = ProcessMemoryReader(
        near_bytes=2**40, read=lambda path: texts.get(path, STATUS.format(anon=1024, shmem=2048))
    )
    used[0] += 50 * MIB
    assert made.used_bytes([1]) == 51 * MIB

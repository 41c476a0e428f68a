"""Both versions of cgroup, from files as a container sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.inside.cgroup import own_cgroup, parse_counts

# Docker 20.10 on cgroup v1, Linux 5.10 (2026-11), shortened.
STAT_V1 = """cache 5210112
rss 1081344
shmem 4194304
hierarchical_memory_limit 419430400
total_cache 5210112
total_rss 1081344
total_rss_huge 0
total_shmem 4194304
total_mapped_file 135168
"""
STAT_V2 = """anon 2000000
file 900000
kernel_stack 16384
shmem 300000
file_mapped 100000
"""


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    memory, cpu = tmp_path / "memory", tmp_path / "cpu,cpuacct"
    memory.mkdir()
    cpu.mkdir()
    (memory / "memory.limit_in_bytes").write_text("419430400\n")
    (memory / "memory.stat").write_text(STAT_V1)
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (memory / "memory.max_usage_in_bytes").write_text("7000000\n")
    (cpu / "cpuacct.usage").write_text("1500000000\n")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "memory.max").write_text("419430400\n")
    (tmp_path / "memory.stat").write_text(STAT_V2)
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n")
    (tmp_path / "memory.peak").write_text("5000000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    return tmp_path


def test_version_1(v1):
    cgroup = own_cgroup(v1)
    assert cgroup is not None
    assert cgroup.version == 1
    assert cgroup.memory().used_bytes == 1081344 + 4194304
    assert cgroup.memory().cache_bytes == 5210112 - 4194304
    assert cgroup.kills() == 2
    assert cgroup.peak_bytes() == 7_000_000
    assert cgroup.cpu_time_s() == 1.5


def test_version_2(v2):
    cgroup = own_cgroup(v2)
    assert cgroup is not None
    assert cgroup.version == 2
    assert cgroup.memory().used_bytes == 2_300_000
    assert cgroup.memory().cache_bytes == 600_000
    assert cgroup.kills() == 1
    assert cgroup.peak_bytes() == 5_000_000
    assert cgroup.cpu_time_s() == 2.5


def test_an_old_kernel_has_no_peak_and_no_counter(v1, v2):
    (v2 / "memory.peak").unlink()
    (v1 / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\n")
    assert own_cgroup(v2).peak_bytes() is None
    (v2 / "memory.max").unlink()
    assert own_cgroup(v1).kills() is None


def test_the_machine_s_own_cgroup_is_not_ours(v1, v2):
    (v2 / "memory.max").write_text("max\n")
    (v1 / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert own_cgroup(v1) is None


def test_no_cgroup_in_sight(tmp_path):
    assert own_cgroup(tmp_path / "missing") is None


def test_lines_of_another_form_are_left_out():
    assert parse_counts("a 1\nb\nc x\n\nd 2 3\ne -1\n") == {"a": 1}

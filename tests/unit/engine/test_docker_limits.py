"""Limits read back: what the engine kept, what the cgroup's files hold, on both versions."""

from dataclasses import replace

import pytest

from harness.engine.docker.cgroup import find_cgroup, memory_kills, memory_peak
from harness.engine.docker.limits import Applied, applied, has_swap, table
from harness.result import Enforcement
from harness.spec import Limits

GIB = 2**30
CONTAINER = "c0ffee" * 10
LIMITS = Limits(
    wall_time_s=60.0, memory_bytes=4 * GIB, cpus=2, disk_bytes=GIB, shm_bytes=GIB, processes=512
)
ALL_KEPT = Applied(
    memory=True,
    swap_note="memory and swap together",
    may_swap=True,
    processes=True,
    cores=True,
    quota=True,
)


def record(**changes):
    host = {
        "Memory": 4 * GIB,
        "MemorySwap": 4 * GIB,
        "PidsLimit": 512,
        "CpusetCpus": "0,1",
        "NanoCpus": 2 * 10**9,
    }
    return {"HostConfig": host | changes}


@pytest.fixture
def root_v1(tmp_path):
    """A machine with cgroup v1, as Docker 20.10 lays it out with cgroupfs."""
    (tmp_path / "proc/7").mkdir(parents=True)
    lines = [
        f"{number}:{name}:/docker/{CONTAINER}"
        for number, name in ((4, "pids"), (3, "memory"), (2, "cpuset"), (1, "cpu,cpuacct"))
    ]
    (tmp_path / "proc/7/cgroup").write_text("\n".join([*lines, "0::/"]) + "\n")
    files = {
        "memory/memory.limit_in_bytes": f"{4 * GIB}\n",
        "memory/memory.memsw.limit_in_bytes": f"{4 * GIB}\n",
        "memory/memory.max_usage_in_bytes": "123456\n",
        "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        "pids/pids.max": "512\n",
        "cpuset/cpuset.cpus": "0-1\n",
    }
    return write_files(tmp_path, files)


@pytest.fixture
def root_v2(tmp_path):
    """A machine with cgroup v2, as systemd lays it out for Docker."""
    (tmp_path / "proc/7").mkdir(parents=True)
    scope = f"system.slice/docker-{CONTAINER}.scope"
    (tmp_path / "proc/7/cgroup").write_text(f"0::/{scope}\n")
    files = {
        "memory.max": f"{4 * GIB}\n",
        "memory.swap.max": "0\n",
        "memory.peak": "654321\n",
        "memory.events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n",
        "pids.max": "512\n",
        "cpuset.cpus.effective": "4,6\n",
    }
    return write_files(tmp_path, {f"../{scope}/{name}": text for name, text in files.items()})


def write_files(root, files):
    for name, text in files.items():
        controller, _, rest = name.partition("/")
        base = root / "sys/fs/cgroup"
        path = (
            base / rest if controller == ".." else base / controller / "docker" / CONTAINER / rest
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def row(name, given=ALL_KEPT, cgroup=None, *, watched=False):
    rows = table(LIMITS, given, cgroup, watched=watched)
    return next(each for each in rows if each.name == name)


class TestApplied:
    def test_all_kept(self):
        assert applied(record(), LIMITS, "0,1", swap=True) == ALL_KEPT

    def test_swap_accounting_is_missing_and_there_is_swap(self):
        given = applied(record(MemorySwap=-1), LIMITS, "0,1", swap=True)
        assert not given.memory
        assert "not limited" in given.swap_note

    def test_swap_accounting_is_missing_and_there_is_no_swap(self):
        given = applied(record(MemorySwap=-1), LIMITS, "0,1", swap=False)
        assert given.memory
        assert "no swap" in given.swap_note

    @pytest.mark.parametrize(
        ("field", "value", "kept"),
        [
            ("Memory", 0, "memory"),
            ("PidsLimit", None, "processes"),
            ("CpusetCpus", "", "cores"),
            ("NanoCpus", 0, "quota"),
        ],
    )
    def test_what_a_rootless_engine_drops(self, field, value, kept):
        given = applied(record(**{field: value}), LIMITS, "0,1", swap=False)
        assert not getattr(given, kept)

    def test_no_record_is_nothing_kept(self):
        given = applied({}, LIMITS, "0,1", swap=False)
        assert not any((given.memory, given.processes, given.cores, given.quota))


class TestSwap:
    @pytest.mark.parametrize(("line", "expected"), [("0", False), ("2097148", True)])
    def test_meminfo(self, tmp_path, line, expected):
        path = tmp_path / "meminfo"
        path.write_text(f"MemTotal: 1 kB\nSwapTotal:      {line} kB\nSwapFree: {line} kB\n")
        assert has_swap(path) is expected

    def test_unknown_counts_as_swap(self, tmp_path):
        assert has_swap(tmp_path / "none")


class TestCgroup:
    def test_v1(self, root_v1):
        cgroup = find_cgroup(7, CONTAINER, root_v1)
        assert cgroup.version == 1
        assert memory_kills(cgroup) == 3
        assert memory_peak(cgroup) == 123456

    def test_v2(self, root_v2):
        cgroup = find_cgroup(7, CONTAINER, root_v2)
        assert cgroup.version == 2
        assert memory_kills(cgroup) == 2
        assert memory_peak(cgroup) == 654321

    def test_a_pid_of_somebody_else(self, root_v1):
        assert find_cgroup(7, "deadbeef" * 8, root_v1) is None

    def test_no_such_pid(self, root_v1):
        assert find_cgroup(8, CONTAINER, root_v1) is None

    def test_gone_in_between(self, root_v2):
        cgroup = find_cgroup(7, CONTAINER, root_v2)
        for path in cgroup.memory.iterdir():
            path.unlink()
        assert memory_kills(cgroup) is None
        assert memory_peak(cgroup) is None


class TestTable:
    @pytest.mark.parametrize("machine", ["root_v1", "root_v2"])
    def test_read_back(self, machine, request):
        cgroup = find_cgroup(7, CONTAINER, request.getfixturevalue(machine))
        rows = {each.name: each for each in table(LIMITS, ALL_KEPT, cgroup, watched=False)}
        assert rows.keys() == {
            *("wall_time", "memory", "cpus", "disk", "shm", "processes", "network", "inputs")
        }
        assert {name for name, each in rows.items() if each.how is not Enforcement.ENFORCED} == {
            "disk"
        }
        assert f"v{cgroup.version}" in rows["memory"].mechanism

    @pytest.mark.parametrize("text", ["max\n", f"{2**63 - 4096}\n", f"{8 * GIB}\n", ""])
    def test_memory_that_the_kernel_does_not_hold(self, root_v2, text):
        cgroup = find_cgroup(7, CONTAINER, root_v2)
        (cgroup.memory / "memory.max").write_text(text)
        assert row("memory", cgroup=cgroup).how is Enforcement.NOT_EMULATED
        assert row("memory", cgroup=cgroup, watched=True).how is Enforcement.WATCHED

    @pytest.mark.parametrize(
        ("machine", "name"),
        [("root_v1", "memory.memsw.limit_in_bytes"), ("root_v2", "memory.swap.max")],
    )
    def test_swap_that_the_kernel_does_not_limit(self, machine, name, request):
        cgroup = find_cgroup(7, CONTAINER, request.getfixturevalue(machine))
        (cgroup.memory / name).unlink()
        assert row("memory", cgroup=cgroup).how is Enforcement.NOT_EMULATED
        given = replace(ALL_KEPT, may_swap=False)
        assert row("memory", given, cgroup).how is Enforcement.ENFORCED

    def test_memory_rounded_down_to_a_page(self, root_v1):
        cgroup = find_cgroup(7, CONTAINER, root_v1)
        (cgroup.memory / "memory.limit_in_bytes").write_text(f"{4 * GIB - 4095}\n")
        assert row("memory", cgroup=cgroup).how is Enforcement.ENFORCED

    def test_processes_that_the_kernel_does_not_hold(self, root_v1):
        cgroup = find_cgroup(7, CONTAINER, root_v1)
        (cgroup.processes / "pids.max").write_text("max\n")
        assert row("processes", cgroup=cgroup).how is Enforcement.NOT_EMULATED

    def test_quota_alone_says_so(self):
        given = replace(ALL_KEPT, cores=False)
        assert "every core" in row("cpus", given).mechanism

    def test_neither_cpuset_nor_quota(self):
        given = replace(ALL_KEPT, cores=False, quota=False)
        assert row("cpus", given).how is Enforcement.NOT_EMULATED

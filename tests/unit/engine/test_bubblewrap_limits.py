"""The enforcement table says what was read back, never what was hoped for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.engine.bubblewrap import limits, readback
from harness.engine.bubblewrap.limits import Held
from harness.engine.bubblewrap.readback import Observed
from harness.result import Enforcement
from harness.spec import Limits

LIMITS = Limits(
    wall_time_s=60, memory_bytes=2**30, cpus=2, disk_bytes=2**30, shm_bytes=2**20, processes=100
)
OBSERVED = Observed(
    cpus=frozenset({0, 1}),
    process_limit=116,
    shm_bytes=2**20,
    interfaces=("lo",),
    writable_inputs=(),
)
V1 = {
    "memory.limit_in_bytes": str(2**30),
    "memory.memsw.limit_in_bytes": str(2**30),
    "pids.max": "164",
    "cpuset.cpus": "0-1",
}
HELD = Held(
    cgroup_version=1,
    cgroup_values=V1,
    cpus=(0, 1),
    observed=OBSERVED,
    noexec=True,
    overlay=True,
    program_version="0.11",
    swap=False,
)


def row(name, **changes):
    table = {each.name: each for each in limits.rows(LIMITS, replace(HELD, **changes))}
    return table[name]


def test_all_is_enforced_that_can_be():
    table = {each.name: each.how for each in limits.rows(LIMITS, HELD)}
    not_enforced = {name: how for name, how in table.items() if how is not Enforcement.ENFORCED}
    assert not_enforced == {
        "disk": Enforcement.WATCHED,
        "system_calls": Enforcement.NOT_EMULATED,
    }


class TestMemory:
    def test_without_a_group_it_is_watched(self):
        assert row("memory", cgroup_version=None, cgroup_values={}).how is Enforcement.WATCHED

    def test_a_limit_that_did_not_take_is_said(self):
        values = V1 | {"memory.limit_in_bytes": "9223372036854771712"}
        assert row("memory", cgroup_values=values).how is Enforcement.NOT_EMULATED

    def test_the_kernel_may_round_down_to_a_page(self):
        values = V1 | {"memory.limit_in_bytes": str(2**30 - 4095)}
        assert row("memory", cgroup_values=values).how is Enforcement.ENFORCED

    @pytest.mark.parametrize(
        ("swap", "how"), [(False, Enforcement.ENFORCED), (True, Enforcement.NOT_EMULATED)]
    )
    def test_without_swap_accounting_it_depends_on_swap(self, swap, how):
        values = {"memory.limit_in_bytes": str(2**30)}
        found = row("memory", cgroup_values=values, swap=swap)
        assert found.how is how
        assert "swap" in found.mechanism

    def test_version_2(self):
        values = {"memory.max": str(2**30), "memory.swap.max": "0"}
        found = row("memory", cgroup_version=2, cgroup_values=values)
        assert found.how is Enforcement.ENFORCED
        assert found.mechanism == "cgroup v2 memory.max, memory.swap.max = 0"


class TestRest:
    def test_affinity_alone_is_only_observed(self):
        assert row("cpus", cgroup_values={}).how is Enforcement.OBSERVED

    def test_too_many_processors(self):
        more = replace(OBSERVED, cpus=frozenset({0, 1, 2}))
        assert row("cpus", observed=more).how is Enforcement.NOT_EMULATED

    def test_no_limit_of_processes(self):
        none = replace(OBSERVED, process_limit=96_000)
        assert row("processes", observed=none).how is Enforcement.NOT_EMULATED

    def test_another_interface(self):
        more = replace(OBSERVED, interfaces=("lo", "eth0"))
        assert row("network", observed=more).how is Enforcement.NOT_EMULATED

    def test_a_writable_input(self):
        writable = replace(OBSERVED, writable_inputs=("/kaggle/input/a",))
        assert row("inputs", observed=writable).how is Enforcement.NOT_EMULATED

    def test_execute_bits_are_said_to_be_staging_s_where_mounts_cannot_do_it(self):
        assert "noexec" in row("inputs").mechanism
        assert "staging" in row("inputs", noexec=False).mechanism

    def test_another_size_of_shm(self):
        assert row("shm", observed=replace(OBSERVED, shm_bytes=2**30)).how is (
            Enforcement.NOT_EMULATED
        )

    @pytest.mark.parametrize("name", ["cpus", "processes", "network", "inputs", "shm"])
    def test_what_could_not_be_read_back_is_said(self, name):
        assert "not read back" in row(name, observed=None).mechanism

    def test_packages_without_overlays(self):
        assert row("packages", overlay=False).how is Enforcement.NOT_EMULATED


class TestReadback:
    MOUNTINFO = (
        "40 39 0:40 / / rw - ext4 /dev/vda rw\n"
        "41 40 0:41 / /dev/shm rw,nosuid - tmpfs tmpfs rw,size=65536k,inode64\n"
        "42 40 0:42 / /kaggle/input ro,nosuid - ext4 /dev/vda rw\n"
        "43 40 0:43 / /kaggle/input/datasets/a rw,nosuid - ext4 /dev/vda rw\n"
    )

    def test_mounts(self):
        mounts = readback.parse_mounts(self.MOUNTINFO)
        assert mounts.shm_bytes == 64 * 2**20
        assert mounts.writable_inputs == ("/kaggle/input/datasets/a",)

    def test_nothing_to_read_is_not_known(self):
        mounts = readback.parse_mounts(None)
        assert (mounts.shm_bytes, mounts.writable_inputs) == (None, None)
        assert readback.parse_process_limit(None) is None
        assert readback.parse_interfaces(None) is None

    def test_limits_file(self):
        heading = "Limit                     Soft Limit           Hard Limit           Units\n"
        line = "Max processes             132                  132                  processes\n"
        assert readback.parse_process_limit(heading + line) == 132
        assert readback.parse_process_limit(line.replace("132", "unlimited")) is None

    def test_interfaces(self):
        text = "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n"
        assert readback.parse_interfaces(text) == ("lo", "eth0")

    def test_the_kernel_is_two_namespaces_down(self, tmp_path):
        tree = {10: [11], 11: [12], 12: [13, 14], 13: [16], 14: [15], 15: [], 16: []}
        depth = {10: 1, 11: 2, 12: 2, 13: 2, 14: 2, 15: 3, 16: 3}
        commands = {14: "bwrap\0ipykernel_launcher", 15: "python\0-m\0ipykernel_launcher"}
        for pid, children in tree.items():
            (tmp_path / f"{pid}/task/{pid}").mkdir(parents=True)
            (tmp_path / f"{pid}/task/{pid}/children").write_text(" ".join(map(str, children)))
            numbers = "\t".join(str(pid) for _ in range(depth[pid]))
            (tmp_path / f"{pid}/status").write_text(f"Name:\tx\nNSpid:\t{numbers}\n")
            (tmp_path / f"{pid}/cmdline").write_text(commands.get(pid, "other"))
        assert readback.find_kernel(10, tmp_path) == 15
        assert readback.find_kernel(13, tmp_path) is None

    @pytest.mark.parametrize(
        ("text", "swap"), [("SwapTotal:  0 kB\n", False), ("SwapTotal:  1024 kB\n", True)]
    )
    def test_swap(self, tmp_path, text, swap):
        (tmp_path / "meminfo").write_text(text)
        assert limits.has_swap(tmp_path / "meminfo") is swap
        assert limits.has_swap(tmp_path / "missing")

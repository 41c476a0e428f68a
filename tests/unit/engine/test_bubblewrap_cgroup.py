"""Control groups of both versions, on folders that look like them."""

from __future__ import annotations

import os

import pytest

from harness.engine.bubblewrap import cgroup, scope
from harness.engine.bubblewrap.cgroup import OWN_PROCESSES, Cgroup, CgroupLimits, parse_counters

LIMITS = CgroupLimits(memory_bytes=2**30, processes=100, cpus=(0, 2))


@pytest.fixture
def v1(tmp_path):
    """A version 1 hierarchy in which this process is in /own of memory and / of the others."""
    proc = tmp_path / "proc"
    proc.mkdir()
    lines = []
    for controller in ("memory", "pids", "cpuset"):
        folder = tmp_path / controller
        (folder / "own").mkdir(parents=True)
        (folder / "cpuset.effective_mems").write_text("0\n")
        lines.append(f"31 30 0:26 / {folder} rw,relatime shared:9 - cgroup cgroup rw,{controller}")
    lines.append("32 30 0:27 / /elsewhere rw - cgroup2 cgroup2 rw")
    lines.append("33 30 0:28 / / rw - ext4 /dev/vda rw")
    (proc / "mountinfo").write_text("\n".join(lines) + "\n")
    (proc / "cgroup").write_text("9:pids:/\n4:memory:/own\n3:cpuset:/\n0::/\n")
    return proc


@pytest.fixture
def v2(tmp_path):
    """A version 2 hierarchy that hands memory and pids down."""
    proc = tmp_path / "proc"
    proc.mkdir()
    top = tmp_path / "unified"
    top.mkdir()
    (top / "cgroup.controllers").write_text("cpu io memory pids\n")
    (top / "cgroup.subtree_control").write_text("memory pids\n")
    (proc / "mountinfo").write_text(f"31 30 0:26 / {top} rw - cgroup2 cgroup2 rw\n")
    (proc / "cgroup").write_text("0::/user.slice\n")
    return proc


class TestVersion1:
    def test_parents_are_the_own_groups(self, v1, tmp_path):
        assert cgroup.find_parents(v1) == {
            "memory": tmp_path / "memory" / "own",
            "pids": tmp_path / "pids",
            "cpuset": tmp_path / "cpuset",
        }

    def test_limits_are_set_and_read_back(self, v1, tmp_path):
        group = cgroup.create("run", LIMITS, proc=v1)
        assert group is not None
        assert group.version == 1
        assert group.read_back() == {
            "memory.limit_in_bytes": str(2**30),
            "pids.max": str(100 + OWN_PROCESSES),
            "cpuset.cpus": "0,2",
        }
        assert (tmp_path / "cpuset" / "run" / "cpuset.mems").read_text() == "0"
        assert [file.name for file in group.process_files] == ["cgroup.procs"] * 3

    def test_swap_is_limited_where_it_is_counted(self, tmp_path):
        (tmp_path / "memory.memsw.limit_in_bytes").touch()
        group = Cgroup(version=1, folders={"memory": tmp_path})
        group.apply(LIMITS)
        assert group.read_back()["memory.memsw.limit_in_bytes"] == str(2**30)

    def test_counters(self, tmp_path):
        (tmp_path / "memory.oom_control").write_text(
            "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
        )
        (tmp_path / "memory.max_usage_in_bytes").write_text("12345\n")
        group = Cgroup(version=1, folders={"memory": tmp_path})
        assert (group.memory_kills(), group.memory_peak_bytes()) == (3, 12345)

    def test_a_kernel_without_the_counter_says_nothing(self, tmp_path):
        (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\n")
        group = Cgroup(version=1, folders={"memory": tmp_path})
        assert (group.memory_kills(), group.memory_peak_bytes()) == (None, None)

    def test_the_runner_sees_it_where_a_container_has_it(self, tmp_path):
        mounts = Cgroup(version=1, folders={"memory": tmp_path}).runner_mounts
        assert [mount.target for mount in mounts] == ["/sys/fs/cgroup/memory"]
        assert not mounts[0].writable

    def test_no_right_to_make_one(self, v1, monkeypatch):
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError

        monkeypatch.setattr(cgroup.Path, "mkdir", refuse)
        assert cgroup.create("run", LIMITS, proc=v1) is None

    def test_kill_signals_every_process(self, tmp_path, monkeypatch):
        (tmp_path / "cgroup.procs").write_text("7\n8\n")
        killed = []

        def kill(number: int, _: int) -> None:
            killed.append(number)
            if len(killed) == 2:
                (tmp_path / "cgroup.procs").write_text("")

        monkeypatch.setattr(os, "kill", kill)
        monkeypatch.setattr(cgroup.time, "sleep", lambda _: None)
        assert Cgroup(version=1, folders={"pids": tmp_path}).kill()
        assert sorted(killed) == [7, 8]

    def test_kill_says_when_something_stays(self, tmp_path, monkeypatch):
        (tmp_path / "cgroup.procs").write_text("7\n")
        monkeypatch.setattr(os, "kill", lambda *_: None)
        monkeypatch.setattr(cgroup.time, "sleep", lambda _: None)
        monkeypatch.setattr(cgroup, "_SETTLE_S", 0.0)
        assert not Cgroup(version=1, folders={"pids": tmp_path}).kill()


class TestVersion2:
    def test_parents_are_the_top_of_the_hierarchy(self, v2, tmp_path):
        top = tmp_path / "unified"
        assert cgroup.find_parents(v2) == {"memory": top, "pids": top}

    def test_a_controller_is_handed_down_where_it_is_not_yet(self, v2, tmp_path):
        (tmp_path / "unified" / "cgroup.controllers").write_text("cpuset memory pids\n")
        cgroup.find_parents(v2)
        assert (tmp_path / "unified" / "cgroup.subtree_control").read_text() == "+cpuset"

    def test_limits_are_set_and_read_back(self, tmp_path):
        (tmp_path / "memory.swap.max").touch()
        group = Cgroup(version=2, folders=dict.fromkeys(cgroup.CONTROLLERS, tmp_path))
        group.apply(LIMITS)
        assert group.read_back() == {
            "memory.max": str(2**30),
            "memory.swap.max": "0",
            "pids.max": str(100 + OWN_PROCESSES),
            "cpuset.cpus": "0,2",
        }
        assert group.process_files == (tmp_path / "cgroup.procs",)

    def test_counters(self, tmp_path):
        (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n")
        (tmp_path / "memory.peak").write_text("777\n")
        group = Cgroup(version=2, folders={"memory": tmp_path})
        assert (group.memory_kills(), group.memory_peak_bytes()) == (1, 777)

    def test_kill_is_one_write(self, tmp_path, monkeypatch):
        (tmp_path / "cgroup.procs").write_text("7\n")
        (tmp_path / "cgroup.kill").touch()

        def settle(_: float) -> None:
            assert (tmp_path / "cgroup.kill").read_text() == "1"
            (tmp_path / "cgroup.procs").write_text("")

        monkeypatch.setattr(cgroup.time, "sleep", settle)
        assert Cgroup(version=2, folders={"memory": tmp_path}).kill()

    def test_the_runner_sees_it_where_a_container_has_it(self, tmp_path):
        mounts = Cgroup(version=2, folders={"memory": tmp_path}).runner_mounts
        assert [mount.target for mount in mounts] == ["/sys/fs/cgroup"]


def test_remove_waits_for_a_process_that_is_dying(tmp_path, monkeypatch):
    folder = tmp_path / "group"
    (folder / "busy").mkdir(parents=True)
    monkeypatch.setattr(cgroup.time, "sleep", lambda _: (folder / "busy").rmdir())
    Cgroup(version=1, folders={"memory": folder}).remove()
    assert not folder.exists()


def test_no_hierarchy_at_all(tmp_path):
    assert cgroup.create("run", LIMITS, proc=tmp_path) is None


def test_counters_skip_what_they_do_not_know():
    assert parse_counters("a 1\nb max\nc\n\nd 2 3\n") == {"a": 1}


class TestScope:
    @pytest.fixture
    def machine(self, tmp_path):
        manager = tmp_path / "cgroup/user.slice/user-7.slice/user@7.service"
        manager.mkdir(parents=True)
        (manager / "cgroup.subtree_control").write_text("memory pids\n")
        socket = tmp_path / "run/user/7/systemd/private"
        socket.parent.mkdir(parents=True)
        socket.touch()
        return tmp_path

    def is_available(self, machine):
        return scope.is_available(7, machine / "cgroup", machine / "run", program="env")

    def test_available(self, machine):
        assert self.is_available(machine)

    def test_not_where_memory_is_not_handed_down(self, machine):
        file = machine / "cgroup/user.slice/user-7.slice/user@7.service/cgroup.subtree_control"
        file.write_text("pids\n")
        assert not self.is_available(machine)

    def test_not_where_no_systemd_answers(self, machine):
        (machine / "run/user/7/systemd/private").unlink()
        assert not self.is_available(machine)

    def test_prefix(self):
        command = scope.prefix("harness-1-ab", LIMITS)
        assert command[:3] == ["systemd-run", "--user", "--scope"]
        assert f"--property=MemoryMax={2**30}" in command
        assert "--property=MemorySwapMax=0" in command
        assert "--property=AllowedCPUs=0,2" in command
        assert command[-1] == "--"

    def test_the_group_is_found_by_a_process_in_it(self, tmp_path):
        folder = tmp_path / "cgroup/user.slice/harness-1-ab.scope"
        folder.mkdir(parents=True)
        (folder / "cgroup.controllers").write_text("memory pids\n")
        (tmp_path / "proc/5").mkdir(parents=True)
        (tmp_path / "proc/5/cgroup").write_text("0::/user.slice/harness-1-ab.scope\n")
        places = (tmp_path / "cgroup", tmp_path / "proc")
        found = scope.find_scope(5, "harness-1-ab", *places)
        assert found == Cgroup(version=2, folders={"memory": folder, "pids": folder})
        assert scope.find_scope(5, "harness-2-cd", *places) is None
        assert scope.find_scope(6, "harness-1-ab", *places) is None

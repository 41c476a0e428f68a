"""What a notebook finds inside: one survey for each engine, many questions."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from harness.events import NetworkAttempt, RunnerFinished
from harness.result import Enforcement
from tests.contract.running import ENVIRONMENT, LIMITS, Bench, Ran

SURVEY = r"""
import errno, json, os, socket, subprocess, sys
from pathlib import Path

def attempt(call):
    try:
        call()
    except OSError as error:
        return error.errno
    return "done"

def look_up():
    try:
        socket.getaddrinfo("huggingface.co", 443)
    except socket.gaierror as error:
        return error.errno
    return "found"

def text(path):
    try:
        return Path(path).read_text(errors="replace")
    except OSError as error:
        return error.errno

table = "/kaggle/input/datasets/ada/tables/table.csv"
tool = "/kaggle/input/datasets/ada/tables/sub/tool.sh"
found = {
    "uid": [os.getuid(), os.geteuid(), os.getgid()],
    "groups": sorted(set(os.getgroups()) - {0}),
    "cwd": os.getcwd(),
    "hostname": socket.gethostname(),
    "home": os.path.expanduser("~"),
    "environment": dict(os.environ),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "look_up": look_up(),
    "connect": attempt(lambda: socket.create_connection(("1.1.1.1", 443), 2)),
    "read": Path("../input/datasets/ada/tables/table.csv").read_text(),
    "write": attempt(lambda: open(table, "a")),
    "create": attempt(lambda: open("/kaggle/input/datasets/ada/tables/new", "w")),
    "create_beside": attempt(lambda: os.mkdir("/kaggle/input/datasets/new")),
    "create_top": attempt(lambda: os.mkdir("/kaggle/input/new")),
    "remove": attempt(lambda: os.remove(table)),
    "chmod": attempt(lambda: os.chmod(tool, 0o755)),
    "may_execute": os.access(tool, os.X_OK),
    "execute": attempt(lambda: subprocess.run([tool], check=False)),
    "inputs": sorted(str(path) for path in Path("/kaggle/input").rglob("*")),
    "lib": sorted(os.listdir("/kaggle/lib")),
    "shadow": text("/etc/shadow"),
    "passwd": text("/etc/passwd"),
    "hosts": text("/etc/hosts"),
    "homes": sorted(os.listdir("/home")) if os.path.isdir("/home") else [],
    "tmp": sorted(os.listdir("/tmp")),
    "socket": os.path.exists("/var/run/docker.sock"),
    "cpus": [os.cpu_count(), len(os.sched_getaffinity(0))],
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
    "status": text("/proc/self/status"),
    "core_pattern": attempt(lambda: open("/proc/sys/kernel/core_pattern", "w")),
    "sysrq": attempt(lambda: open("/proc/sysrq-trigger", "w")),
    "devices": sorted(os.listdir("/dev")),
    "mknod": attempt(lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0))),
    "mount": subprocess.run(["mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode,
    "unshare": subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode,
    "chroot": attempt(lambda: os.chroot("/tmp")),
    "working": sorted(os.listdir("/kaggle/working")),
    "places": {
        place: attempt(lambda: open(f"{place}/made", "w"))
        for place in ("/kaggle/working", "/tmp", "/root", "/var/tmp", "/dev/shm", "")
    },
}
print(json.dumps(found))
"""
INSTALL = r"""
import json, subprocess, sys, zipfile
from pathlib import Path

wheel = "/tmp/tinywheel-1.0-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("tinywheel.py", "VALUE = 42\n")
    about = "tinywheel-1.0.dist-info"
    tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tinywheel\nVersion: 1.0\n")
    archive.writestr(f"{about}/WHEEL", tag)
    archive.writestr(f"{about}/RECORD", "")
done = subprocess.run(
    [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", wheel],
    capture_output=True, text=True,
)
import tinywheel
print(done.stdout, done.stderr)
print(json.dumps({"code": done.returncode, "value": tinywheel.VALUE, "file": tinywheel.__file__}))
"""


@pytest.fixture(scope="module")
def ran(bench: Bench) -> Ran:
    os.environ["OF_THE_HOST"] = "must not be seen inside"
    try:
        return bench.run(SURVEY)
    finally:
        del os.environ["OF_THE_HOST"]


@pytest.fixture(scope="module")
def found(ran: Ran):
    assert ran.one(RunnerFinished).status == "completed", ran.one(RunnerFinished).traceback
    return ran.found()


class TestIdentity:
    def test_root_in_working_on_localhost(self, found):
        assert found["uid"] == [0, 0, 0]
        assert found["groups"] == []
        assert found["cwd"] == "/kaggle/working"
        assert found["hostname"] == "localhost"
        assert found["home"] == "/root"

    def test_no_capability_and_no_way_to_one(self, found):
        status = dict(line.split(":\t", 1) for line in found["status"].splitlines())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0, name
        assert status["NoNewPrivs"] == "1"
        for name in ("mount", "unshare"):
            assert found[name] != 0, name
        for name in ("mknod", "chroot"):
            assert found[name] == 1, name

    def test_the_kernels_own_switches_are_shut(self, found):
        assert found["core_pattern"] in (1, 13, 30)
        assert found["sysrq"] in (1, 2, 13, 30)

    def test_the_environment_is_what_was_given(self, bench, found):
        inside = found["environment"]
        given = {name: value for name, value in inside.items() if name in ENVIRONMENT}
        if bench.engine == "docker":  # the image's own places come after those that were given
            assert given["PATH"].startswith(f"{ENVIRONMENT['PATH']}:")
            given["PATH"] = ENVIRONMENT["PATH"]
        assert given == ENVIRONMENT
        of_jupyter = {
            *("CLICOLOR", "FORCE_COLOR", "GIT_PAGER", "MPLBACKEND", "PAGER", "TERM"),
            *("CLICOLOR_FORCE", "JPY_PARENT_PID", "PYDEVD_USE_FRAME_EVAL"),
        }
        more = inside.keys() - ENVIRONMENT.keys() - of_jupyter
        if bench.engine == "bubblewrap":
            assert more == set()
        assert not more & os.environ.keys()
        assert "OF_THE_HOST" not in inside


class TestNetwork:
    def test_only_loopback(self, found):
        assert found["interfaces"] == ["lo"]
        assert found["connect"] == 101

    def test_names_fail_as_on_kaggle_and_are_noted(self, ran, found):
        assert found["look_up"] == -3
        assert [event.name for event in ran.all(NetworkAttempt)] == ["huggingface.co"]
        assert ran.one(NetworkAttempt).cell == 0


class TestFiles:
    def test_inputs_can_be_read_by_the_usual_path(self, found):
        assert found["read"] == "id,target\n1,2\n"

    @pytest.mark.parametrize(
        "action", ["write", "create", "create_beside", "create_top", "remove", "chmod"]
    )
    def test_inputs_are_a_read_only_file_system(self, found, action):
        assert found[action] == 30

    def test_inputs_cannot_be_executed(self, found):
        assert not found["may_execute"]
        assert found["execute"] == 13

    def test_only_what_is_attached_is_there(self, found):
        top = "/kaggle/input/datasets"
        assert found["inputs"] == [
            top,
            f"{top}/ada",
            f"{top}/ada/tables",
            f"{top}/ada/tables/sub",
            f"{top}/ada/tables/sub/tool.sh",
            f"{top}/ada/tables/table.csv",
        ]

    def test_lib_is_an_empty_folder(self, found):
        assert found["lib"] == []

    def test_the_notebook_lies_in_working(self, found):
        assert found["working"] == ["__notebook__.ipynb"]

    def test_everywhere_else_can_be_written(self, found):
        assert found["places"] == dict.fromkeys(found["places"], "done")

    def test_nothing_of_the_host(self, found):
        assert isinstance(found["shadow"], int) or ":!" not in found["shadow"].split("\n")[0][5:]
        assert found["homes"] == []
        assert socket.gethostname() not in found["hosts"].split()
        here = {path.name for path in Path("/tmp").iterdir()}
        assert not here & set(found["tmp"])
        assert not found["socket"]
        assert not [
            name for name in found["devices"] if name.startswith(("sd", "vd", "nvme", "dm-"))
        ]

    def test_the_host_users_are_not_listed(self, bench, found):
        if bench.engine == "bubblewrap":
            assert [line.split(":")[0] for line in found["passwd"].splitlines()] == [
                "root",
                "nobody",
            ]


class TestSize:
    def test_processors(self, found):
        assert found["cpus"][1] == LIMITS.cpus

    def test_processors_by_count(self, found):
        if os.cpu_count() == LIMITS.cpus:
            pytest.skip("this machine has no more processors than the run may use")
        assert found["cpus"][0] == LIMITS.cpus

    def test_shared_memory(self, found):
        assert found["shm"] == LIMITS.shm_bytes


class TestTable:
    def test_every_limit_is_said(self, ran):
        names = {row.name for row in ran.facts.limits}
        assert names >= {
            *("wall_time", "memory", "cpus", "disk", "shm", "processes", "network", "inputs")
        }

    @pytest.mark.parametrize("name", ["wall_time", "shm", "processes", "network", "inputs"])
    def test_what_is_always_enforced(self, ran, name):
        assert ran.limit(name).how is Enforcement.ENFORCED
        assert "not read back" not in ran.limit(name).mechanism


def test_packages_can_be_installed_and_change_nothing(bench):
    ran = bench.run(INSTALL)
    assert ran.one(RunnerFinished).status == "completed", ran.one(RunnerFinished).traceback
    assert ran.found()["code"] == 0
    assert ran.found()["value"] == 42
    if bench.mirror is not None:
        assert not list(bench.mirror.rglob("tinywheel*"))

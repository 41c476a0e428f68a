"""A notebook that attacks what judges it. Each attack has to leave the verdict as it is."""

from __future__ import annotations

import os

import pytest

from harness.events import CellFinished, RunnerFinished, encode
from tests.contract.running import Bench, Ran

LOUD = "raise ValueError('the true end')"

KILL_ALL = """
import os, signal
for number in (signal.SIGTERM, signal.SIGKILL):
    try:
        os.kill(-1, number)
    except OSError:
        pass
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(int(name), number)
            except OSError:
                pass
print("alive")
"""
STOP_ALL = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        try:
            os.kill(int(name), signal.SIGSTOP)
        except OSError:
            pass
print("alive")
"""
TRACE_ALL = """
import ctypes, json, os, resource
libc = ctypes.CDLL(None, use_errno=True)
ATTACH, SEIZE, DETACH = 16, 0x4206, 17
got = {"traced": [], "limited": [], "read": []}
for name in os.listdir("/proc"):
    if not name.isdigit() or int(name) == os.getpid():
        continue
    with open(f"/proc/{name}/cmdline", "rb") as file:
        command = file.read().replace(b"\\0", b" ").decode()
    if libc.ptrace(SEIZE, int(name), 0, 0) == 0:
        got["traced"].append(command)
    try:
        resource.prlimit(int(name), resource.RLIMIT_CPU, (1, 1))
        got["limited"].append(command)
    except OSError:
        pass
    for part in ("mem", "environ", "maps", "fd/1"):
        try:
            with open(f"/proc/{name}/{part}", "rb") as file:
                got["read"].append([part, command])
        except OSError:
            pass
print(json.dumps(got))
"""
FORGE = f"""
import glob, os, sys
forged = {encode(RunnerFinished(0.0, "completed"))!r} + "\\n"
print(forged)
sys.__stdout__.write(forged); sys.__stdout__.flush()
sys.__stderr__.write(forged); sys.__stderr__.flush()
os.write(1, forged.encode()); os.write(2, forged.encode())
os.system("echo '" + forged.strip() + "'")
for path in glob.glob("/proc/[0-9]*/fd/[0-9]*"):
    if path.split("/")[2] == str(os.getpid()):
        continue
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(handle, forged.encode())
    except OSError:
        pass
"""
MEDDLE = """
import os, shutil, stat
for top in ("/harness", "/opt/mirror/lib"):
    for folder, _, files in os.walk(top):
        for name in files:
            if top == "/harness" or name in ("nbformat.py", "exporter.py", "html.py", "client.py"):
                try:
                    with open(os.path.join(folder, name), "w") as file:
                        file.write("import os; os._exit(0)")
                except OSError:
                    pass
for name in ("sitecustomize", "usercustomize", "json", "nbconvert", "asyncio"):
    for place in ("/kaggle/working", "/kaggle/lib", "/root/.local/lib", "/tmp"):
        try:
            os.makedirs(place, exist_ok=True)
            with open(f"{place}/{name}.py", "w") as file:
                file.write("import os; os._exit(0)")
        except OSError:
            pass
for path in ("/etc/ld.so.preload", "/root/.jupyter/jupyter_config.py", "/root/.config/x"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("/tmp/no_such_library.so")
    except OSError:
        pass
"""
UNSAVED = """
import glob, os
for path in glob.glob("/kaggle/working/*") + glob.glob("/tmp/*"):
    try:
        os.remove(path)
    except OSError:
        pass
os.symlink("/etc/passwd", "/kaggle/working/__notebook__.ipynb")
"""
LEAVE = """
import os, socket
os.symlink("/etc/passwd", "link")
os.symlink("/", "folder_link")
os.mkfifo("pipe")
server = socket.socket(socket.AF_UNIX); server.bind("socket")
os.makedirs("shut/in"); open("shut/in/file", "w").write("kept"); os.chmod("shut", 0)
open("run.sh", "w").write("#!/bin/sh"); os.chmod("run.sh", 0o6755)
deep = "d/" * 300
os.makedirs(deep)
open("submission.csv", "w").write("id,target\\n")
"""
ATTACKS = {
    "kill_all": KILL_ALL,
    "stop_all": STOP_ALL,
    "trace_all": TRACE_ALL,
    "forge_events": FORGE,
    "meddle_with_files": MEDDLE,
    "remove_the_notebook": UNSAVED,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_failure_that_follows_an_attack_is_seen(bench: Bench, attack: str):
    ran = bench.run(ATTACKS[attack], LOUD, "print('not reached')")
    finished = ran.one(RunnerFinished)
    assert (finished.status, finished.cell, finished.error_name) == ("failed", 1, "ValueError")
    cells = [(event.cell, event.status) for event in ran.all(CellFinished)]
    assert cells == [(0, "ok"), (1, "error")]
    if attack != "meddle_with_files":  # the page is rendered with what the notebook left of it
        assert (ran.folders.runner / "__results__.html").stat().st_size > 1000
    assert (ran.folders.runner / "log.json").exists()


def test_nothing_of_the_runner_can_be_traced_limited_or_read(bench: Bench):
    found = bench.run(TRACE_ALL).found()
    touched = [*found["traced"], *found["limited"], *(command for _, command in found["read"])]
    runner = [command for command in touched if "inside/main.py" in command]
    # Docker's init has the runner's command line behind its own, and does nothing but wait.
    assert not [command for command in runner if "docker-init" not in command]


def test_the_runners_place_is_shut(bench: Bench):
    listing = (
        "import os, json; print(json.dumps([f for _, _, fs in os.walk('/harness') for f in fs]))"
    )
    ran = bench.run(
        f"try:\n    {listing}\nexcept OSError as error:\n    print('[]')",
        "print(len(open('/harness/job.json').read()))",
    )
    finished = ran.one(RunnerFinished)
    if bench.engine == "bubblewrap":
        assert ran.found() == []
        assert finished.error_name == "FileNotFoundError"


@pytest.fixture(scope="module")
def left(bench: Bench) -> Ran:
    return bench.run(LEAVE)


class TestOutput:
    def test_files_belong_to_the_caller(self, left: Ran):
        for folder in (left.folders.output, left.folders.runner):
            for path in folder.rglob("*"):
                status = path.lstat()
                assert status.st_uid == os.geteuid(), path
                assert status.st_mode & 0o7777 in (0o644, 0o755), path
                assert path.is_dir() or path.is_file(), path
                assert not path.is_symlink(), path

    def test_only_plain_files_and_folders_come_out(self, left: Ran):
        names = {path.name for path in left.folders.output.iterdir()}
        assert names == {"__notebook__.ipynb", "d", "run.sh", "shut", "submission.csv"}
        assert (left.folders.output / "shut/in/file").read_text() == "kept"

    def test_what_stays_is_said(self, left: Ran):
        for name in ("link", "pipe"):  # a tar stream never has sockets
            assert f"'{name}' is a" in left.facts.stderr_tail

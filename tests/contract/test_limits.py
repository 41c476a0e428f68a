"""Limits that really end a run, each blamed on evidence. Canaries: jobs that have to die."""

from __future__ import annotations

import time

import pytest

from harness.events import (
    CellFinished,
    KernelDied,
    LimitReached,
    MemoryKill,
    RunnerFinished,
)
from harness.result import Enforcement
from tests.contract.running import LIMITS, Bench, Ran

EAT = """
blocks = []
while True:
    blocks.append(bytearray(20 * 2**20))
"""
EAT_IN_CHILD = f"""
import subprocess, sys
print(subprocess.run([sys.executable, "-c", {EAT!r}]).returncode)
"""
SHARE = """
import os, time
block = bytearray(200 * 2**20)
for _ in range(6):
    if os.fork() == 0:
        time.sleep(1.5)
        os._exit(0)
for _ in range(6):
    os.wait()
"""
FORK = r"""
import errno, json, os, signal, time
children, refused = [], None
for _ in range(400):
    try:
        child = os.fork()
    except OSError as error:
        refused = error.errno
        break
    if child == 0:
        time.sleep(60)
        os._exit(0)
    children.append(child)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(json.dumps({"children": len(children), "refused": refused}))
"""
STUBBORN = """
import signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print("before", flush=True)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
FILL = """
with open("filled", "wb") as file:
    while True:
        file.write(b"x" * 2**20)
        file.flush()
"""


def died_of_memory(ran: Ran) -> bool:
    """Whether the evidence says memory: the kernel's counter, or the runner that watches."""
    watched = [event for event in ran.all(LimitReached) if event.limit == "memory"]
    return bool(ran.facts.memory_kills or ran.all(MemoryKill) or watched)


class TestMemory:
    def test_the_kernel_that_eats_too_much_is_ended(self, bench: Bench):
        ran = bench.run(EAT, "print('not reached')")
        assert died_of_memory(ran)
        assert ran.one(RunnerFinished).status in ("failed", "stopped")
        assert [event.cell for event in ran.all(CellFinished)] == [0]
        if ran.limit("memory").how is Enforcement.ENFORCED:
            assert ran.facts.memory_kills
            assert (ran.facts.memory_peak_bytes or 0) <= LIMITS.memory_bytes

    def test_a_child_that_eats_too_much_ends_the_run(self, bench: Bench):
        ran = bench.run(EAT_IN_CHILD, "import time; time.sleep(5)", "print('not reached')")
        assert died_of_memory(ran)
        assert ran.one(RunnerFinished).status != "completed"
        assert 2 not in [event.cell for event in ran.all(CellFinished)]

    def test_less_than_the_limit_is_let_be(self, bench: Bench):
        ran = bench.run("block = bytearray(500 * 2**20); print(len(block))")
        assert ran.one(RunnerFinished).status == "completed"
        assert not died_of_memory(ran)

    def test_memory_that_processes_share_counts_once(self, bench: Bench):
        ran = bench.run(SHARE)
        assert ran.one(RunnerFinished).status == "completed"
        assert not died_of_memory(ran)

    def test_the_disk_is_not_taken_for_memory(self, bench: Bench):
        write = f"open('/tmp/big', 'wb').write(bytes({LIMITS.memory_bytes // 4}))"
        ran = bench.run(*[write.replace("big", f"big{number}") for number in range(5)])
        assert ran.one(RunnerFinished).status == "completed"

    @pytest.mark.root
    def test_root_has_it_enforced_by_a_cgroup(self, bench: Bench):
        ran = bench.run("")
        assert ran.limit("memory").how is Enforcement.ENFORCED
        assert ran.limit("memory").mechanism.startswith("cgroup v")
        assert ran.facts.memory_kills == 0


def test_processes(bench: Bench):
    ran = bench.run(FORK, "print('goes on')", memory_bytes=8 * 2**30)
    assert ran.one(RunnerFinished).status == "completed", ran.one(RunnerFinished).traceback
    found = ran.found()
    assert found["refused"] == 11
    assert LIMITS.processes / 2 < found["children"] <= LIMITS.processes
    assert ran.printed(1) == "goes on\n"


def test_disk(bench: Bench):
    ran = bench.run(FILL)
    reached = ran.one(LimitReached)
    assert reached.limit == "disk"
    assert reached.used > LIMITS.disk_bytes
    assert ran.one(RunnerFinished).status == "stopped"


class TestTime:
    def test_a_loop_that_ignores_interrupts_is_ended(self, bench: Bench):
        began = time.monotonic()
        ran = bench.run(STUBBORN, wall_time_s=3.0, grace_s=1.0)
        took = time.monotonic() - began
        assert ran.one(LimitReached).limit == "wall_time"
        assert 3 <= ran.one(LimitReached).time_s < 4
        assert ran.one(RunnerFinished).status == "stopped"
        assert ran.printed() == "before\n"  # what there was is saved
        assert not ran.facts.hard_stopped
        assert took < 15

    def test_a_sleep_is_interrupted(self, bench: Bench):
        ran = bench.run("import time; time.sleep(600)", wall_time_s=2.0, grace_s=30.0)
        assert ran.one(LimitReached).limit == "wall_time"
        assert ran.facts.wall_time_s < 20


def test_the_kernels_own_death_is_no_limit(bench: Bench):
    ran = bench.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert ran.one(KernelDied).signal == 9
    assert not died_of_memory(ran)
    assert ran.one(RunnerFinished).status == "failed"

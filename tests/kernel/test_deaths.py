"""Kernels that die, and whatever stops a run from outside."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import pytest

from harness.events import (
    CellFinished,
    CellStarted,
    KernelDied,
    LimitReached,
    RunnerFailed,
    RunnerFinished,
    Sample,
)
from tests.kernel.driver import make_notebook, processes_with

pytestmark = pytest.mark.kernel

# ZeroMQ sends from a thread of its own, which needs a moment.
SAYS_ON = "print('on', flush=True)\nimport time; time.sleep(0.1)\n"
IGNORES_INTERRUPTS = (
    "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on', flush=True)\n"
    "while True: time.sleep(0.1)"
)


@pytest.mark.parametrize(
    ("source", "code", "number"),
    [
        ("import os; os._exit(0)", 0, None),
        ("import os; os._exit(1)", 1, None),
        ("import os; os._exit(137)", 137, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", None, signal.SIGTERM),
        ("import ctypes; ctypes.string_at(0)", None, signal.SIGSEGV),
        ("import os; os.abort()", None, signal.SIGABRT),
    ],
)
def test_a_kernel_that_dies_fails_the_run_at_once(run, source, code, number):
    ran = run(make_notebook("print('before')", source, "print('after')"))
    died = ran.one(KernelDied)
    assert (died.cell, died.exit_code, died.signal) == (1, code, number)
    last = ran.finished
    assert (last.status, last.cell, last.error_name) == ("failed", 1, "DeadKernelError")
    assert ran.statuses == {0: "ok", 1: "stopped"}
    assert ran.text(0) == "before\n"
    sent = next(event.time_s for event in ran.all(CellStarted) if event.cell == 1)
    assert died.time_s - sent < 1.5
    assert (ran.out / "__results__.html").exists()


def test_what_went_past_ipykernel_to_standard_error_is_handed_on(run):
    source = (
        "import os, sys\nos.write(sys.stderr._original_stdstream_copy, b'no memory left\\n')\n"
        "os.abort()"
    )
    assert run(make_notebook(source)).one(KernelDied).stderr_tail == "no memory left\n"


def test_what_was_printed_before_a_death_is_kept(run):
    ran = run(
        make_notebook(
            "print('last words', flush=True)\nimport os, time; time.sleep(0.1); os._exit(3)"
        )
    )
    assert ran.text(0) == "last words\n"


def test_a_kernel_that_dies_after_the_last_cell_fails_the_run(run):
    source = "import os, threading\nthreading.Timer(0.0, lambda: os._exit(0)).start()"
    ran = run(make_notebook(source))
    assert ran.finished.status == "failed"
    assert ran.all(KernelDied)


def test_a_kernel_that_dies_between_cells_fails_the_run(run):
    source = "import os, threading\nthreading.Timer(0.2, lambda: os._exit(0)).start()"
    ran = run(make_notebook(source, "import time; time.sleep(5)"))
    assert ran.finished.status == "failed"
    assert ran.one(KernelDied).exit_code == 0


def test_time_is_up_softly(run):
    source = "print('working', flush=True)\nimport time; time.sleep(60)"
    ran = run(make_notebook("a = 1", source, "print('never')"), wall_time_s=3.0, grace_s=5.0)
    limit = ran.one(LimitReached)
    assert (limit.limit, limit.allowed, limit.cell) == ("wall_time", 3.0, 1)
    assert 3.0 <= limit.used < 3.5
    assert (ran.finished.status, ran.finished.cell) == ("stopped", 1)
    assert ran.finished.time_s < 6
    assert ran.statuses == {0: "ok", 1: "stopped"}
    assert ran.text(1) == "working\n"
    assert not ran.all(KernelDied)


@pytest.mark.parametrize(
    "source",
    [
        IGNORES_INTERRUPTS,
        (
            "print('on', flush=True)\nimport time\n"
            "while True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
        ),
        SAYS_ON + "import ctypes; ctypes.PyDLL(None).sleep(60)",
        SAYS_ON + "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        (
            "print('on', flush=True)\nimport subprocess\n"
            "subprocess.run(['sh', '-c', 'trap \"\" INT TERM; sleep 60'], start_new_session=True)"
        ),
    ],
    ids=["ignores", "swallows", "native", "stopped", "child"],
)
def test_time_is_up_for_who_does_not_listen(run, source):
    ran = run(make_notebook(source, "print('never')"), wall_time_s=3.0, grace_s=1.0)
    assert ran.one(LimitReached).limit == "wall_time"
    assert (ran.finished.status, ran.finished.cell) == ("stopped", 0)
    assert ran.arrived_s[-1] < 3.0 + 1.0 + 2.0
    assert ran.text(0).startswith("on\n")
    assert ran.exit_code == 0


def test_the_limit_is_the_run_s_and_not_a_cell_s(run):
    ran = run(make_notebook(*["import time; time.sleep(0.4)"] * 30), wall_time_s=3.0)
    assert ran.finished.status == "stopped"
    assert 1 < len(ran.all(CellFinished)) < 10


def test_a_kernel_that_closes_its_sockets_is_stopped_at_the_limit(run):
    source = (
        "import os\nfor fd in range(3, 200):\n    try: os.close(fd)\n    except OSError: pass\n"
        "import time; time.sleep(60)"
    )
    ran = run(make_notebook(source), wall_time_s=3.0, grace_s=1.0)
    assert ran.finished.status != "completed"
    assert ran.arrived_s[-1] < 6


def test_memory_is_watched_where_the_job_says_so(run):
    source = "blocks = []\nwhile True: blocks.append(bytearray(2**20 * 20))"
    ran = run(make_notebook(source), watch_memory=True, memory_bytes=300 * 2**20)
    limit = ran.one(LimitReached)
    assert (limit.limit, limit.allowed, limit.cell) == ("memory", 300 * 2**20, 0)
    assert limit.used > limit.allowed
    assert ran.finished.status == "stopped"
    assert not ran.all(KernelDied)


def test_memory_of_a_child_is_watched(run):
    source = (
        "import subprocess, sys\n"
        "child = 'x = bytearray(400 * 2**20); import time; time.sleep(60)'\n"
        "subprocess.run([sys.executable, '-c', child])"
    )
    ran = run(make_notebook(source), watch_memory=True, memory_bytes=300 * 2**20)
    assert ran.one(LimitReached).limit == "memory"
    assert ran.finished.status == "stopped"


def test_memory_is_not_watched_where_a_cgroup_does(run):
    source = "x = bytearray(200 * 2**20)\nimport time; time.sleep(0.3)"
    ran = run(make_notebook(source), memory_bytes=100 * 2**20)
    assert ran.finished.status == "completed"
    assert max(sample.memory_bytes for sample in ran.all(Sample)) > 200 * 2**20


def test_disk_is_watched(run):
    source = (
        "import time\nwith open('big', 'wb') as f:\n    for _ in range(40):\n"
        "        f.write(bytes(2**20)); f.flush()\ntime.sleep(60)"
    )
    ran = run(make_notebook(source), disk_bytes=20 * 2**20)
    limit = ran.one(LimitReached)
    assert (limit.limit, limit.cell) == ("disk", 0)
    assert ran.finished.status == "stopped"


def connection_files() -> set[str]:
    """The kernels' connection files that lie about."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("tmp*.json")}


def test_everything_ends_when_the_host_goes_away(run):
    notebook = make_notebook("import time; time.sleep(60)")
    before = connection_files()
    ran = run(notebook, until=lambda event: isinstance(event, CellStarted))
    assert ran.exit_code == 1
    assert not ran.all(RunnerFinished)
    assert processes_with(str(ran.out.parent)) == []
    assert connection_files() == before


def test_a_kernel_that_cannot_start_is_our_failure(run):
    before = connection_files()
    ran = run(make_notebook("1"), kernel_prefix=["/bin/false"])
    assert connection_files() == before
    failed = ran.one(RunnerFailed)
    assert "the kernel did not start" in failed.detail
    assert ran.exit_code == 0


def test_a_missing_program_is_our_failure(run):
    before = connection_files()
    ran = run(make_notebook("1"), kernel_prefix=["/no/such/program"])
    assert "/no/such/program" in ran.one(RunnerFailed).detail
    assert connection_files() == before


def test_a_job_that_cannot_be_read_is_our_failure(run):
    ran = run(make_notebook("1"), surprise=1)
    assert "surprise" in ran.one(RunnerFailed).detail

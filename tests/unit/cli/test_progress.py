from __future__ import annotations

import pytest

from harness.cli.progress import Progress
from harness.events import (
    CellFinished,
    CellStarted,
    KernelDied,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    OutputCut,
    RunnerFailed,
    RunnerFinished,
    RunnerStarted,
    Sample,
)


def sample(memory_bytes, *, time_s=2.0):
    return Sample(
        time_s=time_s,
        memory_bytes=memory_bytes,
        cache_bytes=None,
        cpu_time_s=0.0,
        disk_bytes=0,
        processes=1,
    )


@pytest.fixture
def progress():
    shown = Progress(name="nb.ipynb", prefix="")
    shown.lines(RunnerStarted(time_s=0, cells=12, python="3.11.2", packages={}, gpus=0))
    return shown


def test_the_start():
    shown = Progress(name="nb.ipynb", prefix="nb: ")
    event = RunnerStarted(time_s=0, cells=12, python="3.11.2", packages={}, gpus=0)
    assert shown.lines(event) == ["nb: Running nb.ipynb: 12 cells, Python 3.11.2"]


def test_a_cell_with_its_highest_memory(progress):
    assert progress.lines(CellStarted(time_s=1, cell=3)) == []
    for size in (2**20, 2**28, 2**21):
        assert progress.lines(sample(size)) == []
    (line,) = progress.lines(CellFinished(time_s=3, cell=3, status="ok", wall_time_s=2.0))
    assert line.split() == ["cell", "3", "ok", "2.0", "s", "256", "MiB"]
    progress.lines(CellStarted(time_s=3, cell=4))
    (line,) = progress.lines(CellFinished(time_s=3, cell=4, status="ok", wall_time_s=0.0))
    assert line.split() == ["cell", "4", "ok", "0.0", "s"]


def test_an_error_is_one_harmless_line(progress):
    event = CellFinished(
        time_s=1,
        cell=0,
        status="error",
        wall_time_s=1,
        error_name="ValueError",
        error_value="\x1b]0;title\x07[red]\nsecond " + "x" * 500,
    )
    (line,) = progress.lines(event)
    assert "ValueError: [red] second x" in line
    assert "\x1b" not in line
    assert "\n" not in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (NetworkAttempt(time_s=1, name="hf.co\x1b[2J", cell=1), "cell  1  asked for hf.co;"),
        (OutputCut(time_s=1, cell=1, kept_bytes=2**20), "printed too much; 1.00 MiB are kept"),
        (
            LimitReached(time_s=1, limit="wall_time", used=61, allowed=60, cell=None),
            "between cells  stopped: wall time 1 min 1 s of 1 min",
        ),
        (
            LimitReached(time_s=1, limit="memory", used=2**31, allowed=2**30, cell=2),
            "memory 2.00 GiB of 1.00 GiB",
        ),
        (MemoryKill(time_s=1, killed=3, cell=1), "out of memory: 3 processes killed"),
        (
            KernelDied(time_s=1, cell=1, exit_code=None, signal=9, stderr_tail=""),
            "the kernel was ended by SIGKILL",
        ),
        (
            KernelDied(time_s=1, cell=1, exit_code=None, signal=99, stderr_tail=""),
            "the kernel was ended by signal 99",
        ),
        (
            KernelDied(time_s=1, cell=1, exit_code=3, signal=None, stderr_tail=""),
            "the kernel exited with code 3",
        ),
        (
            NotebookRefused(time_s=1, reason="not_json", detail="No JSON."),
            "cannot be run: No JSON.",
        ),
        (RunnerFailed(time_s=1, detail="Traceback\nOSError: x\n"), "The runner broke: OSError: x"),
        (RunnerFailed(time_s=1, detail=""), "The runner broke: no detail"),
    ],
)
def test_other_events(progress, event, text):
    (line,) = progress.lines(event)
    assert text in line


def test_the_end_has_no_line(progress):
    assert progress.lines(RunnerFinished(time_s=1, status="completed")) == []


def test_the_running_cell(progress):
    assert progress.status(sample(2**20)) is None
    progress.lines(CellStarted(time_s=1, cell=3))
    assert progress.status(sample(2**20, time_s=31.0)).split() == (
        ["cell", "3", "running", "30", "s", "1.00", "MiB"]
    )

"""Nothing survives a run, also when the harness does not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import pytest

from harness.engine import leftovers
from harness.engine.docker.engine import DockerEngine
from harness.events import CellStarted, Event, RunnerFinished
from harness.spec import EngineName
from tests.contract.running import Bench, run_and_tell
from tests.contract.tracing import traces

BUSY = """
import subprocess, sys, time
for _ in range(3):
    subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        start_new_session=True,
    )
time.sleep(600)
"""


class Stop(Exception):  # noqa: N818 - not an error: the test's own way out
    """Raised by the test in the middle of a run."""


@contextmanager
def leaves_nothing(bench: Bench) -> Iterator[None]:
    """Hold that an engine that has returned has left nothing, at once."""
    yield
    assert traces(bench.folder, os.getpid()) == []


def empty(bench: Bench) -> None:
    """Hold that the last run has left nothing in its scratch folder."""
    assert list((bench.last / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    "cell", ["print(1)", "raise ValueError", BUSY], ids=["ok", "fails", "busy"]
)
def test_after_a_run(bench: Bench, cell: str):
    with leaves_nothing(bench):
        bench.run(cell, wall_time_s=4.0, grace_s=0.5)
    empty(bench)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop, SystemExit])
@pytest.mark.parametrize("moment", [CellStarted, RunnerFinished])
def test_after_an_exception(bench: Bench, error: type[BaseException], moment: type[Event]):
    def stop(event: Event) -> None:
        if isinstance(event, moment):
            raise error

    cell = BUSY if moment is CellStarted else "print(1)"
    with leaves_nothing(bench), pytest.raises(error):
        bench.run(cell, on_event=stop)
    empty(bench)


def start(bench: Bench) -> BaseProcess:
    """Start a run in another process; return when its first cell runs."""
    spec, folders = bench.prepare(BUSY)
    told = spec.notebook.with_name("told")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_and_tell, args=(spec, folders, told))
    process.start()
    end = time.monotonic() + 60
    while not told.exists():
        assert process.is_alive(), "the run ended before its first cell"
        assert time.monotonic() < end, "the run did not start"
        time.sleep(0.05)
    time.sleep(0.5)  # the cell starts its own processes
    return process


def test_after_kill_9_of_the_harness(bench: Bench):
    process = start(bench)
    assert process.pid is not None
    assert len(traces(bench.folder, process.pid)) >= 4, "a run has to be seen to be missed"
    process.kill()
    process.join()
    if bench.engine is EngineName.BUBBLEWRAP:
        left = [each for each in leftovers.find_leftovers() if f"-{process.pid}-" in each.name]
        assert len(left) == 1
        wait_until_gone(bench, process.pid, besides="group")
        assert leftovers.remove(left[0])
        assert not left[0].scratch.exists()
    wait_until_gone(bench, process.pid)
    if bench.engine is EngineName.DOCKER:
        DockerEngine().remove_leftovers()


def wait_until_gone(bench: Bench, pid: int, besides: str = "nothing") -> None:
    """Wait until a run of the harness with this pid has left no trace, or fail."""
    end = time.monotonic() + 15
    while left := [each for each in traces(bench.folder, pid) if not each.startswith(besides)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_after_ctrl_c(bench: Bench):
    process = start(bench)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(30)
    assert not process.is_alive()
    assert traces(bench.folder, process.pid) == []
    empty(bench)


def test_a_second_run_removes_what_a_killed_one_left(bench: Bench):
    if bench.engine is not EngineName.BUBBLEWRAP:
        pytest.skip("a container removes itself when its harness is gone")
    process = start(bench)
    process.kill()
    process.join()
    scratch = bench.last / "scratch"
    assert list(scratch.iterdir())
    bench.run("print(1)")
    assert not scratch.exists()

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from harness.cli.batch import run_batch
from harness.errors import PrerequisiteError


def wanting(*sizes: int):
    return [
        SimpleNamespace(
            name=number, spec=SimpleNamespace(limits=SimpleNamespace(memory_bytes=size))
        )
        for number, size in enumerate(sizes)
    ]


class Gate:
    """Counts runs that are inside at one time, and holds each until `together` are."""

    def __init__(self, together: int) -> None:
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(together)

    def __call__(self, one, _check):
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._barrier.wait(timeout=30)
        with self._lock:
            self._inside -= 1
        return one.name


def test_results_come_in_order():
    gate = Gate(together=2)
    assert run_batch(wanting(1, 1, 1, 1), gate, jobs=2, memory_bytes=10) == [0, 1, 2, 3]
    assert gate.most == 2


def test_memory_holds_back_what_does_not_fit():
    gate = Gate(together=1)
    assert run_batch(wanting(6, 6, 6), gate, jobs=3, memory_bytes=10) == [0, 1, 2]
    assert gate.most == 1


def test_a_run_that_is_larger_than_all_memory_runs_alone():
    gate = Gate(together=1)
    assert run_batch(wanting(60, 6), gate, jobs=2, memory_bytes=10) == [0, 1]
    assert gate.most == 1


def test_one_job_runs_in_this_thread():
    threads = run_batch(
        wanting(1, 1), lambda *_: threading.current_thread(), jobs=1, memory_bytes=1
    )
    assert set(threads) == {threading.main_thread()}


@pytest.mark.parametrize("guilty", [0, 1])
@pytest.mark.parametrize("error", [PrerequisiteError("No.", fix="Yes."), KeyboardInterrupt()])
def test_an_error_ends_the_others(error, guilty):
    started = threading.Event()
    ended = []

    def run(one, check):
        if one.name == guilty:
            started.wait(timeout=30)
            raise error
        started.set()
        try:
            while True:  # until `check` raises: this is what a run's events do
                check()
        except KeyboardInterrupt:
            ended.append(one.name)
            raise

    with pytest.raises(type(error)):
        run_batch(wanting(1, 1, 1), run, jobs=2, memory_bytes=10)
    assert ended == [1 - guilty]

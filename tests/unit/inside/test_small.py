"""Job file, kernel's exit, choice of samples, clock's arithmetic."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from harness.inside.clock import Actions, Clock
from harness.inside.job import read_job
from harness.inside.kernel import KernelExit, ends_soon, exit_of
from harness.inside.meter import Alarms, Meter, SampleChoice

JOB = {
    "notebook": "/h/n.ipynb",
    "out": "/h/out",
    "working": "/w",
    "kernel_prefix": ["a", "b"],
    "environment": {"PATH": "/bin"},
    "wall_time_s": 1.5,
    "grace_s": 1.0,
    "memory_bytes": 1,
    "watch_memory": False,
    "disk_bytes": 1,
    "output_bytes": 1,
    "cpus": [0, 1],
    "process_limit": None,
    "name_server": True,
    "sole": True,
}


def test_a_job_is_read(tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(JOB))
    job = read_job(path)
    assert job.notebook == Path("/h/n.ipynb")
    assert (job.kernel_prefix, job.cpus, job.process_limit) == (("a", "b"), (0, 1), None)


@pytest.mark.parametrize("change", [{"extra": 1}, {"sole": ...}])
def test_a_job_of_another_form_is_refused(tmp_path, change):
    path = tmp_path / "job.json"
    whole = {name: value for name, value in (JOB | change).items() if value is not ...}
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=next(iter(change))):
        read_job(path)


@pytest.mark.parametrize(
    ("status", "through_bubblewrap", "expected"),
    [
        (0, False, KernelExit(0, None)),
        (1 << 8, False, KernelExit(1, None)),
        (signal.SIGSEGV, False, KernelExit(None, signal.SIGSEGV)),
        (139 << 8, False, KernelExit(139, None)),
        (139 << 8, True, KernelExit(None, signal.SIGSEGV)),
        (128 << 8, True, KernelExit(128, None)),
        (255 << 8, True, KernelExit(255, None)),
        (signal.SIGKILL, True, KernelExit(None, signal.SIGKILL)),
    ],
)
def test_how_the_kernel_ended(status, through_bubblewrap, expected):
    assert exit_of(status, through_bubblewrap=through_bubblewrap) == expected


def test_a_short_run_sends_every_sample():
    choice = SampleChoice()
    assert all(choice.is_wanted(n / 10 + 0.001 * n, None, 100) for n in range(100))


def test_a_long_run_sends_thousands_and_every_new_peak():
    choice = SampleChoice()
    sent = sum(choice.is_wanted(n / 10, 3, 100) for n in range(9 * 3600 * 10))
    assert sent < 6000
    assert choice.is_wanted(9 * 3600, 3, 10**9)


def test_each_cell_has_a_sample():
    choice = SampleChoice()
    choice.is_wanted(30_000.0, 1, 100)
    assert choice.is_wanted(30_000.1, 2, 50)
    assert not choice.is_wanted(30_000.2, 2, 50)
    assert choice.is_wanted(30_000.3, 2, 10 * 2**20)


STAT = "7 (a (b) c) {state} 1 7 7 0 -1 {flags} 0 0 0 0"
STATUS = "Name:\tx\nSigQ:\t1/9\nSigPnd:\t{own}\nShdPnd:\t{shared}\nSigBlk:\t0000000000000100\n"


@pytest.mark.parametrize(
    ("state", "flags", "own", "shared", "expected"),
    [
        ("S", 0x400000, "0", "0", False),
        ("R", 0x400004, "0", "0", True),
        ("Z", 0x400000, "0", "0", True),
        ("D", 0x400000, "0", "0000000000000100", True),
        ("D", 0x400000, "0000000000000100", "0", True),
        ("S", 0x400000, "0", "0000000000004002", False),
    ],
)
def test_whether_a_process_is_about_to_end(state, flags, own, shared, expected):
    stat = STAT.format(state=state, flags=flags)
    assert ends_soon(stat, STATUS.format(own=own, shared=shared)) is expected


class Over:
    """Stands in for the event that a run is over: it is, from the given wait on."""

    def __init__(self, at: int | None) -> None:
        self.waits: list[float] = []
        self._at = at

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return self._at is not None and len(self.waits) > self._at


@pytest.mark.parametrize(
    ("over_at", "softly", "expected"),
    [
        (0, True, []),
        (1, True, ["soft", "interrupt"]),
        (3, True, ["soft", "interrupt", "interrupt", "interrupt"]),
        (4, True, ["soft", "interrupt", "interrupt", "interrupt", "kill"]),
        (None, True, ["soft", "interrupt", "interrupt", "interrupt", "kill", "give up"]),
        (None, False, ["soft", "kill", "give up"]),
    ],
)
def test_the_clock_goes_step_by_step(over_at, softly, expected):
    done: list[str] = []

    def stop_softly() -> bool:
        done.append("soft")
        return softly

    actions = Actions(
        stop_softly=stop_softly,
        interrupt=lambda: done.append("interrupt"),
        kill=lambda: done.append("kill"),
        give_up=lambda: done.append("give up"),
    )
    clock = Clock(wall_time_s=5.0, grace_s=2.5, actions=actions)
    clock.over = Over(over_at)
    clock._run()
    assert done == expected
    assert clock.over.waits[0] == 5.0
    if softly and over_at is None:
        assert sum(clock.over.waits[1:-1]) == 2.5


class Counter:
    """Stands in for a cgroup whose memory killer counts."""

    def __init__(self, *counts: int | None) -> None:
        self._counts = list(counts)

    def kills(self) -> int | None:
        return self._counts.pop(0) if len(self._counts) > 1 else self._counts[0]


def meter(counter: Counter | None, killed: list[int]) -> Meter:
    return Meter(
        None,
        counter,
        limit_bytes=1,
        alarms=Alarms(memory_full=None, killed=killed.append),
        send=lambda *_: None,
    )


def test_a_rising_counter_is_reported_once_a_rise():
    killed: list[int] = []
    made = meter(Counter(5, 5, 6, 6, 8, 8), killed)
    assert [made.check_kills() for _ in range(5)] == [False, True, True, True, True]
    assert killed == [1, 3]
    assert made.kills == 8


def test_without_a_counter_nothing_is_reported():
    killed: list[int] = []
    for counter in (None, Counter(None)):
        made = meter(counter, killed)
        assert not made.check_kills()
        assert made.kills is None
    assert killed == []

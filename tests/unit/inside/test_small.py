"""Job file, kernel's exit, choice of samples, clock's arithmetic."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from harness.inside.job import read_job
from harness.inside.kernel import KernelExit, exit_of
from harness.inside.meter import SampleChoice

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

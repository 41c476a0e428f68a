"""Unit tests start no process, open no connection and never sleep: a fixture forbids all three.

Beside it a spec, exit facts and events to build cases from.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.events import CellFinished, CellStarted, RunnerFinished, RunnerStarted
from harness.result import ExitFacts
from harness.spec import Accelerator, EngineName, Limits, RunSpec, Submission


class ForbiddenError(AssertionError):
    """A unit test tried what only the other suites may do."""


def _refuse(what: str):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise ForbiddenError(f"a unit test may not {what}")

    return refuse


@pytest.fixture(autouse=True)
def _forbid_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "fork"), (os, "posix_spawn")):
        monkeypatch.setattr(module, name, _refuse("start a process"))
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse("open a connection"))
    monkeypatch.setattr(time, "sleep", _refuse("sleep"))


def _spec(tmp_path, *, gpus=(0, 0), competition=None, sample=None, **changes):
    wanted, present = gpus
    made = RunSpec(
        notebook=tmp_path / "notebook.ipynb",
        name="notebook",
        profile="gpu-t4x2" if wanted else "cpu",
        accelerator=Accelerator(
            name="GPU T4 x2" if wanted else "none", wanted=wanted, present=present
        ),
        limits=Limits(
            wall_time_s=60.0,
            memory_bytes=2**30,
            cpus=2,
            disk_bytes=20 * 2**30,
            shm_bytes=2**26,
        ),
        submission=Submission(file_name="submission.csv", competition=competition, sample=sample),
        engine=EngineName.BUBBLEWRAP,
        mirror=Path("/opt/mirror"),
        runs=tmp_path / "runs",
    )
    return replace(made, **changes)


@pytest.fixture
def make_spec(tmp_path):
    return lambda **changes: _spec(tmp_path, **changes)


@pytest.fixture
def facts():
    return ExitFacts(
        exit_code=0,
        signal=None,
        hard_stopped=False,
        memory_kills=None,
        memory_peak_bytes=None,
        wall_time_s=3.0,
        stderr_tail="",
        limits=(),
    )


@pytest.fixture
def make_run():
    """Events of a run: `ok` cells that end well, then what `tail` adds."""

    def run(*tail, ok=2, finish="completed", gpus=0, **finished):
        events = [RunnerStarted(time_s=0.1, cells=6, python="3.11.7", packages={}, gpus=gpus)]
        for cell in range(ok):
            events.append(CellStarted(time_s=1.0 + cell, cell=cell))
            events.append(CellFinished(time_s=1.5 + cell, cell=cell, status="ok", wall_time_s=0.5))
        events.extend(tail)
        if finish is not None:
            events.append(RunnerFinished(time_s=30.0, status=finish, **finished))
        return events

    return run

"""A way to call the command line with a made-up machine and made-up runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

import harness.cli.mirror
import harness.cli.stage
import harness.engine.select
import harness.verify
from harness.cli.main import main
from harness.config import Host
from harness.engine.base import Plan
from harness.events import CellFinished, CellStarted, Event, RunnerStarted
from harness.result import (
    Cause,
    CellResult,
    EnforcedLimit,
    Enforcement,
    Outcome,
    RunResult,
    Usage,
    Verdict,
)
from harness.spec import RunSpec

HOST = Host(
    cpus=4,
    memory_bytes=64 * 2**30,
    disk_free_bytes=10**12,
    gpus=0,
    docker_problem="no engine answers",
    docker_images=frozenset(),
    bubblewrap_problem=None,
    mirror=Path("/mirror"),
)


def make_result(
    outcome: Outcome = Outcome.PASSED,
    cause: Cause = Cause.NONE,
    *,
    cell: int | None = None,
    summary: str = "Every cell ran.",
    advice: str = "",
    evidence: tuple[str, ...] = (),
    run_folder: Path | None = Path("/runs/1-nb"),
) -> RunResult:
    return RunResult(
        run_folder=run_folder,
        started_at="2026-11-24T00:00:00+00:00",
        verdict=Verdict(
            outcome=outcome,
            cause=cause,
            cell=cell,
            summary=summary,
            advice=advice,
            evidence=evidence,
        ),
        usage=Usage(
            wall_time_s=1.5,
            cpu_time_s=1.0,
            peak_memory_bytes=2**28,
            peak_memory_with_cache_bytes=None,
            peak_disk_bytes=None,
        ),
        cells=(CellResult(index=0, status="ok", wall_time_s=0.5, peak_memory_bytes=2**28),),
        limits=(
            EnforcedLimit(
                name="memory",
                allowed="29.0 GiB",
                how=Enforcement.ENFORCED,
                mechanism="cgroup v1 memory.limit_in_bytes",
            ),
        ),
    )


def events(count: int = 1) -> list[Event]:
    listed: list[Event] = [
        RunnerStarted(time_s=0.0, cells=count, python="3.11.2", packages={}, gpus=0)
    ]
    for cell in range(count):
        listed.append(CellStarted(time_s=1.0, cell=cell))
        listed.append(CellFinished(time_s=1.5, cell=cell, status="ok", wall_time_s=0.5))
    return listed


@dataclass
class Called:
    """What a call of the command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


class CommandLine:
    """Calls `main` in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.results: dict[str, RunResult | BaseException] = {}
        self.specs: list[RunSpec] = []
        self.host = HOST
        self._capsys = capsys

    def notebook(self, name: str = "nb.ipynb") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
        return path

    def __call__(self, *arguments: str) -> Called:
        self._capsys.readouterr()
        code = main(arguments)
        got = self._capsys.readouterr()
        return Called(code, got.out, got.err)

    def verify_notebook(
        self, spec: RunSpec, *, on_event: Callable[[Event], None] | None = None
    ) -> RunResult:
        self.specs.append(spec)
        for event in events():
            if on_event is not None:
                on_event(event)
        result = self.results.get(spec.notebook.name, make_result())
        if isinstance(result, BaseException):
            raise result
        return result


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("HARNESS_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    line = CommandLine(tmp_path, capsys)
    monkeypatch.setattr(harness.engine.select, "probe_host", lambda *_, **__: line.host)
    monkeypatch.setattr(harness.verify, "verify_notebook", line.verify_notebook)
    return line


@pytest.fixture
def result() -> Callable[..., RunResult]:
    return make_result


@pytest.fixture
def _plan(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Plan(
        command=["bwrap", "--unshare-all", "a b"],
        mounts=[("/mirror", "/opt/mirror")],
        limits={"memory": "cgroup"},
        environment={"KAGGLE_KERNEL_RUN_TYPE": "Batch"},
    )

    class Planner:
        def plan(self, _spec: RunSpec) -> Plan:
            return made

    monkeypatch.setattr(harness.engine.select, "make_engine", lambda _spec: Planner())


@pytest.fixture
def other_commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Stand in for the commands that `--setup` calls, and list their calls."""
    calls: list[tuple[str, bool]] = []

    def stand_in(name: str) -> click.Command:
        @click.command(name)
        @click.option("-q", "--quiet", is_flag=True)
        def run(*, quiet: bool) -> None:
            calls.append((name, quiet))

        return run

    monkeypatch.setattr(harness.cli.mirror, "mirror", stand_in("mirror"))
    monkeypatch.setattr(harness.cli.stage, "stage", stand_in("stage"))
    return calls

"""Runs of the Docker engine itself, below the command line."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.config.engine import SLIM_IMAGE
from harness.engine.base import RunFolders
from harness.engine.docker.client import Connection, connect
from harness.engine.docker.create import OWNER_LABEL
from harness.engine.docker.engine import DockerEngine
from harness.engine.owner import identity
from harness.events import Event
from harness.kaggle.environment import session_environment
from harness.result import ExitFacts
from harness.spec import Accelerator, EngineName, Limits, RunSpec, Submission


def notebook_text(*cells: str) -> str:
    """A notebook of code cells, as text."""
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [],
                    "source": cell,
                }
                for cell in cells
            ],
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
            "nbformat": 4,
            "nbformat_minor": 4,
        }
    )


def write_notebook(folder: Path, *cells: str) -> Path:
    """A notebook of code cells, as a file."""
    path = folder / "notebook.ipynb"
    path.write_text(notebook_text(*cells), encoding="utf-8")
    return path


def make_spec(notebook: Path, runs: Path, **limits: float) -> RunSpec:
    """A small session; `limits` change its own."""
    wanted = {
        "wall_time_s": 60.0,
        "grace_s": 2.0,
        "memory_bytes": 2**30,
        "cpus": 1,
        "disk_bytes": 2**28,
        "shm_bytes": 2**26,
        "processes": 256,
    }
    return RunSpec(
        notebook=notebook,
        name="notebook",
        profile="cpu",
        accelerator=Accelerator(name="none", wanted=0, present=0),
        limits=Limits(**(wanted | limits)),
        environment=session_environment(gpus=0),
        submission=Submission(file_name="submission.csv", competition=None, sample=None),
        engine=EngineName.DOCKER,
        image=SLIM_IMAGE,
        runs=runs,
    )


@dataclass(slots=True, kw_only=True)
class Ran:
    """One run and what came of it."""

    facts: ExitFacts
    events: list[Event] = field(default_factory=list)
    output: Path
    runner: Path


@pytest.fixture
def connection() -> Connection:
    """The engine of this machine."""
    return connect()


def folders_in(folder: Path) -> RunFolders:
    """Three empty folders."""
    made = RunFolders(
        output=folder / "output", runner=folder / "runner", scratch=folder / "scratch"
    )
    for each in (made.output, made.runner, made.scratch):
        each.mkdir(parents=True)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Run code cells in a container of the engine's own making."""

    def run(*cells: str, on_event: Callable[[Event], None] | None = None, **limits: float) -> Ran:
        place = tmp_path / uuid.uuid4().hex[:8]
        folders = folders_in(place)
        spec = make_spec(write_notebook(place, *cells), tmp_path, **limits)
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            if on_event is not None:
                on_event(event)

        facts = DockerEngine().run(spec, folders, note)
        assert list(folders.scratch.iterdir()) == []
        return Ran(facts=facts, events=events, output=folders.output, runner=folders.runner)

    return run


@pytest.fixture
def nothing_left(connection: Connection) -> Iterator[None]:
    """Fail when a test leaves a container or a volume of ours behind."""
    before = _loose_volumes(connection)
    yield
    assert own_containers(connection, all=True) == []
    deadline = time.monotonic() + 5  # another run beside this one may be on its way out
    while left := _loose_volumes(connection) - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def own_containers(connection: Connection, **options: bool) -> list[dict[str, Any]]:
    """The containers that this very process owns; others may run on the same engine."""
    mine = {"label": f"{OWNER_LABEL}={identity()}"}
    found: list[dict[str, Any]] = connection.api.containers(filters=mine, **options)
    return found


def _loose_volumes(connection: Connection) -> set[str]:
    found = connection.api.volumes(filters={"dangling": True})["Volumes"] or ()
    return {each["Name"] for each in found}


def own_uid() -> int:
    """Whom files have to belong to."""
    return os.geteuid()

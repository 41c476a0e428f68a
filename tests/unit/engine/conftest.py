"""A spec that engine tests vary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from harness.spec import (
    Accelerator,
    AttachedSource,
    EngineName,
    Limits,
    RunSpec,
    SourceKind,
    Submission,
)

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
LIMITS = Limits(
    wall_time_s=60.0,
    memory_bytes=2 * 2**30,
    cpus=1,
    disk_bytes=2**30,
    shm_bytes=64 * 2**20,
    processes=200,
)


@pytest.fixture
def make_spec(tmp_path) -> Callable[..., RunSpec]:
    """Make a spec with one source and a mirror's skeleton, all in tmp_path."""
    notebook = tmp_path / "spec" / "notebook.ipynb"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps(NOTEBOOK))
    source = tmp_path / "spec" / "source"
    source.mkdir()
    mirror = tmp_path / "spec" / "mirror"
    (mirror / "bin").mkdir(parents=True)
    (mirror / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")

    def make(**changes: object) -> RunSpec:
        return replace(_spec(notebook, source, mirror), **changes)

    return make


def _spec(notebook: Path, source: Path, mirror: Path) -> RunSpec:
    return RunSpec(
        notebook=notebook,
        name="notebook",
        profile="cpu",
        accelerator=Accelerator(name="none", wanted=0, present=0),
        limits=LIMITS,
        sources=(
            AttachedSource(
                kind=SourceKind.DATASET,
                handle="ada/tables",
                path=source,
                mount=PurePosixPath("/kaggle/input/datasets/ada/tables"),
            ),
        ),
        environment={"HOME": "/root"},
        submission=Submission(file_name="submission.csv", competition=None, sample=None),
        engine=EngineName.BUBBLEWRAP,
        mirror=mirror,
        runs=notebook.parent / "runs",
    )

"""One run with everything in it."""

from pathlib import Path, PurePosixPath

import pytest

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
from harness.spec import (
    Accelerator,
    AttachedSource,
    EngineName,
    Limits,
    RunSpec,
    SourceKind,
    Submission,
)

EVENTS = (
    RunnerStarted(0.1, 4, "3.11.7", {"torch": "2.13.0"}, 0),
    NotebookRefused(0.2, "language", "R"),
    CellStarted(1.0, 0),
    NetworkAttempt(1.1, "huggingface.co", 0),
    Sample(1.2, 100, None, 0.5, 7, 2, 0),
    OutputCut(1.3, 0, 10),
    MemoryKill(1.4, 1, 0),
    LimitReached(1.5, "memory", 2.0, 1.0, 0),
    KernelDied(1.6, 0, None, 9, "tail"),
    CellFinished(1.7, 0, "error", 0.7, 1, "OSError", "no"),
    RunnerFailed(1.8, "detail"),
    RunnerFinished(1.9, "failed", 0, "OSError", "no", "Traceback", 5, 1, 2),
)


@pytest.fixture
def spec():
    return RunSpec(
        notebook=Path("/home/user/notebook.ipynb"),
        name="notebook",
        profile="gpu-t4x2",
        accelerator=Accelerator(name="GPU T4 x2", wanted=2, present=0),
        limits=Limits(
            wall_time_s=60.0, memory_bytes=2**30, cpus=2, disk_bytes=2**30, shm_bytes=2**26
        ),
        sources=(
            AttachedSource(
                kind=SourceKind.COMPETITION,
                handle="titanic",
                path=Path("/home/user/inputs/competitions/titanic"),
                mount=PurePosixPath("/kaggle/input/competitions/titanic"),
            ),
        ),
        submission=Submission(
            file_name="submission.csv",
            competition="titanic",
            sample=Path("/home/user/inputs/competitions/titanic/sample_submission.csv"),
        ),
        engine=EngineName.DOCKER,
        image="slim:1",
        runs=Path("/home/user/runs"),
        fidelity=("torch is a CPU build.",),
    )


@pytest.fixture
def result():
    return RunResult(
        run_folder=Path("/home/user/runs/20261124T070000Z-notebook"),
        started_at="2026-11-24T07:00:00+00:00",
        verdict=Verdict(
            outcome=Outcome.THREW_EXCEPTION,
            cause=Cause.MISSING_MODEL,
            cell=0,
            summary="Cell 0 loads a model.",
            kaggle_message="Your notebook hit an unhandled error",
            advice="Stage it.",
            evidence=("One.",),
            warnings=("Two.",),
        ),
        usage=Usage(
            wall_time_s=3.0,
            cpu_time_s=0.5,
            peak_memory_bytes=100,
            peak_memory_with_cache_bytes=None,
            peak_disk_bytes=7,
        ),
        cells=(CellResult(index=0, status="error", wall_time_s=0.7, peak_memory_bytes=100),),
        limits=(
            EnforcedLimit(
                name="memory",
                allowed="1.00 GiB",
                how=Enforcement.ENFORCED,
                mechanism="cgroup v1 memory.limit_in_bytes",
            ),
        ),
        events=EVENTS,
    )

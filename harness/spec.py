"""What was asked: one frozen `RunSpec` that says everything about a run.

`config` makes it; every room below reads it, and none reads flags, the environment or files of
settings again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath


class EngineName(StrEnum):
    """The engines that can isolate a run."""

    DOCKER = "docker"
    BUBBLEWRAP = "bubblewrap"


class Layout(StrEnum):
    """How sources are laid out under /kaggle/input. Kaggle has used both in 2026."""

    NESTED = "nested"
    CLASSIC = "classic"


class SourceKind(StrEnum):
    """What an attached source is; the value is its folder in the nested layout."""

    COMPETITION = "competitions"
    DATASET = "datasets"
    MODEL = "models"
    NOTEBOOK = "notebooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedSource:
    """One source that the notebook sees, read-only, under /kaggle/input.

    Attributes:
        kind: Competition, dataset, model or notebook output.
        handle: Kaggle's handle: `SLUG`, `OWNER/SLUG` or `OWNER/MODEL/FRAMEWORK/VARIATION/VERSION`.
        path: The folder on this machine that holds its files.
        mount: Where the notebook sees it, e.g. `/kaggle/input/datasets/OWNER/SLUG`.
    """

    kind: SourceKind
    handle: str
    path: Path
    mount: PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the session.

    Attributes:
        wall_time_s: Whole run, from the start of the runner. The runner stops softly here.
        grace_s: From the soft stop (interrupt, save) to the moment when the kernel is killed.
        memory_bytes: Memory and swap together; swap is never allowed on top.
        cpus: Whole processor cores.
        disk_bytes: Everything under /kaggle/working.
        shm_bytes: Size of /dev/shm; counts as memory too.
        processes: Processes and threads at one time.
        output_bytes: Cell output kept per cell; what is over is cut and counted.
    """

    wall_time_s: float
    grace_s: float = 10.0
    memory_bytes: int
    cpus: int
    disk_bytes: int
    shm_bytes: int
    processes: int = 4096
    output_bytes: int = 10 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The accelerator that the profile has.

    Attributes:
        name: Kaggle's name of it, e.g. `GPU T4 x2`; `none` for the CPU profile.
        wanted: How many GPUs the profile has.
        present: How many of them this machine passes to the run; 0 means that the run goes on
            without, and can at most be *passed without GPU*.
    """

    name: str
    wanted: int
    present: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The file that a competition expects.

    Attributes:
        file_name: Its name in /kaggle/working, e.g. `submission.csv`.
        competition: Slug of the competition, or None when none is attached: then a missing
            submission file is no failure.
        sample: The competition's sample file on this machine, or None when there is none.
    """

    file_name: str
    competition: str | None
    sample: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One run of one notebook.

    Attributes:
        notebook: The notebook file on this machine, absolute.
        name: Short name for folders and titles: the notebook's stem made safe for a path.
        profile: Name of the profile, e.g. `gpu-t4x2`.
        accelerator: What the profile has and what this machine gives.
        limits: Already capped to this machine.
        sources: What is mounted under /kaggle/input; nothing else is.
        layout: Layout of those mounts.
        environment: All variables of the session (Kaggle's and the user's), complete.
        submission: What the competition expects.
        engine: Who isolates the run.
        image: Image that the docker engine runs; None for bubblewrap.
        mirror: Folder of the virtual environment with Kaggle's pins; None for docker.
        runs: Folder in which the run's own folder is made.
        fidelity: Where this run differs from Kaggle, one sentence each, in the order to show.
    """

    notebook: Path
    name: str
    profile: str
    accelerator: Accelerator
    limits: Limits
    sources: tuple[AttachedSource, ...] = ()
    layout: Layout = Layout.NESTED
    environment: Mapping[str, str] = field(default_factory=dict)
    submission: Submission
    engine: EngineName
    image: str | None = None
    mirror: Path | None = None
    runs: Path
    fidelity: tuple[str, ...] = ()

"""The values that go into and come out of `resolve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.spec import RunSpec

FILE_NAME = "harness.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one place (flags, environment, settings file) says, as it was written there.

    None, or an empty tuple, means that the place is silent. Sizes, durations and numbers are text
    here, so that one piece of code reads all of them and can name the place in its message.
    """

    engine: str | None = None
    profile: str | None = None
    time_limit: str | None = None
    grace: str | None = None
    memory: str | None = None
    disk: str | None = None
    shm: str | None = None
    cpus: str | None = None
    processes: str | None = None
    layout: str | None = None
    competition: str | None = None
    submission_file: str | None = None
    sample: str | None = None
    image: str | None = None
    inputs: str | None = None
    runs: str | None = None
    attach: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One notebook to run, and everything that a caller said about it.

    Attributes:
        notebook: The notebook file as it was written.
        flags: What the command line says.
        environment: The caller's environment; only names with the prefix `HARNESS_` are read.
        cwd: The caller's current folder, absolute: paths in flags start there.
    """

    notebook: Path
    flags: Settings = field(default_factory=Settings)
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """This machine, as far as a run depends on it.

    Attributes:
        cpus: Cores that this process may use.
        memory_bytes: Memory of the machine, or of the cgroup that this process is in.
        disk_free_bytes: Free space where `runs` will be; None when it is not known.
        gpus: NVIDIA GPUs that the Docker engine can pass into a container.
        docker_problem: Why Docker cannot be used, as half a sentence (`no engine answers at
            unix:///var/run/docker.sock`); None when an engine answers.
        docker_images: References of the images on that engine: `NAME:TAG` and `NAME@DIGEST`.
        bubblewrap_problem: Why bubblewrap cannot be used, as half a sentence; None when it can.
        mirror: Folder of the mirror; None when there is none.
    """

    cpus: int
    memory_bytes: int
    disk_free_bytes: int | None
    gpus: int
    docker_problem: str | None
    docker_images: frozenset[str]
    bubblewrap_problem: str | None
    mirror: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What of this machine a request depends on.

    Attributes:
        runs: Folder of the runs; need not exist.
        docker: Whether a Docker engine could be used at all.
    """

    runs: Path
    docker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value of the spec came from, for `--print-spec`.

    Attributes:
        name: The setting, by its name in harness.toml, e.g. `time_limit`.
        value: The value for a person, e.g. `9 h`.
        source: E.g. `--time-limit`, `HARNESS_TIME_LIMIT`, `harness.toml:3`, `profile gpu-t4x2`.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A request made exact.

    Attributes:
        spec: What will be run.
        engine_reason: Which engine was taken and why, one sentence: to be printed first.
        origins: Where each value came from, in the order to show.
        warnings: What the user should know before the run, one sentence each.
    """

    spec: RunSpec
    engine_reason: str
    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]

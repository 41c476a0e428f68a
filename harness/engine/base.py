"""What every engine promises; `tests/contract` holds each of them to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.events import Event
from harness.result import ExitFacts
from harness.spec import EngineName, RunSpec

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolders:
    """Where an engine puts what comes out of a run. All exist and are empty.

    Attributes:
        output: Becomes the files of /kaggle/working.
        runner: Becomes what the runner wrote: `__notebook__.ipynb`, `__results__.html`,
            `__results___files/` and `log.json`.
        scratch: On the same disk; the engine may use it and empties it before it returns.
    """

    output: Path
    runner: Path
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do, for `--dry-run`: nothing has been started.

    Attributes:
        command: The program and arguments, or the equivalent `docker run` line.
        mounts: Pairs of what is mounted and where, in order.
        limits: Limit and the mechanism that would keep it.
        environment: Variables inside.
    """

    command: Sequence[str]
    mounts: Sequence[tuple[str, str]]
    limits: Mapping[str, str]
    environment: Mapping[str, str]


class Engine(Protocol):
    """One way to isolate a run."""

    @property
    def name(self) -> EngineName:
        """Which engine this is."""

    def check(self, spec: RunSpec) -> None:
        """Make sure that this machine can serve the run.

        Raises:
            PrerequisiteError: No engine, no image or mirror, no namespaces, not enough space.
        """

    def plan(self, spec: RunSpec) -> Plan:
        """Say what `run` would do."""

    def run(self, spec: RunSpec, folders: RunFolders, on_event: OnEvent) -> ExitFacts:
        """Run the notebook; call `on_event` for each of the runner's events as it comes.

        The sandbox, every process in it, its mounts and its cgroup are gone when this returns or
        raises, KeyboardInterrupt included. Files in `folders` belong to the caller and are regular
        files and folders only.

        Raises:
            EngineError: The engine failed, so nothing can be said about the notebook.
            PrerequisiteError: As `check`.
        """

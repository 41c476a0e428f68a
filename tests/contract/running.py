"""Runs real notebooks through an engine, for the suite and for processes that the suite kills."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat

from harness.engine.base import RunFolders
from harness.engine.select import make_engine
from harness.events import Event
from harness.result import EnforcedLimit, ExitFacts
from harness.spec import (
    Accelerator,
    AttachedSource,
    EngineName,
    Limits,
    RunSpec,
    SourceKind,
    Submission,
)

MOUNT = PurePosixPath("/kaggle/input/datasets/ada/tables")
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/opt/mirror/bin:/usr/local/bin:/usr/bin:/bin",
    "PWD": "/kaggle/working",
    "PYTHONPATH": "/kaggle/lib",
    "SUITE": "contract",
}
LIMITS = Limits(
    wall_time_s=60.0,
    grace_s=1.0,
    memory_bytes=1000 * 2**20,
    cpus=1,
    disk_bytes=200 * 2**20,
    shm_bytes=64 * 2**20,
    processes=120,
)


@dataclass(slots=True, kw_only=True)
class Ran:
    """One run as it went.

    Attributes:
        facts: What the engine saw.
        events: In the order they came.
        folders: Where the files went.
    """

    facts: ExitFacts
    events: Sequence[Event]
    folders: RunFolders

    def all(self, kind: type[Event]) -> list[Any]:
        """Every event of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[Event]) -> Any:
        """The only event of one kind."""
        (event,) = self.all(kind)
        return event

    def limit(self, name: str) -> EnforcedLimit:
        """One row of the enforcement table."""
        (row,) = [row for row in self.facts.limits if row.name == name]
        return row

    def printed(self, cell: int = 0) -> str:
        """What a cell wrote to standard output, by the notebook that the runner saved."""
        saved = nbformat.read(self.folders.runner / "__notebook__.ipynb", as_version=4)
        outputs = saved.cells[cell].outputs
        return "".join(output.text for output in outputs if output.get("name") == "stdout")

    def found(self, cell: int = 0) -> Any:
        """The JSON that a cell printed as its last line."""
        return json.loads(self.printed(cell).strip().splitlines()[-1])


@dataclass(slots=True, kw_only=True)
class Bench:
    """Runs notebooks on one engine, each in a folder of its own.

    Attributes:
        engine: Name of the engine.
        folder: Where everything goes.
        mirror: For bubblewrap.
        image: For Docker.
        count: Runs so far.
    """

    engine: EngineName
    folder: Path
    mirror: Path | None
    image: str
    count: int = 0

    def prepare(self, *cells: str, **changes: object) -> tuple[RunSpec, RunFolders]:
        """Write a notebook of code cells, and make its spec and folders.

        Args:
            cells: Source of each code cell.
            changes: Fields of `Limits`, and `environment`.
        """
        self.count += 1
        top = self.last
        folders = RunFolders(output=top / "output", runner=top / "runner", scratch=top / "scratch")
        for each in (folders.output, folders.runner, folders.scratch):
            each.mkdir(parents=True)
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
        )
        nbformat.write(notebook, top / "notebook.ipynb")
        environment = changes.pop("environment", ENVIRONMENT)
        assert isinstance(environment, Mapping)
        limits = replace(LIMITS, **changes)  # type: ignore[arg-type]
        return self._spec(top, environment, limits), folders

    def run(
        self, *cells: str, on_event: Callable[[Event], None] = lambda _: None, **changes: object
    ) -> Ran:
        """Run a notebook of code cells to its end."""
        spec, folders = self.prepare(*cells, **changes)
        return run_spec(spec, folders, on_event)

    @property
    def last(self) -> Path:
        """Folder of the run that was prepared last."""
        return self.folder / f"{self.engine}-{self.count}"

    def _spec(self, top: Path, environment: Mapping[str, str], limits: Limits) -> RunSpec:
        docker = self.engine is EngineName.DOCKER
        return RunSpec(
            notebook=top / "notebook.ipynb",
            name="notebook",
            profile="cpu",
            accelerator=Accelerator(name="none", wanted=0, present=0),
            limits=limits,
            sources=(self._source(),),
            environment=dict(environment),
            submission=Submission(file_name="submission.csv", competition=None, sample=None),
            engine=self.engine,
            image=self.image if docker else None,
            mirror=None if docker else self.mirror,
            runs=self.folder,
        )

    def _source(self) -> AttachedSource:
        """A staged input as staging writes it, beside one that is not attached."""
        path = self.folder / "inputs" / "datasets" / "ada" / "tables"
        if not path.exists():
            (path / "sub").mkdir(parents=True)
            (path / "table.csv").write_text("id,target\n1,2\n")
            (path / "sub" / "tool.sh").write_text("#!/bin/sh\necho ran\n")
            shutil.copytree(path, path.with_name("unattached"))
        return AttachedSource(kind=SourceKind.DATASET, handle="ada/tables", path=path, mount=MOUNT)


def run_spec(
    spec: RunSpec, folders: RunFolders, on_event: Callable[[Event], None] = lambda _: None
) -> Ran:
    """Run a spec to its end and keep its events."""
    events: list[Event] = []

    def note(event: Event) -> None:
        events.append(event)
        on_event(event)

    facts = make_engine(spec).run(spec, folders, note)
    return Ran(facts=facts, events=events, folders=folders)


def run_and_tell(spec: RunSpec, folders: RunFolders, told: Path) -> None:
    """Run in a process that the suite is going to kill; `told` appears with the first cell."""

    def tell(event: Event) -> None:
        if event.kind == "cell_started":
            told.touch()

    run_spec(spec, folders, tell)

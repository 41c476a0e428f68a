"""Runs the runner as an engine does, but with no sandbox around it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import nbformat

from harness.events import CellFinished, Event, RunnerFinished, decode

MAIN = Path(__file__).parents[2] / "harness" / "inside" / "main.py"
LAST = ("runner_finished", "runner_failed")
PATIENCE_S = 120.0
NOBODY = 65534

EventType = TypeVar("EventType", bound=Event)


@dataclass(kw_only=True)
class Ran:
    """What came of a run.

    Attributes:
        events: In the order they came.
        arrived_s: When each of them came, from the start of the process.
        exit_code: Of the runner, after its input was closed.
        stderr: What it wrote there.
        out: Its folder.
        working: The kernel's folder.
    """

    events: list[Event] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    exit_code: int = -1
    stderr: str = ""
    out: Path
    working: Path

    def all(self, kind: type[EventType]) -> list[EventType]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[EventType]) -> EventType:
        """Return the only event of a kind."""
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} of {kind.__name__} in {self.events}\n{self.stderr}"
        return found[0]

    @property
    def finished(self) -> RunnerFinished:
        """The last event, which has to be the runner's own end."""
        assert isinstance(self.events[-1], RunnerFinished), f"{self.events[-1]}\n{self.stderr}"
        return self.events[-1]

    @property
    def statuses(self) -> dict[int, str]:
        """How each cell ended."""
        return {event.cell: event.status for event in self.all(CellFinished)}

    @property
    def notebook(self) -> Any:
        """The notebook that it saved, which has to be a valid one."""
        notebook = nbformat.read(self.out / "__notebook__.ipynb", as_version=4)
        nbformat.validate(notebook)
        return notebook

    def text(self, cell: int) -> str:
        """All that a cell printed."""
        outputs = self.notebook.cells[cell].outputs
        return "".join(output.text for output in outputs if output.output_type == "stream")

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log's elements."""
        return json.loads((self.out / "log.json").read_text(encoding="utf-8"))


def make_notebook(*cells: str | dict[str, Any], **metadata: Any) -> Any:
    """Make a notebook of code cells; a dict is a cell's source with its metadata."""
    return nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cell)
            if isinstance(cell, str)
            else nbformat.v4.new_code_cell(cell["source"], metadata=cell["metadata"])
            for cell in cells
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}}
        | metadata,
    )


class Runner:
    """Starts runners of one virtual environment, each in folders of its own."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.python = environment / "bin" / "python"
        self._folder = folder
        self._count = 0
        self._user = unprivileged_user()

    def __call__(
        self,
        notebook: Any,
        *,
        until: Callable[[Event], bool] | None = None,
        prepare: Callable[[Path], None] | None = None,
        **job: Any,
    ) -> Ran:
        """Run a notebook, or a file's bytes.

        Args:
            notebook: A notebook or bytes.
            until: Close the runner's input at the first event for which this is true: the host
                goes away.
            prepare: Called with the working folder before the start.
            **job: Fields of the job that differ from the usual.
        """
        self._count += 1
        folder = self._folder / str(self._count)
        out, working = folder / "out", folder / "working"
        for each in (out, working):
            each.mkdir(parents=True)
            if self._user is not None:
                os.chown(each, self._user, self._user)
        if prepare is not None:
            prepare(working)
        file = folder / "notebook.ipynb"
        content = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
        file.write_bytes(content)
        command = self._command(file, out, working, job)
        ran = Ran(out=out, working=working)
        _follow(command, ran, until, self._user)
        return ran

    def _command(self, file: Path, out: Path, working: Path, job: dict[str, Any]) -> list[str]:
        whole = {
            "notebook": str(file),
            "out": str(out),
            "working": str(working),
            "kernel_prefix": [],
            "environment": {
                "PATH": f"{self.python.parent}:/usr/bin:/bin",
                "HOME": str(working.parent),
                "LANG": "C.UTF-8",
            },
            "wall_time_s": 60.0,
            "grace_s": 2.0,
            "memory_bytes": 2**31,
            "watch_memory": False,
            "disk_bytes": 2**30,
            "output_bytes": 2**20,
            "cpus": None,
            "process_limit": None,
            "name_server": False,
            "sole": False,
        } | job
        path = file.with_name("job.json")
        path.write_text(json.dumps(whole), encoding="utf-8")
        return [str(self.python), "-I", "-B", "-X", "utf8", str(MAIN), str(path)]


def unprivileged_user() -> int | None:
    """Return the user who runs the notebooks when the tests are run by root; None for no root.

    That this user can reach the interpreter is what the marker `kernel` asks for.
    """
    return NOBODY if os.geteuid() == 0 else None


def _follow(
    command: Sequence[str], ran: Ran, until: Callable[[Event], bool] | None, user: int | None
) -> None:
    started = time.monotonic()
    errors: list[bytes] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        reader.start()
        for line in process.stdout:
            event = decode(line.decode("ascii"))
            ran.events.append(event)
            ran.arrived_s.append(time.monotonic() - started)
            if event.kind in LAST or (until is not None and until(event)):
                process.stdin.close()
                process.stdin = None
                break
        rest = process.stdout.read()
        ran.exit_code = process.wait()
        watchdog.cancel()
        reader.join()
    ran.stderr = b"".join(errors).decode(errors="replace")
    ran.events += [decode(line) for line in rest.decode("ascii").splitlines()]
    assert ran.events, f"no event: {ran.stderr}"


def processes_with(text: str) -> list[int]:
    """Find the processes whose command line has a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if text in (entry / "cmdline").read_text(errors="replace"):
                    found.append(int(entry.name))
            except OSError:  # it ended
                continue
    return found

"""One verification, from spec to result on disk: the only file that knows the order of things."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.engine.base import Engine, RunFolders
from harness.engine.select import make_engine
from harness.errors import EngineError, HarnessError, PrerequisiteError
from harness.events import Event, RunnerStarted
from harness.judge.sources import cell_sources
from harness.judge.usage import cells_of, usage_of
from harness.judge.verdict import judge
from harness.report import record
from harness.result import Cause, Outcome, RunResult, Usage, Verdict
from harness.spec import RunSpec

NOTEBOOK_FILE = "__notebook__.ipynb"


def verify_notebook(
    spec: RunSpec,
    *,
    on_event: Callable[[Event], None] | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """Run one notebook in isolation, judge it and leave `runs/STAMP-NAME/` behind.

    Args:
        spec: What to run.
        on_event: Called with each event of the runner, as it comes.
        engine: Who isolates the run; by default the one that the spec names.

    Returns:
        The result, which also lies in the run folder as report.json. An engine that breaks during
        the run is a result too: the outcome `Harness Error`.

    Raises:
        PrerequisiteError: This machine cannot serve the run; nothing was left behind.
        KeyboardInterrupt: After everything of the run is gone.
    """
    engine = engine or make_engine(spec)
    engine.check(spec)
    started = datetime.now(UTC)
    folder = _make_run_folder(spec, started)
    events: list[Event] = []

    def note(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    try:
        result = _run(spec, engine, folder, events, note)
        result = replace(result, started_at=started.isoformat(timespec="seconds"))
        record.write(folder / "report.json", record.to_json(spec, result))
    except OSError as error:
        raise _cannot_keep(folder, error) from error
    except BaseException:
        # Ctrl-C, or a machine that could not serve the run after all: no half a result stays.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _point_latest(spec.runs, folder)
    return result


def _cannot_keep(folder: Path, error: OSError) -> Exception:
    """The error for results that could not be written; what was written already stays."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return PrerequisiteError(
        f"The disk is full: {error.strerror} while writing to {folder}, where the files so far "
        "are.",
        fix="Free some space, or put runs on another disk: --runs DIR.",
    )


def _run(
    spec: RunSpec,
    engine: Engine,
    folder: Path,
    events: list[Event],
    on_event: Callable[[Event], None],
) -> RunResult:
    """Run and judge; the run folder holds everything but the report afterwards."""
    folders = RunFolders(
        output=folder / "output", runner=folder / "runner", scratch=folder / "scratch"
    )
    for each in (folders.output, folders.runner, folders.scratch):
        each.mkdir()
    try:
        facts = engine.run(spec, folders, on_event)
    except PrerequisiteError:
        raise
    except EngineError as error:
        return _broken(error, folder, events)
    finally:
        shutil.rmtree(folders.scratch, ignore_errors=True)
    _gather(folders, folder)
    return RunResult(
        run_folder=folder,
        started_at="",
        verdict=judge(spec, events, facts, folders.output),
        usage=usage_of(events, facts),
        cells=cells_of(events, _cell_count(events), _code_cells(spec)),
        limits=facts.limits,
        events=tuple(events),
    )


def _broken(error: HarnessError, folder: Path, events: list[Event]) -> RunResult:
    """The result of a run whose engine failed: nothing can be said about the notebook."""
    verdict = Verdict(
        outcome=Outcome.HARNESS_ERROR,
        cause=Cause.ENGINE_FAILED,
        cell=None,
        summary=error.problem,
        advice=error.fix,
        evidence=("The engine failed during the run, so nothing is said about the notebook.",),
    )
    return RunResult(
        run_folder=folder,
        started_at="",
        verdict=verdict,
        usage=Usage(
            wall_time_s=events[-1].time_s if events else 0.0,
            cpu_time_s=None,
            peak_memory_bytes=None,
            peak_memory_with_cache_bytes=None,
            peak_disk_bytes=None,
        ),
        cells=cells_of(events, _cell_count(events)),
        limits=(),
        events=tuple(events),
    )


def _gather(folders: RunFolders, folder: Path) -> None:
    """Lift the runner's files into the run folder; the executed notebook also replaces its copy."""
    for path in sorted(folders.runner.iterdir()):
        path.rename(folder / path.name)
    folders.runner.rmdir()
    executed = folder / NOTEBOOK_FILE
    if executed.exists():
        shutil.copyfile(executed, folders.output / NOTEBOOK_FILE)


def _code_cells(spec: RunSpec) -> tuple[int, ...] | None:
    """Indices of the cells that have code; None for a file that is no notebook."""
    sources = cell_sources(spec.notebook)
    return tuple(index for index, source in enumerate(sources) if source.strip()) or None


def _cell_count(events: list[Event]) -> int:
    """How many cells the notebook has, by the runner's own word; 0 when it never started."""
    return next((event.cells for event in events if isinstance(event, RunnerStarted)), 0)


def _make_run_folder(spec: RunSpec, started: datetime) -> Path:
    """Make a new folder `STAMP-NAME`, with a number behind it when that is taken."""
    stem = f"{started:%Y%m%dT%H%M%SZ}-{spec.name}"
    try:
        spec.runs.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = spec.runs / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder
    except OSError as error:
        raise PrerequisiteError(
            f"The run folder cannot be made in {spec.runs}: {error.strerror}.",
            fix="Name a folder that you may write to, on a disk with space: --runs DIR.",
        ) from error


def _point_latest(runs: Path, folder: Path) -> None:
    """Let `runs/latest` point to the folder, in one step."""
    link = runs / f".latest-{os.getpid()}-{folder.name}"
    try:
        link.symlink_to(folder.name)
        link.replace(runs / "latest")
    except OSError:
        # A file system without links: the printed path of the run folder does as well.
        link.unlink(missing_ok=True)


def exit_code(results: list[RunResult]) -> int:
    """What the command line returns for these results: 0, 1, 3 or 70, the worst one."""
    codes = [_exit_code(result.verdict) for result in results]
    return max(codes, default=0)


def _exit_code(verdict: Verdict) -> int:
    if verdict.outcome.passed:
        return 0
    if verdict.outcome is not Outcome.HARNESS_ERROR:
        return 1
    return 70 if verdict.cause is Cause.RUNNER_FAILED else 3

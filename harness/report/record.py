"""report.json: the record of a run that programs read, and from which other reports are made.

Its form is published as a JSON schema (`harness/report/schema.py`) and explained field by field in
docs/reference/report.md. A field is never renamed or given another meaning without a new
`schema_version`; new fields may come.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from harness.events import Event, Sample
from harness.result import Cause, Enforcement, Outcome, RunResult
from harness.spec import EngineName, Layout, RunSpec, SourceKind
from harness.text import plain

SCHEMA_VERSION = 1
_MOST_SAMPLES = 1000


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitRecord(_Record):
    """One limit, and how it was kept."""

    name: str = Field(
        description="wall_time, memory, cpus, disk, shm, processes, network, inputs, ..."
    )
    allowed: str = Field(description="For a person, e.g. 29.0 GiB.")
    how: Enforcement = Field(description="Whether it was kept, and how far that can be trusted.")
    mechanism: str = Field(description="What kept it, e.g. a file of the cgroup read back.")


class UsageRecord(_Record):
    """Resources that the run used; null where there is no measurement, never 0 for that."""

    wall_time_s: float = Field(description="Seconds from the sandbox's start to its end.")
    cpu_time_s: float | None = Field(description="Processor seconds of all processes.")
    peak_memory_bytes: int | None = Field(
        description="Highest sample of anonymous and shared memory, page cache apart."
    )
    peak_memory_with_cache_bytes: int | None = Field(
        description="The cgroup's own peak, page cache included: context, not need."
    )
    peak_disk_bytes: int | None = Field(description="Highest sample of /kaggle/working.")


class CellRecord(_Record):
    """One code cell as it went."""

    index: int = Field(ge=0, description="From 0 over all cells of the notebook.")
    status: str = Field(description="ok, error, exited, stopped, skipped or not run.")
    wall_time_s: float | None = Field(description="Seconds; null when it was not run.")
    peak_memory_bytes: int | None = Field(
        description="Highest sample during it; null when it was shorter than the sampling."
    )


class InputRecord(_Record):
    """One attached source."""

    kind: SourceKind = Field(description="What it is; also its folder in the nested layout.")
    handle: str = Field(description="Kaggle's handle of it.")
    mount: str = Field(description="Where the notebook saw it, read-only.")


class AcceleratorRecord(_Record):
    """The accelerator of the profile, and what this machine gave."""

    name: str = Field(description="Kaggle's name of it; none for the CPU profile.")
    wanted: int = Field(ge=0, description="GPUs that the profile has.")
    present: int = Field(ge=0, description="GPUs that the run had.")


class SubmissionRecord(_Record):
    """What the competition expects."""

    file_name: str = Field(description="Its name in /kaggle/working.")
    competition: str | None = Field(description="Slug; null when none was attached.")
    compared_with: str | None = Field(description="Name of the sample file; null without one.")


class Report(_Record):
    """One run of one notebook."""

    schema_version: Literal[1] = Field(description="Version of this form.")
    notebook: str = Field(description="Path of the notebook on the machine that ran it.")
    name: str = Field(description="Short name of the run, as in its folder.")
    engine: EngineName = Field(description="Who isolated the run.")
    image: str | None = Field(description="Image of the docker engine; null for bubblewrap.")
    profile: str = Field(description="Kaggle's session that was emulated, e.g. gpu-t4x2.")
    accelerator: AcceleratorRecord = Field(description="GPUs wanted and present.")
    layout: Layout = Field(description="Layout of /kaggle/input.")
    started_at: str = Field(description="UTC, ISO 8601.")
    run_folder: str | None = Field(description="Where everything of the run lies.")
    outcome: Outcome = Field(description="Kaggle's class, in Kaggle's words, or ours.")
    cause: Cause = Field(description="Why, finer than Kaggle tells; none for a pass.")
    cell: int | None = Field(ge=0, description="Cell to blame, from 0 over all cells, or null.")
    passed: bool = Field(description="Whether the command line returns 0 for this outcome.")
    summary: str = Field(description="One sentence: what happened and on what evidence.")
    kaggle_message: str | None = Field(description="The line that Kaggle shows; null if unknown.")
    advice: str = Field(description="The next step; empty for a plain pass.")
    evidence: list[str] = Field(description="What the verdict rests on, one sentence each.")
    warnings: list[str] = Field(description="What did not change the outcome.")
    limits: list[LimitRecord] = Field(description="The enforcement table.")
    usage: UsageRecord = Field(description="Resources that the run used.")
    cells: list[CellRecord] = Field(description="Code cells, in the notebook's order.")
    inputs: list[InputRecord] = Field(description="What was mounted under /kaggle/input.")
    submission: SubmissionRecord = Field(description="What the competition expects.")
    fidelity: list[str] = Field(description="Where this run differs from Kaggle.")
    events: list[dict[str, JsonValue]] = Field(
        description="The runner's messages in order; samples thinned out to 1,000, peaks kept."
    )


class Reports(_Record):
    """Several runs of one call, as `harness verify --format json` prints them."""

    runs: list[Report] = Field(description="In the order of the call.")


def make_report(spec: RunSpec, result: RunResult) -> Report:
    """Make the record of a run, all foreign text plain."""
    verdict, submission = result.verdict, spec.submission
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "notebook": str(spec.notebook),
        "name": spec.name,
        "engine": spec.engine,
        "image": spec.image,
        "profile": spec.profile,
        "accelerator": asdict(spec.accelerator),
        "layout": spec.layout,
        "started_at": result.started_at,
        "run_folder": None if result.run_folder is None else str(result.run_folder),
        "outcome": verdict.outcome,
        "cause": verdict.cause,
        "cell": verdict.cell,
        "passed": verdict.outcome.passed,
        "summary": verdict.summary,
        "kaggle_message": verdict.kaggle_message,
        "advice": verdict.advice,
        "evidence": list(verdict.evidence),
        "warnings": list(verdict.warnings),
        "limits": [asdict(limit) for limit in result.limits],
        "usage": asdict(result.usage),
        "cells": [asdict(cell) for cell in result.cells],
        "inputs": [
            {"kind": source.kind, "handle": source.handle, "mount": str(source.mount)}
            for source in spec.sources
        ],
        "submission": {
            "file_name": submission.file_name,
            "competition": submission.competition,
            "compared_with": None if submission.sample is None else submission.sample.name,
        },
        "fidelity": list(spec.fidelity),
        "events": [_event(event) for event in thin_out(result.events)],
    }
    return Report.model_validate(_plain(content))


def to_json(spec: RunSpec, result: RunResult) -> str:
    """Write the record of one run as JSON, with a newline at its end."""
    content = make_report(spec, result).model_dump(mode="json")
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def write(path: Path, text: str) -> None:
    """Write a text to a file in one step: whoever reads meets the old file or the new one.

    Raises:
        OSError: The folder cannot be written to, or the disk is full; nothing is left then.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        # Ctrl-C included: no half a file stays.
        temporary.unlink(missing_ok=True)
        raise


def thin_out(events: Sequence[Event], *, most: int = _MOST_SAMPLES) -> tuple[Event, ...]:
    """Keep every event but samples; of these at most `most`, the highest of each stretch."""
    samples = [event for event in events if isinstance(event, Sample)]
    if len(samples) <= most:
        return tuple(events)
    kept = set()
    for number in range(most):
        start, end = number * len(samples) // most, (number + 1) * len(samples) // most
        kept.add(id(max(samples[start:end], key=lambda sample: sample.memory_bytes)))
    return tuple(event for event in events if not isinstance(event, Sample) or id(event) in kept)


def _event(event: Event) -> dict[str, Any]:
    return {"event": event.kind, **asdict(event)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same form out
    """The value with every text in it made plain, and numbers that JSON has no form for as null."""
    if isinstance(value, str):
        return plain(value) if type(value) is str else value
    if isinstance(value, dict):
        return {plain(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

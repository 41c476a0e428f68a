"""The job: what the engine tells the runner, once, in a file that nobody else can write."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run as the runner sees it.

    Attributes:
        notebook: The notebook file; it is only read.
        out: Folder for the notebook, its HTML and the log. The notebook's processes cannot reach
            it.
        working: The kernel's working folder, whose size is watched.
        kernel_prefix: Arguments put in front of the kernel's own, to start it less privileged.
        environment: The kernel's complete environment.
        wall_time_s: Seconds from the runner's start to the soft stop.
        grace_s: Seconds from the soft stop until every process of the notebook is killed.
        memory_bytes: Memory of all processes of the notebook together.
        watch_memory: Whether the runner itself has to end the notebook at `memory_bytes`,
            because nothing else keeps that limit.
        disk_bytes: Size of `working` at which the runner ends the notebook.
        output_bytes: Output kept per cell.
        cpus: Processors that the kernel may use, or None for all.
        process_limit: RLIMIT_NPROC for the kernel, or None where a cgroup keeps that limit.
        name_server: Whether to answer, and report, name look-ups on 127.0.0.1:53.
        sole: Whether the runner and the notebook have a process namespace of their own, so that
            every process in it but the runner's may be killed. False outside of a sandbox: then
            only the runner's own descendants are.
    """

    notebook: Path
    out: Path
    working: Path
    kernel_prefix: tuple[str, ...]
    environment: dict[str, str]
    wall_time_s: float
    grace_s: float
    memory_bytes: int
    watch_memory: bool
    disk_bytes: int
    output_bytes: int
    cpus: tuple[int, ...] | None
    process_limit: int | None
    name_server: bool
    sole: bool


def read_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        ValueError: Not JSON, or a field is missing or unknown.
        OSError: The file cannot be read.
    """
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(Job)}
    if wrong := wanted ^ set(data):
        raise ValueError(f"{path}: fields missing or unknown: {', '.join(sorted(wrong))}")
    for name in ("notebook", "out", "working"):
        data[name] = Path(data[name])
    data["kernel_prefix"] = tuple(data["kernel_prefix"])
    data["cpus"] = None if data["cpus"] is None else tuple(data["cpus"])
    return Job(**data)

"""What this machine offers to a run, and the engine that a spec asks for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from harness.config.model import Host
from harness.engine import mirror
from harness.engine.base import Engine
from harness.errors import EngineError, PrerequisiteError
from harness.spec import EngineName, RunSpec


def make_engine(spec: RunSpec) -> Engine:
    """Make the engine that the spec names. Its imports are paid only when it is used."""
    if spec.engine is EngineName.DOCKER:
        from harness.engine.docker.engine import DockerEngine  # noqa: PLC0415 - the SDK: 80 ms

        return DockerEngine()
    from harness.engine.bubblewrap.engine import BubblewrapEngine  # noqa: PLC0415

    return BubblewrapEngine()


def probe_host(
    runs: Path, *, docker: bool = True, environment: Mapping[str, str] | None = None
) -> Host:
    """Look at this machine: nothing is started, pulled or changed.

    Args:
        runs: Folder of the runs; need not exist.
        docker: Whether to ask a Docker engine; without, it counts as not asked for.
        environment: Where DOCKER_HOST and its like are read; the process's own by default.
    """
    problem, images, gpus = _docker(environment) if docker else ("it was not asked for", (), 0)
    found = mirror.locate()
    return Host(
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=usable_memory_bytes(),
        disk_free_bytes=disk_free_bytes(runs),
        gpus=gpus,
        docker_problem=problem,
        docker_images=frozenset(images),
        bubblewrap_problem=_bubblewrap_problem(),
        mirror=None if found is None else found.path,
    )


def usable_memory_bytes() -> int:
    """Memory of the machine, or of the cgroup that this process is in, whichever is less."""
    amounts = [psutil.virtual_memory().total]
    for path in _memory_limit_files():
        try:
            text = path.read_text().strip()
        except OSError:
            continue  # the other version of cgroups, or none: the machine's own figure stands
        if text.isdigit():
            amounts.append(int(text))
    return min(amounts)


def disk_free_bytes(folder: Path) -> int | None:
    """Free space on the disk where a folder is or will be; None when that cannot be told."""
    for each in (folder, *folder.parents):
        try:
            return shutil.disk_usage(each).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _memory_limit_files() -> list[Path]:
    """The files that can hold a memory limit for this process, of either version of cgroups."""
    files = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return files
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            files.append(Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
        elif not controllers:
            files.append(Path(f"/sys/fs/cgroup{path}/memory.max"))
    return files


def _docker(environment: Mapping[str, str] | None) -> tuple[str | None, tuple[str, ...], int]:
    """Why Docker cannot be used, or None; its images; the GPUs that it can pass."""
    from harness.engine.docker import client, inventory  # noqa: PLC0415
    from harness.engine.docker.failures import engine_errors  # noqa: PLC0415

    try:
        connection = client.connect(environment)
        with engine_errors("listing its images"):
            return None, inventory.image_names(connection), inventory.gpu_count(connection)
    except (PrerequisiteError, EngineError) as error:
        return _half_sentence(error.problem), (), 0


def _bubblewrap_problem() -> str | None:
    from harness.engine.bubblewrap import program  # noqa: PLC0415

    try:
        program.require()
    except PrerequisiteError as error:
        return _half_sentence(error.problem)
    return None


def _half_sentence(sentence: str) -> str:
    """Make a sentence fit behind `because` and `:`."""
    text = sentence.rstrip(".")
    return text[:1].lower() + text[1:]

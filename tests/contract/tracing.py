"""Looks for what one process's runs have left on this machine, whoever else runs here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWNER = "kaggle-harness.owner"


def traces(folder: Path, pid: int) -> list[str]:
    """List what is there of runs below `folder` that the harness with this pid started.

    A process counts when something of `folder` is mounted in its mount namespace: every process
    of a sandbox, the runner's too, whatever it is called.
    """
    found = [*_processes(folder), *_mounts(folder), *_groups(pid), *_containers(pid)]
    return sorted(found)


def _processes(folder: Path) -> Iterator[str]:
    own = Path("/proc/self/ns/mnt").readlink()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "mountinfo").read_text(errors="replace")
            apart = (entry / "ns" / "mnt").readlink() != own
        except OSError:
            continue  # it has ended, or it is somebody else's
        if apart and f"{folder}/" in text:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            yield f"process {entry.name}: {command[:200]}"


def _mounts(folder: Path) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if f"{folder}/" in line:
            yield f"mount {line}"


def _groups(pid: int) -> Iterator[str]:
    for top, names, _ in os.walk(CGROUPS):
        yield from (f"group {top}/{name}" for name in names if name.startswith(f"harness-{pid}-"))


def _containers(pid: int) -> Iterator[str]:
    if shutil.which("docker") is None:
        return
    form = f'{{{{.Names}}}} {{{{.Label "{OWNER}"}}}}'
    done = subprocess.run(
        ["docker", "ps", "--all", "--format", form],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    for line in done.stdout.splitlines():
        name, _, owner = line.partition(" ")
        if owner.startswith(f"{pid}:"):
            yield f"container {name}"

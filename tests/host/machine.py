"""What a run can leave on a machine: processes, mounts, control groups, files, containers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_LABEL = "kaggle-harness.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What is there of runs at one moment. Two of them compare.

    Attributes:
        processes: Command lines that hold one of the test's own words.
        mounts: Mount points of this namespace.
        cgroups: Control groups of the harness.
        files: Everything in the folders for temporary files, caches' notes and runs.
        containers: Containers with the harness's label, whatever their state.
    """

    processes: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    files: frozenset[str]
    containers: frozenset[str]

    def beyond(self, other: Traces) -> dict[str, list[str]]:
        """What is here and was not there, by kind; kinds with nothing are left out."""
        news = {name: sorted(getattr(self, name) - getattr(other, name)) for name in self.__slots__}
        return {name: found for name, found in news.items() if found}


def look(words: tuple[str, ...], folders: tuple[Path, ...]) -> Traces:
    """Look at the machine.

    Args:
        words: Texts that only processes of this test have in their command lines.
        folders: Folders whose content counts.
    """
    return Traces(
        processes=frozenset(_processes(words)),
        mounts=frozenset(_mounts()),
        cgroups=frozenset(_cgroups()),
        files=frozenset(_files(folders)),
        containers=frozenset(_containers()),
    )


def wait_until_as_before(
    before: Traces, words: tuple[str, ...], folders: tuple[Path, ...], *, timeout_s: float = 10.0
) -> dict[str, list[str]]:
    """Wait until nothing is there that was not before.

    Returns:
        What was there all the time. What comes and goes belongs to other runs on this machine.
    """
    end = time.monotonic() + timeout_s
    left = look(words, folders).beyond(before)
    while left and time.monotonic() < end:
        time.sleep(0.1)
        now = look(words, folders).beyond(before)
        both = {kind: sorted({*now.get(kind, ())} & {*found}) for kind, found in left.items()}
        left = {kind: found for kind, found in both.items() if found}
    return left


def _processes(words: tuple[str, ...]) -> list[str]:
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        ours = process.pid == os.getpid() or "pytest" in line
        if not ours and any(word in line for word in words):
            found.append(f"{process.pid} {process.info['status']} {line[:300]}")
    return found


def _mounts() -> list[str]:
    """Mount points but those of the Docker engine itself: its containers are counted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if "/docker/" not in line.split()[4]]


def _files(folders: tuple[Path, ...]) -> list[str]:
    """Everything in the folders; of a cache only the files, for its empty folders may stay."""
    return [
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if folder.name != "cache" or not path.is_dir()
    ]


def _cgroups() -> list[str]:
    """Groups that carry our name; those of other programs do not interest."""
    return [
        f"{folder}/{name}"
        for folder, names, _ in os.walk(_CGROUPS)
        for name in names
        if name.startswith("harness-")
    ]


def _containers() -> list[str]:
    if shutil.which("docker") is None:
        return []
    done = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"label={_LABEL}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout.split() if done.returncode == 0 else []

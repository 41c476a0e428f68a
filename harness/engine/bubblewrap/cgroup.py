"""An own control group for a run: made, set, read back, counted, emptied and removed.

Root makes one, in version 1 or 2 of the hierarchy. An ordinary user gets one from systemd where it
delegates (`systemd-run --user --scope`); elsewhere there is none and the runner watches instead.

Sources: Linux, admin-guide/cgroup-v1/memory and admin-guide/cgroup-v2, read 2026-11.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.engine.bubblewrap.argv import Mount

OWN_PROCESSES = 64
"""Processes and threads of the runner and of bwrap, on top of what the notebook may have.

A quarter of them goes on top of the kernel's RLIMIT_NPROC, which counts the runner too. The rest is
what the runner can still start when the notebook has used up all that it may have.
"""

CONTROLLERS = ("memory", "pids", "cpuset")
_SETTLE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupLimits:
    """What a group has to keep.

    Attributes:
        memory_bytes: Memory and swap together.
        processes: Of the notebook; our own come on top.
        cpus: Numbers of the processors it may use.
    """

    memory_bytes: int
    processes: int
    cpus: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """One run's group.

    Attributes:
        version: 1 or 2.
        folders: Its folder for each controller it has; in version 2 all the same.
    """

    version: int
    folders: Mapping[str, Path]

    @property
    def process_files(self) -> tuple[Path, ...]:
        """Files into which a process writes its number to join."""
        return tuple(folder / "cgroup.procs" for folder in dict.fromkeys(self.folders.values()))

    @property
    def runner_mounts(self) -> tuple[Mount, ...]:
        """Where the runner (not the kernel) sees the group, as in a container."""
        folder = self.folders.get("memory")
        if folder is None:
            return ()
        target = "/sys/fs/cgroup/memory" if self.version == 1 else "/sys/fs/cgroup"
        return (Mount(source=str(folder), target=target),)

    def apply(self, limits: CgroupLimits) -> None:
        """Set every limit that the group's controllers can keep.

        Raises:
            OSError: The kernel refuses a value.
        """
        writers = {"memory": self._set_memory, "pids": self._set_pids, "cpuset": self._set_cpus}
        for controller in self.folders:
            writers[controller](limits)

    def read_back(self) -> Mapping[str, str]:
        """Read what the kernel holds the limits to be: file names and their text."""
        names = {
            "memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            if self.version == 1
            else ("memory.max", "memory.swap.max"),
            "pids": ("pids.max",),
            "cpuset": ("cpuset.cpus",),
        }
        found: dict[str, str] = {}
        for controller, folder in self.folders.items():
            for name in names[controller]:
                text = _read(folder / name)
                if text is not None:
                    found[name] = text
        return found

    def memory_kills(self) -> int | None:
        """Processes that the memory killer ended; None where the kernel does not say."""
        folder = self.folders.get("memory")
        if folder is None:
            return None
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return parse_counters(_read(folder / name) or "").get("oom_kill")

    def memory_peak_bytes(self) -> int | None:
        """The group's own peak, page cache included; None where the kernel has none."""
        folder = self.folders.get("memory")
        if folder is None:
            return None
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        text = _read(folder / name)
        return int(text) if text is not None and text.isdigit() else None

    def processes(self) -> set[int]:
        """Process numbers in the group, in the reader's own numbering."""
        numbers: set[int] = set()
        for file in self.process_files:
            numbers |= {int(line) for line in (_read(file) or "").split()}
        return numbers

    def kill(self) -> bool:
        """End everything in the group; return whether it is empty now."""
        killer = next(iter(self.folders.values())) / "cgroup.kill"
        deadline = time.monotonic() + _SETTLE_S
        while self.processes():
            if self.version == 2 and killer.exists():  # Linux 5.14
                killer.write_text("1")
            else:
                for number in self.processes():
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def remove(self) -> None:
        """Remove the empty group; what is removed already is no error.

        Raises:
            OSError: It is not empty.
        """
        deadline = time.monotonic() + _SETTLE_S
        for folder in dict.fromkeys(self.folders.values()):
            while folder.is_dir():
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # a process is dead and not yet reaped
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)

    def _set_memory(self, limits: CgroupLimits) -> None:
        folder, text = self.folders["memory"], str(limits.memory_bytes)
        if self.version == 1:
            (folder / "memory.limit_in_bytes").write_text(text)
            if (folder / "memory.memsw.limit_in_bytes").exists():  # absent without swap accounting
                (folder / "memory.memsw.limit_in_bytes").write_text(text)
            return
        (folder / "memory.max").write_text(text)
        if (folder / "memory.swap.max").exists():
            (folder / "memory.swap.max").write_text("0")
        # memory.oom.group stays 0: it would end the runner too, and with it the report. The runner
        # sees the counter rise and ends the notebook's processes as one group.

    def _set_pids(self, limits: CgroupLimits) -> None:
        (self.folders["pids"] / "pids.max").write_text(str(limits.processes + OWN_PROCESSES))

    def _set_cpus(self, limits: CgroupLimits) -> None:
        folder = self.folders["cpuset"]
        if self.version == 1:  # no process may join before both are set
            (folder / "cpuset.mems").write_text(
                _read(folder.parent / "cpuset.effective_mems")
                or _read(folder.parent / "cpuset.mems")
                or "0"
            )
        (folder / "cpuset.cpus").write_text(",".join(str(cpu) for cpu in limits.cpus))


def create(name: str, limits: CgroupLimits, *, proc: Path = Path("/proc/self")) -> Cgroup | None:
    """Make a group and set its limits.

    Args:
        name: Of the group; says who owns it (`leftovers.run_name`).
        limits: What it has to keep.
        proc: Folder with `mountinfo` and `cgroup` of this process.

    Returns:
        None when this process may not make one that keeps memory. Controllers that are missing
        beside memory are missing in `folders`.
    """
    parents = find_parents(proc)
    version = 2 if len(set(parents.values())) == 1 and _is_v2(parents) else 1
    if "memory" not in parents:
        return None
    group = Cgroup(version=version, folders={key: path / name for key, path in parents.items()})
    try:
        for folder in dict.fromkeys(group.folders.values()):
            folder.mkdir()
        group.apply(limits)
    except OSError:
        with suppress(OSError):
            group.remove()
        return None
    return group


def find_parents(proc: Path = Path("/proc/self")) -> Mapping[str, Path]:
    """Find the folder of each controller in which this process may make a group.

    In version 1 it is the process's own group. In version 2 a group with processes can have no
    groups with controllers below, so it is the top of the hierarchy.
    """
    own = {
        controller: path
        for line in (_read(proc / "cgroup") or "").splitlines()
        for _, controllers, path in [line.split(":", 2)]
        for controller in controllers.split(",")
    }
    parents: dict[str, Path] = {}
    unified: Path | None = None
    for line in (_read(proc / "mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            unified = Path(place)
        elif kind == "cgroup":
            for controller in set(options.strip().split(",")) & set(CONTROLLERS) & own.keys():
                parents[controller] = _below(Path(place), root, own[controller])
    if "memory" not in parents and unified is not None:
        parents = dict.fromkeys(enabled_controllers(unified), unified)
    return {name: parents[name] for name in CONTROLLERS if name in parents}


def enabled_controllers(folder: Path) -> tuple[str, ...]:
    """Hand the controllers of a version 2 folder down to its children, where that is allowed.

    Returns:
        Those that the children have.
    """
    available = (_read(folder / "cgroup.controllers") or "").split()
    for name in CONTROLLERS:
        handed = (_read(folder / "cgroup.subtree_control") or "").split()
        if name in available and name not in handed:
            with suppress(OSError):
                (folder / "cgroup.subtree_control").write_text(f"+{name}")
    handed = (_read(folder / "cgroup.subtree_control") or "").split()
    return tuple(name for name in CONTROLLERS if name in handed)


def parse_counters(text: str) -> Mapping[str, int]:
    """Parse lines of a name and a whole number, such as `memory.events`; others are skipped."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _is_v2(parents: Mapping[str, Path]) -> bool:
    return all((path / "cgroup.controllers").exists() for path in parents.values())


def _below(place: Path, root: str, own: str) -> Path:
    """The process's own group as the mount shows it; the mount's top when it lies outside."""
    relative = os.path.relpath(own, root)
    return place if relative.startswith("..") else place / relative


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

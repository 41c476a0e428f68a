"""When real root starts a run: which uid it is handed to, and what `enter.py` has to do."""

from __future__ import annotations

import marshal
import os
import pwd
import secrets
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.errors import PrerequisiteError

FIRST_UID = 1_900_000_000
"""Above what systemd and shadow-utils hand out. Source: systemd, UIDS-GIDS, read 2026-11."""

SMALL_FIRST_UID = 63_000
"""For a root whose own namespace ends at 65535, in a container say."""

UIDS = 1_000
ENTER = Path(__file__).with_name("enter.py")
STAGES = ("/mnt", "/media", "/srv", "/opt", "/var/tmp", "/tmp")  # noqa: S108 - a mount point, in private


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """One thing that is bound below the stage.

    Attributes:
        source: On the host.
        name: Below the stage; may have several parts.
        attributes: Of the mount: `read-only`, `nosuid`, `nodev`, `noexec`.
        as_owner: Root's files appear as the uid's, where the file system can do that.
    """

    source: str
    name: str
    attributes: tuple[str, ...] = ("nosuid", "nodev", "read-only")
    as_owner: bool = True


@dataclass(slots=True, kw_only=True)
class Stage:
    """The folder below which an unprivileged uid finds what root's folders hold.

    Attributes:
        folder: The mount point, e.g. `/mnt`; covered in a private mount namespace only.
        binds: What is to be bound, in order.
    """

    folder: str
    binds: list[Bind] = field(default_factory=list)

    def place(self, source: Path, *, name: str | None = None, noexec: bool = False) -> str:
        """Have `source` bound read-only; return its new path.

        Args:
            source: On the host.
            name: Below the stage, where it matters.
            noexec: Nothing in it may be executed.
        """
        name = str(len(self.binds)) if name is None else name
        extra = ("noexec",) if noexec else ()
        attributes = ("nosuid", "nodev", "read-only", *extra)
        self.binds.append(Bind(source=str(source), name=name, attributes=attributes))
        return f"{self.folder}/{name}"

    def place_writable(self, source: Path) -> str:
        """Have a folder that belongs to the uid bound for writing; return its new path."""
        name = str(len(self.binds))
        bind = Bind(source=str(source), name=name, attributes=("nosuid", "nodev"), as_owner=False)
        self.binds.append(bind)
        return f"{self.folder}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What `enter.py` is told.

    Attributes:
        stage: Folder below which everything is bound.
        binds: What.
        process_files: `cgroup.procs` files to join.
        uid: Unprivileged.
        gid: The same number.
        command: Becomes the process.
    """

    stage: str
    binds: Sequence[Bind]
    process_files: Sequence[str]
    uid: int
    gid: int
    command: Sequence[str]


def is_real_root(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Whether this process is root of the machine, not just of a namespace of an ordinary user."""
    if os.geteuid() != 0:
        return False
    fields = uid_map.read_text().split()
    return fields[:2] == ["0", "0"]


def choose_uid(uid_map: Path = Path("/proc/self/uid_map"), proc: Path = Path("/proc")) -> int:
    """Choose a uid that nobody has and that no process runs as.

    Raises:
        PrerequisiteError: This namespace has none to give.
    """
    numbers = [int(text) for text in uid_map.read_text().split()]
    ends = [first + count for first, count in zip(numbers[::3], numbers[2::3], strict=True)]
    first = FIRST_UID if max(ends) > FIRST_UID + UIDS else SMALL_FIRST_UID
    if max(ends) <= first + UIDS:
        raise PrerequisiteError(
            "There is no unprivileged uid that root could hand the run to.",
            fix="Run the harness as an ordinary user.",
        )
    taken = _uids_in_use(proc)
    start = secrets.randbelow(UIDS)
    candidates = (first + (start + step) % UIDS for step in range(UIDS))
    return next(uid for uid in candidates if uid not in taken and not _has_name(uid))


def choose_stage(sources: Sequence[Path]) -> Stage:
    """Choose a folder to cover that holds none of the sources.

    Raises:
        PrerequisiteError: Each of them holds one.
    """
    for name in STAGES:
        folder = Path(name)
        if folder.is_dir() and not any(path.is_relative_to(folder) for path in sources):
            return Stage(folder=name)
    raise PrerequisiteError(
        f"Each of {', '.join(STAGES)} is missing or holds an input of this run.",
        fix="Make one of them as an empty folder, e.g. 'mkdir /mnt'.",
    )


def enter_command(entrance: Entrance, file: Path) -> list[str]:
    """Write `entrance` to `file`; return the command that carries it out."""
    file.write_bytes(marshal.dumps(asdict(entrance)))
    file.chmod(0o600)
    return [sys.executable, "-I", "-S", "-B", str(ENTER), str(file)]


def _uids_in_use(proc: Path) -> set[int]:
    found: set[int] = set()
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError):  # it has just ended
                found.add(entry.stat().st_uid)
    return found


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True

"""What a killed harness leaves: a scratch folder and an empty control group, never a process.

Each run notes itself in a small file before it makes anything, and removes the note last. A note
whose owner is dead is a leftover.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs

from harness import process
from harness.engine.owner import Owner, identity, state

_OLD = timedelta(days=2)  # four times the longest session


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One run's belongings.

    Attributes:
        name: Of the run; its control groups have it too.
        scratch: Its scratch folder.
        cgroups: Folders of its control groups, whether they were made or not.
        note: The file that says all this.
    """

    name: str
    scratch: Path
    cgroups: tuple[Path, ...]
    note: Path


def notes_folder() -> Path:
    """Where the notes of this user's runs lie."""
    return platformdirs.user_cache_path("kaggle-harness", appauthor=False) / "running"


def note_run(scratch: Path, cgroup_parents: Sequence[Path], folder: Path | None = None) -> Leftover:
    """Note a run that is about to begin, under a fresh name."""
    folder = notes_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    name = f"harness-{os.getpid()}-{secrets.token_hex(4)}"
    cgroups = tuple(dict.fromkeys(parent / name for parent in cgroup_parents))
    run = Leftover(name=name, scratch=scratch, cgroups=cgroups, note=folder / f"{name}.json")
    content = {
        "owner": identity(),
        "scratch": str(scratch),
        "cgroups": [str(path) for path in cgroups],
    }
    run.note.write_text(json.dumps(content), encoding="utf-8")
    return run


@contextmanager
def noted(scratch: Path) -> Iterator[Leftover]:
    """Note a run that has a scratch folder and nothing else; both are cleared at the end."""
    run = note_run(scratch, ())
    try:
        yield run
    finally:
        empty_folder(scratch)
        run.note.unlink(missing_ok=True)


def find_leftovers(folder: Path | None = None) -> list[Leftover]:
    """Find the runs of this user whose harness is dead, in the order of their names."""
    folder = notes_folder() if folder is None else folder
    found: list[Leftover] = []
    for note in sorted(folder.glob("harness-*.json")):
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
            owner, scratch = str(content["owner"]), Path(content["scratch"])
            cgroups = tuple(Path(path) for path in content["cgroups"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half a note: it is being written
        if _is_left(owner, note):
            found.append(Leftover(name=note.stem, scratch=scratch, cgroups=cgroups, note=note))
    return found


def _is_left(owner: str, note: Path) -> bool:
    """Whether nobody owns a run; one of another boot or container may, until it is old."""
    match state(owner):
        case Owner.DEAD:
            return True
        case Owner.ALIVE:
            return False
        case Owner.UNKNOWN:
            age = datetime.now(UTC) - datetime.fromtimestamp(note.stat().st_mtime, UTC)
            return age > _OLD


def remove(leftover: Leftover) -> bool:
    """Remove what is left of a run, its note last; return whether all of it is gone."""
    empty_folder(leftover.scratch)
    with suppress(OSError):
        leftover.scratch.rmdir()
    for cgroup in leftover.cgroups:
        with suppress(OSError):
            cgroup.rmdir()
    gone = not leftover.scratch.exists() and not any(path.exists() for path in leftover.cgroups)
    if gone:
        leftover.note.unlink(missing_ok=True)
    return gone


def empty_folder(folder: Path) -> None:
    """Remove everything in a folder, whatever its modes and however deep it is.

    `rm` does it, since a notebook can nest folders deeper than Python recurses.
    """
    if not folder.is_dir():
        return
    entries = sorted(folder.iterdir())
    remover = ("rm", "-rf", "--one-file-system", "--")
    if entries and not process.run([*remover, *entries], timeout_s=600).ok:
        process.run(["chmod", "-R", "u+rwx", "--", *entries], timeout_s=600)
        process.run([*remover, *entries], timeout_s=600)

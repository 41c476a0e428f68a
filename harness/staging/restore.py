"""Make the inputs what the lock says: restore what is missing, list what differs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.errors import HarnessError, RequestError
from harness.kaggle.handles import parse_handle
from harness.kaggle.layout import staged_folder
from harness.staging import transfer
from harness.staging.lock import LockedFile, LockedInput, read_lock
from harness.staging.sources import parse_source
from harness.staging.statcache import StatCache

_SHOWN = 8


class State(StrEnum):
    """What a locked input turned out to be."""

    UNCHANGED = "unchanged"
    RESTORED = "restored"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One locked input after the check.

    Attributes:
        locked: What the lock says.
        folder: Where it is.
        state: Whether it was there, was restored, or differs.
        differences: One sentence each; empty unless it differs.
    """

    locked: LockedInput
    folder: Path
    state: State
    differences: tuple[str, ...] = ()


def ensure(
    inputs: Path,
    lock: Path,
    handles: Collection[str] | None = None,
    *,
    rehash: bool = False,
    locked: bool = False,
    say: Callable[[str], None] | None = None,
) -> tuple[Checked, ...]:
    """Restore the locked inputs that are missing and check those that are there.

    Args:
        inputs: The folder `inputs/`.
        lock: The file `inputs.lock`; one that is not there names nothing.
        handles: Which inputs, as `parse_handle` reads them; None for all. One that the lock does
            not name is passed over: it was not staged.
        rehash: Read every byte, also of files that look unchanged.
        locked: Refuse any difference between the lock and what is there.
        say: Called with a sentence before an input is restored, which may take long.

    Returns:
        One entry for each input, in the order of the lock. Restored bytes are always the lock's.

    Raises:
        RequestError: The lock is not valid, a source is gone or has other bytes now, or, with
            `locked`, something differs.
        PrerequisiteError: This machine cannot restore it: no space, no pip, not writable.
    """
    wanted = None if handles is None else {parse_handle(each).key for each in handles}
    checked: list[Checked] = []
    for each in read_lock(lock).inputs:
        if wanted is not None and each.handle.casefold() not in wanted:
            continue
        folder = staged_folder(inputs, parse_handle(each.handle))
        if _is_there(folder):
            differences = tuple(differences_of(folder, each.files, rehash=rehash))
            state = State.DIFFERENT if differences else State.UNCHANGED
        else:
            if say is not None:
                say(f"Restoring {each.handle} from {each.source}")
            _restore(inputs, lock.parent, each)
            differences, state = (), State.RESTORED
        checked.append(Checked(locked=each, folder=folder, state=state, differences=differences))
    if locked:
        _refuse_differences(checked, lock)
    return tuple(checked)


def differences_of(
    folder: Path, files: Iterable[LockedFile], *, rehash: bool = False
) -> Iterator[str]:
    """Compare a folder with what the lock says is in it; yield one sentence a difference."""
    cache = StatCache(folder)
    there, odd = _list(folder)
    yield from (f"{path} is neither a file nor a folder" for path in sorted(odd))
    for each in files:
        size = there.pop(each.path, None)
        if size is None:
            if each.path not in odd:
                yield f"{each.path} is missing"
        elif size != each.size_bytes:
            yield f"{each.path} has {size} bytes, the lock says {each.size_bytes}"
        else:
            try:
                if cache.sha256(each.path, rehash=rehash) != each.sha256:
                    yield f"{each.path} has other bytes than the lock says"
            except OSError as error:
                yield f"{each.path} cannot be read: {error.strerror}"
    yield from (f"{path} is not in the lock" for path in sorted(there))
    cache.save()


def shown(differences: Collection[str]) -> list[str]:
    """Take the first few differences for a message, and say how many more there are."""
    lines = list(differences)[:_SHOWN]
    if len(differences) > _SHOWN:
        lines.append(f"and {len(differences) - _SHOWN} more")
    return lines


def _is_there(folder: Path) -> bool:
    """Tell whether a folder holds anything: an empty one is as good as none."""
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def _list(folder: Path) -> tuple[dict[str, int], set[str]]:
    """List regular files with their sizes, and whatever else there is, folders aside."""
    files: dict[str, int] = {}
    odd: set[str] = set()
    todo = [(folder, "")]
    while todo:
        here, prefix = todo.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    todo.append((Path(entry.path), f"{path}/"))
                elif stat.S_ISREG((status := entry.stat(follow_symlinks=False)).st_mode):
                    files[path] = status.st_size
                else:
                    odd.add(path)
    return files, odd


def _restore(inputs: Path, base: Path, wanted: LockedInput) -> None:
    """Bring one input back; nothing is put in place unless it is what the lock says."""
    handle = parse_handle(wanted.handle)
    try:
        with transfer.claim(inputs, handle) as place:
            if _is_there(place.target):
                return  # Another process restored it while this one waited.
            transfer.check_space(place.partial, wanted.size_bytes)
            source = parse_source(wanted.source, base)
            fetched = source.fetch(place.scratch)
            copied = transfer.copy_files(fetched.files, place.partial)
            differences = tuple(_compare(copied, wanted.files))
            if differences:
                raise RequestError(
                    f"{wanted.source} has other files now: {'; '.join(shown(differences))}.",
                    fix="Stage it anew if that is what you want: "
                    f"harness stage '{wanted.source}' {wanted.handle}",
                )
            transfer.install(place)
            StatCache(place.target).learn(copied)
    except HarnessError as error:
        raise type(error)(
            f"{wanted.handle} cannot be restored: {error.problem}", fix=error.fix
        ) from error


def _compare(found: Iterable[LockedFile], wanted: Iterable[LockedFile]) -> Iterator[str]:
    there = {each.path: each for each in found}
    for each in wanted:
        got = there.pop(each.path, None)
        if got is None:
            yield f"{each.path} is missing"
        elif got != each:
            yield f"{each.path} has other bytes than the lock says"
    yield from (f"{path} is not in the lock" for path in sorted(there))


def _refuse_differences(checked: Iterable[Checked], lock: Path) -> None:
    different = [each for each in checked if each.state is State.DIFFERENT]
    if different:
        listed = " ".join(
            f"{each.locked.handle}: {'; '.join(shown(each.differences))}." for each in different
        )
        raise RequestError(
            f"{len(different)} of the staged inputs differ from {lock.name}. {listed}",
            fix=f"Have the locked one back: rm -r {different[0].folder} && harness stage",
        )

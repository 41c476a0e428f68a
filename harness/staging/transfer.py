"""Bring files to their place: hashed while they are copied, and all at once or not at all.

They are copied into a hidden folder beside the place, which is renamed at the end. Whatever
interrupts it, the place holds the old files or the new ones; what was left over is removed the next
time. One file lock an input keeps two processes apart.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from filelock import FileLock

from harness.errors import PrerequisiteError, RequestError
from harness.kaggle.handles import Handle
from harness.kaggle.layout import staged_folder
from harness.staging.lock import LockedFile
from harness.staging.lock_format import check_path
from harness.staging.sources.base import SourceFile
from harness.units import format_size

_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where one input is made ready; held by this process alone.

    Attributes:
        target: Where the input belongs; it may hold an older one.
        partial: Empty, beside the target: the new files go here.
        scratch: Empty, on the same disk: downloads go here.
    """

    target: Path
    partial: Path
    scratch: Path


@contextmanager
def claim(inputs: Path, handle: Handle) -> Iterator[Workplace]:
    """Hold an input's place, with nothing left in it from an interrupted run.

    Waits for another process that holds it.

    Raises:
        PrerequisiteError: The folder cannot be written to.
    """
    target = staged_folder(inputs, handle)
    partial = target.with_name(f".{target.name}.partial")
    scratch = target.with_name(f".{target.name}.scratch")
    with hold(inputs, handle.key.replace("/", "--")):
        try:
            _remove_all(partial, scratch, _old(target))
            for folder in (partial, scratch):
                _make_folder(folder)
            yield Workplace(target=target, partial=partial, scratch=scratch)
        except OSError as error:
            raise disk_error(error, target) from error
        finally:
            _remove_all(partial, scratch)
            _remove_empty(target.parent, stop=inputs)


@contextmanager
def hold(inputs: Path, name: str) -> Iterator[None]:
    """Keep other processes out of one input, or of the lock, until the block ends.

    Raises:
        PrerequisiteError: The folder cannot be written to.
    """
    folder = inputs / ".locks"
    try:
        _make_folder(folder)
        # The folder is of no interest to git wherever `inputs/` is tracked.
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        lock = FileLock(folder / f"{name}.lock", mode=0o644)
        lock.acquire()
    except OSError as error:
        raise disk_error(error, folder) from error
    try:
        yield
    finally:
        lock.release()


def check_space(folder: Path, needed_bytes: int) -> None:
    """Make sure that a disk has room for so many bytes, and some to spare.

    Raises:
        PrerequisiteError: It has not; the message says how much is missing.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_BYTES:
        raise PrerequisiteError(
            f"The files take {format_size(needed_bytes)}, and the disk of {folder} has "
            f"{format_size(free)} left.",
            fix=f"Free {format_size(needed_bytes + _SPARE_BYTES - free)} there, or use --inputs.",
        )


def copy_files(files: Iterable[SourceFile], folder: Path) -> tuple[LockedFile, ...]:
    """Copy files into an empty folder, as regular files of mode 0644 in folders of mode 0755.

    Returns:
        What was written, sorted by path: counted and hashed while it was copied.

    Raises:
        RequestError: A path leads out of the folder, or a file changed while it was read.
        OSError: The disk is full, or the like.
    """
    written: list[LockedFile] = []
    for each in files:
        try:
            path = folder / check_path(each.path)
        except ValueError as error:
            raise RequestError(
                f"{each.path!r} {error}.", fix="Rename the file, or stage the rest only."
            ) from error
        _make_folder(path.parent)
        with each.open() as source:
            size, digest = _copy(source, path)
        if size != each.size_bytes:
            raise RequestError(
                f"{each.path} changed while it was copied: {size} bytes came where "
                f"{each.size_bytes} were announced.",
                fix="Stage it again when nothing writes to it any more.",
            )
        written.append(LockedFile(path=each.path, size_bytes=size, sha256=digest))
    return tuple(sorted(written, key=lambda each: each.path))


def install(place: Workplace) -> None:
    """Put the new files in the target's place; an older input there goes.

    Raises:
        OSError: The rename failed; the target holds the old input, or none.
    """
    old = _old(place.target)
    if place.target.exists():
        place.target.rename(old)
    place.partial.rename(place.target)
    _remove_all(old)


def disk_error(error: OSError, place: Path) -> PrerequisiteError:
    """Say what an error of the file system means to the person who stages."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return PrerequisiteError(
        f"{error.filename or place} cannot be written: {error.strerror or error}.",
        fix="Make room on that disk." if full else "Make it writable, or use --inputs DIR.",
    )


def _copy(source: BufferedIOBase, path: Path) -> tuple[int, str]:
    """Copy one open file; return its length and its sha256."""
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    with path.open("xb", buffering=0) as target:
        os.fchmod(target.fileno(), 0o644)
        while count := source.readinto(buffer):
            digest.update(buffer[:count])
            rest = buffer[:count]
            while rest:
                rest = rest[target.write(rest) :]
            size += count
    return size, digest.hexdigest()


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, readable for everybody whatever the umask."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o755)


def _remove_all(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)


def _remove_empty(folder: Path, *, stop: Path) -> None:
    """Remove folders that a failed attempt left empty, from the inside out."""
    while folder != stop and stop in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # It holds something, or is gone: either way there is nothing to tidy up.
        folder = folder.parent

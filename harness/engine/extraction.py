"""Checked extraction: what a stranger's notebook left becomes plain files of the caller.

Only regular files and folders come out, under names that stay below the target, bounded in number,
size and depth, with modes 0644 and 0755 and owned by the caller. Everything else is left out and
said so in a sentence. Both engines go through here: one from a folder, one from a tar stream.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.errors import EngineError
from harness.units import format_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_DEPTH = 64
MAX_SENTENCES = 50
FILE_MODE = 0o644
FOLDER_MODE = 0o755
_COPY_BYTES = 1 << 20
_TWICE = "comes twice, the second time as something else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What came out.

    Attributes:
        files: Regular files written.
        folders: Folders made below the target.
        size_bytes: Sum of the files' sizes.
        left_out: What did not come out, one sentence each; at most 51, the last one counts the
            rest.
    """

    files: int
    folders: int
    size_bytes: int
    left_out: tuple[str, ...]


def extract_folder(source: Path, target: Path, *, max_bytes: int, max_files: int) -> Extraction:
    """Take the files of `source` over into the empty folder `target`.

    Files are moved where both lie on one file system and copied otherwise, so `source` is used up.
    Every process that could change `source` must have ended.

    Args:
        source: A folder that a notebook wrote, owned by the caller or, for root, by anybody.
        target: An existing, empty folder of the caller.
        max_bytes: Sum of file sizes (as `ls` shows them) that may come out.
        max_files: Files and folders that may come out.

    Raises:
        EngineError: The host's disk is full.
    """
    ledger = _Ledger(max_bytes=max_bytes, max_files=max_files)
    if os.geteuid() != 0:
        source.chmod(0o700)  # the notebook may have shut its own folder
    source_fd = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        target_fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with _full_disk_is_ours(target):
                _take_folder(source_fd, target_fd, PurePosixPath(), ledger)
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)
    return ledger.extraction()


def extract_tar(
    chunks: Iterable[bytes], target: Path, *, strip: str, max_bytes: int, max_files: int
) -> Extraction:
    """Unpack a tar stream into the empty folder `target`.

    Args:
        chunks: The stream as it comes, e.g. from Docker's `get_archive`.
        target: An existing, empty folder of the caller.
        strip: First part of every name, removed: the folder that was asked for (`working`).
        max_bytes: As for `extract_folder`.
        max_files: As for `extract_folder`.

    Raises:
        EngineError: The stream is cut or no tar, or the host's disk is full.
    """
    ledger = _Ledger(max_bytes=max_bytes, max_files=max_files)
    stream = io.BufferedReader(_Chunks(chunks))
    try:
        with (
            _full_disk_is_ours(target),
            tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as archive,
        ):
            for member in archive:
                _take_member(archive, member, target, strip=strip, ledger=ledger)
    except (tarfile.TarError, EOFError) as error:
        raise EngineError(
            f"The files of the run could not be read: {error}.",
            fix="Run again; if it stays, look at the engine's own log.",
        ) from error
    return ledger.extraction()


@dataclass(slots=True, kw_only=True)
class _Ledger:
    """Counts what came out, says what did not, and holds the bounds."""

    max_bytes: int
    max_files: int
    files: int = 0
    folders: int = 0
    size_bytes: int = 0
    sentences: list[str] = field(default_factory=list)
    unsaid: int = 0

    def leave_out(self, path: PurePosixPath, reason: str) -> None:
        if len(self.sentences) < MAX_SENTENCES:
            name = str(path).encode("utf-8", "backslashreplace").decode()
            self.sentences.append(f"{name!r} {reason}.")
        else:
            self.unsaid += 1

    def admits(self, path: PurePosixPath, size_bytes: int) -> bool:
        """Whether one more entry of this size may come out; says so when not."""
        if self.files + self.folders >= self.max_files:
            self.leave_out(path, f"is beyond the {self.max_files} files and folders that come out")
        elif len(path.parts) > MAX_DEPTH:
            if len(path.parts) == MAX_DEPTH + 1:  # what lies below it goes without saying
                self.leave_out(path, f"lies deeper than {MAX_DEPTH} folders")
        elif self.size_bytes + size_bytes > self.max_bytes:
            self.leave_out(path, f"would exceed the {format_size(self.max_bytes)} that come out")
        else:
            return True
        return False

    def extraction(self) -> Extraction:
        rest = (f"{self.unsaid} more were left out.",) if self.unsaid else ()
        return Extraction(
            files=self.files,
            folders=self.folders,
            size_bytes=self.size_bytes,
            left_out=(*self.sentences, *rest),
        )


def _take_folder(source_fd: int, target_fd: int, path: PurePosixPath, ledger: _Ledger) -> None:
    """Take over one folder; recursion is bounded by MAX_DEPTH."""
    with os.scandir(source_fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
        inside = path / name
        if stat.S_ISDIR(status.st_mode):
            if ledger.admits(inside, 0):
                _take_subfolder(source_fd, target_fd, inside, ledger)
        elif not stat.S_ISREG(status.st_mode):
            ledger.leave_out(inside, f"is a {_kind_of(status.st_mode)}")
        elif ledger.admits(inside, status.st_size):
            if status.st_nlink > 1 or not _moved(name, source_fd, target_fd):
                _copy(name, source_fd, target_fd)
            _make_plain(name, target_fd, FILE_MODE)
            ledger.files += 1
            ledger.size_bytes += status.st_size


def _take_subfolder(source_fd: int, target_fd: int, path: PurePosixPath, ledger: _Ledger) -> None:
    os.mkdir(path.name, FOLDER_MODE, dir_fd=target_fd)
    ledger.folders += 1
    inner_source = _open_folder(path.name, source_fd)
    try:
        inner_target = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=target_fd)
        try:
            _take_folder(inner_source, inner_target, path, ledger)
            os.fchmod(inner_target, FOLDER_MODE)
        finally:
            os.close(inner_target)
    finally:
        os.close(inner_source)


def _open_folder(name: str, folder_fd: int) -> int:
    """Open a subfolder, also one whose mode keeps its owner out."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder_fd)
    try:
        if os.geteuid() != 0:  # root reads whatever the mode is
            Path(f"/proc/self/fd/{handle}").chmod(0o700)  # not by name: no link is followed
    finally:
        os.close(handle)
    return os.open(name, flags, dir_fd=folder_fd)


def _moved(name: str, source_fd: int, target_fd: int) -> bool:
    """Move one file; False when the two folders lie on different file systems."""
    try:
        os.rename(name, name, src_dir_fd=source_fd, dst_dir_fd=target_fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(name: str, source_fd: int, target_fd: int) -> None:
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=source_fd)
    try:
        by_handle = Path(f"/proc/self/fd/{handle}")
        if os.geteuid() != 0:
            by_handle.chmod(0o600)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        written = os.open(name, flags, FILE_MODE, dir_fd=target_fd)
        with by_handle.open("rb") as reader, os.fdopen(written, "wb") as writer:
            shutil.copyfileobj(reader, writer, _COPY_BYTES)
    finally:
        os.close(handle)


def _make_plain(name: str, folder_fd: int, mode: int) -> None:
    """Give the caller the file, without set-user-id bits or odd modes."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder_fd)
    try:
        path = f"/proc/self/fd/{handle}"
        if os.stat(path).st_uid != os.geteuid():  # noqa: PTH116 - a handle, not a path
            os.chown(path, os.geteuid(), os.getegid())
        Path(path).chmod(mode)
    finally:
        os.close(handle)


def _take_member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    target: Path,
    *,
    strip: str,
    ledger: _Ledger,
) -> None:
    path = _safe_path(member.name, strip)
    if path is None:
        ledger.leave_out(PurePosixPath(member.name), "has a name that leads outside")
    elif not path.parts:
        return  # the folder that was asked for
    elif member.islnk():
        _take_hard_link(member, path, target, strip=strip, ledger=ledger)
    elif not (member.isdir() or member.isreg()):
        ledger.leave_out(path, f"is a {_TAR_KINDS.get(member.type, 'special file')}")
    elif ledger.admits(path, member.size):
        try:
            if member.isdir():
                (target / path).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                ledger.folders += 1
            else:
                _write_member(archive, member, target / path)
                ledger.files += 1
                ledger.size_bytes += member.size
        except (FileExistsError, NotADirectoryError):
            ledger.leave_out(path, _TWICE)


def _take_hard_link(
    member: tarfile.TarInfo,
    path: PurePosixPath,
    target: Path,
    *,
    strip: str,
    ledger: _Ledger,
) -> None:
    """A second name of a file that came before: a plain file too, as in `extract_folder`."""
    first = _safe_path(member.linkname, strip)
    if first is None or not (target / first).is_file():
        ledger.leave_out(path, "is a second name of a file that did not come out")
        return
    size_bytes = (target / first).stat().st_size
    if ledger.admits(path, size_bytes):
        try:
            (target / path).parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with (target / first).open("rb") as reader, (target / path).open("xb") as writer:
                shutil.copyfileobj(reader, writer, _COPY_BYTES)
        except (FileExistsError, NotADirectoryError):
            ledger.leave_out(path, _TWICE)
            return
        (target / path).chmod(FILE_MODE)
        ledger.files += 1
        ledger.size_bytes += size_bytes


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    reader = archive.extractfile(member)
    if reader is None:  # tarfile says so of what is no file; isreg() was asked before
        raise tarfile.ReadError(f"{member.name!r} has no content")
    with path.open("xb") as writer:
        shutil.copyfileobj(reader, writer, _COPY_BYTES)
    path.chmod(FILE_MODE)


def _safe_path(name: str, strip: str) -> PurePosixPath | None:
    """The name below the target, or None when it leads elsewhere."""
    raw = PurePosixPath(name)
    parts = [part for part in raw.parts if part != "."]
    if raw.is_absolute() or ".." in parts or "\0" in name:
        return None
    if strip and parts:
        if parts[0] != strip:
            return None
        parts = parts[1:]
    return PurePosixPath(*parts)


_TAR_KINDS = {
    tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "named pipe",
}


def _kind_of(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "character device"),
        (stat.S_ISBLK, "block device"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "special file")


class _Chunks(io.RawIOBase):
    """A stream over chunks of any size."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        space = memoryview(buffer)
        taken = min(len(space), len(self._rest))
        space[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


@contextmanager
def _full_disk_is_ours(target: Path) -> Iterator[None]:
    """A full disk of the host is no failure of the notebook."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EngineError(
            f"The disk of {target} is full, so the files of the run could not be kept.",
            fix="Free some space there, or choose another disk with --runs.",
        ) from error

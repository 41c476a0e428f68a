"""Hashes of files that have not changed since they were read last.

A file is taken as unchanged while its size, times and inode are. So the check of an input costs a
look at its folders, whatever its size. The cache is a help, never a record: losing it costs time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_path

from harness.staging.lock import LockedFile

_CHUNK_BYTES = 1 << 20
Fingerprint = tuple[int, int, int, int]


def fingerprint(status: os.stat_result) -> Fingerprint:
    """Return what changes when a file's bytes do: size, both times in ns, inode."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class StatCache:
    """The known hashes of one input's files.

    Attributes:
        folder: The input's folder.
    """

    def __init__(self, folder: Path, *, cache: Path | None = None) -> None:
        self.folder = folder
        root = cache if cache is not None else user_cache_path("kaggle-harness", appauthor=False)
        name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
        self._file = root / "hashes" / f"{name}.json"
        self._known: dict[str, tuple[Fingerprint, str]] = self._load()
        self._changed = False

    def sha256(self, path: str, *, rehash: bool = False) -> str:
        """Return the sha256 of one file, read only when it may have changed.

        Args:
            path: Below the folder.
            rehash: Read it in any case.

        Raises:
            OSError: It cannot be read.
        """
        now = fingerprint((self.folder / path).stat())
        known = self._known.get(path)
        if not rehash and known is not None and known[0] == now:
            return known[1]
        digest = _hash(self.folder / path)
        self._known[path] = (now, digest)
        self._changed = True
        return digest

    def learn(self, files: Iterable[LockedFile]) -> None:
        """Note the hashes of files that were just written, and keep them."""
        self._known = {
            each.path: (fingerprint((self.folder / each.path).stat()), each.sha256)
            for each in files
        }
        self._changed = True
        self.save()

    def save(self) -> None:
        """Keep what is known for the next time; a cache that cannot be written is done without."""
        if not self._changed:
            return
        partial = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._known), encoding="utf-8")
            partial.replace(self._file)

    def _load(self) -> dict[str, tuple[Fingerprint, str]]:
        try:
            known = json.loads(self._file.read_bytes())
            return {
                str(path): ((int(size), int(mtime), int(ctime), int(inode)), str(digest))
                for path, ((size, mtime, ctime, inode), digest) in known.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            # Not there yet, or not what this version writes: everything is read once more.
            return {}


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()

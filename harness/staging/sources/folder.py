"""`folder:PATH`: files that are on this machine already, such as a checkpoint trained at home."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Self

from harness.errors import RequestError
from harness.staging.sources.base import Fetched, SourceFile
from harness.staging.sources.licences import licence_of_card


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSource:
    """A folder of files. Links in it are followed, so a hub cache full of links is fine.

    Attributes:
        folder: The folder, absolute.
    """

    folder: Path

    @classmethod
    def parse(cls, rest: str, base: Path) -> Self:
        """Read the part after `folder:`.

        Raises:
            RequestError: It is empty.
        """
        if not rest:
            raise RequestError("'folder:' names no folder.", fix="Write it as folder:PATH.")
        return cls(folder=_absolute(base / Path(rest).expanduser()))

    def text_from(self, base: Path) -> str:
        """Write the source as the lock has it: relative where the folder lies below `base`."""
        try:
            return f"folder:{self.folder.relative_to(_absolute(base)).as_posix()}"
        except ValueError:
            return f"folder:{self.folder.as_posix()}"

    def fetch(self, scratch: Path) -> Fetched:  # noqa: ARG002 - nothing has to be downloaded
        """List the folder.

        Raises:
            RequestError: It is not there, is empty, or holds what cannot be staged: a broken link,
                a device, a pipe, a name that is not Unicode.
        """
        if not self.folder.is_dir():
            raise RequestError(
                f"{self.folder} is not a folder.",
                fix="Name a folder that is on this machine, or another source.",
            )
        files = tuple(sorted(_walk(self.folder, "", ()), key=lambda each: each.path))
        if not files:
            raise RequestError(
                f"{self.folder} holds no file.", fix="Name a folder that has files in it."
            )
        return Fetched(files=files, revision=None, licence=licence_of_card(files))


def _open(path: Path) -> BufferedIOBase:
    return path.open("rb")


def _absolute(path: Path) -> Path:
    """Make a path absolute and normal without following links: the lock keeps the user's words."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute() keeps `..`


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[SourceFile]:
    """List the files below a folder; `above` holds the folders on the way, to notice a loop."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise RequestError(
            f"{folder} is a link to a folder that it lies in.", fix="Remove the link."
        )
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        try:
            path.encode()
            mode = entry.stat().st_mode
        except UnicodeEncodeError as error:
            raise RequestError(
                f"{str(entry).encode(errors='replace').decode()} has a name that is not Unicode.",
                fix="Rename the file: Kaggle takes no such name.",
            ) from error
        except OSError as error:
            raise RequestError(
                f"{entry} cannot be read: {error.strerror}.",
                fix="Remove it if it is a broken link, else make it readable.",
            ) from error
        if stat.S_ISDIR(mode):
            yield from _walk(entry, f"{path}/", (*above, here))
        elif stat.S_ISREG(mode):
            size = entry.stat().st_size
            yield SourceFile(path=path, size_bytes=size, open=partial(_open, entry))
        else:
            raise RequestError(
                f"{entry} is neither a file nor a folder.", fix="Remove it, or stage the rest only."
            )

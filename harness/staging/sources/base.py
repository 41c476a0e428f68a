"""What every source promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file that a source has, not read yet.

    Attributes:
        path: Its path in the staged input, with `/` between the parts.
        size_bytes: How long it says it is; the bytes that come are counted again.
        open: Opens it for reading. The caller closes it.
    """

    path: str
    size_bytes: int
    open: Callable[[], BufferedIOBase]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a source has at this moment.

    Attributes:
        files: Sorted by path; regular files only, links already followed.
        revision: What fixes the bytes, e.g. a version or a commit; None for a plain folder.
        licence: As an SPDX expression where the source states one, else None.
    """

    files: tuple[SourceFile, ...]
    revision: str | None
    licence: str | None


class Source(Protocol):
    """One place that files come from."""

    def text_from(self, base: Path) -> str:
        """Write the source as `parse_source` reads it back with the same base folder."""

    def fetch(self, scratch: Path) -> Fetched:
        """Bring the files within reach: list a folder, or download into `scratch`.

        Args:
            scratch: An empty folder on the disk of the inputs. It has to stay until the files have
                been read; the caller removes it.

        Raises:
            RequestError: The source is not there, or holds something that cannot be staged.
            PrerequisiteError: This machine cannot fetch it.
        """

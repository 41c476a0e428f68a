"""`inputs.lock`: what is staged, where it comes from, and every file by size and sha256.

Tracked by git, so that a fresh clone gets the same bytes. Sorted and laid out in one way only:
the same inputs make the same file. Validation of what a person edited is in `lock_format`.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from harness.errors import PrerequisiteError, RequestError
from harness.kaggle.handles import parse_handle
from harness.staging import lock_format

_HEADER = """\
# What is staged under inputs/, written by `harness stage SOURCE HANDLE`.
# `harness stage` restores all of it; track this file with git.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One file of an input.

    Attributes:
        path: Below the input's folder, with `/` between the parts.
        size_bytes: Its length.
        sha256: Of its bytes, 64 digits in lower case.
    """

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedInput:
    """One staged input.

    Attributes:
        handle: With its kind in front: `models/OWNER/MODEL/FRAMEWORK/VARIATION/VERSION`.
        source: Where it comes from, as `sources.parse_source` reads it.
        revision: What fixes the source's bytes; None for a plain folder.
        licence: An SPDX expression, or the user's own words; `unknown` where nobody said.
        files: Sorted by path.
    """

    handle: str
    source: str
    revision: str | None
    licence: str
    files: tuple[LockedFile, ...]

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(each.size_bytes for each in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The whole lock; `inputs` is sorted by handle."""

    inputs: tuple[LockedInput, ...] = ()

    def find(self, handle: str) -> LockedInput | None:
        """Find an input by its handle, upper and lower case being the same."""
        key = handle.casefold()
        return next((each for each in self.inputs if each.handle.casefold() == key), None)

    def with_input(self, new: LockedInput) -> Lock:
        """Return a lock in which `new` stands in place of the input of the same handle."""
        key = new.handle.casefold()
        others = (each for each in self.inputs if each.handle.casefold() != key)
        return Lock(inputs=tuple(sorted((*others, new), key=lambda each: each.handle)))


def read_lock(path: Path) -> Lock:
    """Read the lock; one that is not there is empty.

    Raises:
        RequestError: Not TOML, or not a lock. The message names each mistake with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path} cannot be read: {error}.", fix="Get it back with git: git checkout -- FILE"
        ) from error
    parsed = lock_format.parse(text, path)
    inputs = tuple(
        LockedInput(
            handle=parse_handle(each.handle, where=str(path)).qualified,
            source=each.source,
            revision=each.revision,
            licence=each.licence,
            files=tuple(
                LockedFile(path=one.path, size_bytes=one.size, sha256=one.sha256)
                for one in sorted(each.files, key=lambda one: one.path)
            ),
        )
        for each in sorted(parsed.input, key=lambda each: each.handle)
    )
    return Lock(inputs=inputs)


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock: beside its place first, then renamed, so that it is never half a lock.

    Raises:
        PrerequisiteError: The disk is full, or the folder cannot be written to.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(format_lock(lock), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise PrerequisiteError(
            f"{path} cannot be written: {error.strerror}.",
            fix="Make room, or make its folder writable, and run the command again.",
        ) from error


def format_lock(lock: Lock) -> str:
    """Lay the lock out as TOML; the same lock always gives the same text."""
    parts = [f"{_HEADER}\nversion = {lock_format.VERSION}\n"]
    for each in lock.inputs:
        lines = ["", "[[input]]", f"handle = {_string(each.handle)}"]
        lines.append(f"source = {_string(each.source)}")
        if each.revision is not None:
            lines.append(f"revision = {_string(each.revision)}")
        lines += [f"licence = {_string(each.licence)}", "files = ["]
        lines += [
            f"    {{ path = {_string(one.path)}, size = {one.size_bytes}, "
            f"sha256 = {_string(one.sha256)} }},"
            for one in each.files
        ]
        parts.append("\n".join([*lines, "]", ""]))
    return "".join(parts)


def _string(text: str) -> str:
    """Write a TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

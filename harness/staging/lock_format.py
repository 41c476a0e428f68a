"""The form of `inputs.lock` at its edge: pydantic models, and the line of each mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.errors import RequestError
from harness.kaggle.handles import parse_handle
from harness.kaggle.nearest import suggestion

VERSION = 1
_SHOWN = 10
_TABLE = re.compile(r"^\s*\[\[\s*input\s*\]\]")
_FILES = re.compile(r"^\s*files\s*=")


def check_path(path: str) -> str:
    """Make sure that a path stays in the folder that it is relative to.

    Raises:
        ValueError: Empty, absolute, not normal, or with a part, a letter or a length that leads
            elsewhere or that file systems refuse.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or PurePosixPath(path).is_absolute():
        raise ValueError("has to be a plain path below the input's folder")
    if "\\" in path or any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        raise ValueError("holds a backslash or a control character")
    if any(len(part.encode()) > 255 for part in parts):
        raise ValueError("has a name longer than 255 bytes")
    return path


def _check_handle(handle: str) -> str:
    try:
        return parse_handle(handle).qualified
    except RequestError as error:
        raise ValueError(f"{error.problem} {error.fix}") from error


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FileEntry(_Strict):
    """One line of `files`."""

    path: Annotated[str, AfterValidator(check_path)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class InputEntry(_Strict):
    """One `[[input]]` table."""

    handle: Annotated[str, AfterValidator(_check_handle)]
    source: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    licence: Annotated[str, Field(min_length=1)]
    files: Annotated[list[FileEntry], Field(min_length=1)]


class LockDocument(_Strict):
    """The whole file."""

    version: Literal[1]
    input: list[InputEntry] = []


def parse(text: str, path: Path) -> LockDocument:
    """Read and validate the text of a lock.

    Raises:
        RequestError: With every mistake (ten at most) and its line.
    """
    try:
        document = LockDocument.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{path} is not TOML: {error}.", fix=_fix(path)) from error
    except ValidationError as error:
        mistakes = [
            _describe(text, each["loc"], each["msg"], each["type"]) for each in error.errors()
        ]
        raise _refusal(path, mistakes) from error
    twice = _twice(text, document)
    if twice:
        raise _refusal(path, twice)
    return document


def _refusal(path: Path, mistakes: list[str]) -> RequestError:
    shown = mistakes[:_SHOWN]
    if len(mistakes) > _SHOWN:
        shown.append(f"and {len(mistakes) - _SHOWN} more")
    return RequestError(f"{path} is not a valid lock: {'; '.join(shown)}.", fix=_fix(path))


def _fix(path: Path) -> str:
    return f"Correct the lines named, or get the file back: git checkout -- {path.name}"


def _describe(text: str, loc: Sequence[int | str], message: str, kind: str) -> str:
    key = ".".join(str(each) for each in loc)
    if kind == "extra_forbidden":
        model = LockDocument if len(loc) == 1 else InputEntry if len(loc) == 3 else FileEntry
        message = f"unknown field. {suggestion(str(loc[-1]), list(model.model_fields))}"
    return f"line {line_of(text, loc)}: {key}: {message.removeprefix('Value error, ')}"


def _twice(text: str, document: LockDocument) -> list[str]:
    """Find handles and paths that stand there twice, upper and lower case of handles being one."""
    found: list[str] = []
    handles: set[str] = set()
    for number, each in enumerate(document.input):
        if each.handle.casefold() in handles:
            line = line_of(text, ("input", number, "handle"))
            found.append(f"line {line}: {each.handle} is there twice")
        handles.add(each.handle.casefold())
        paths: set[str] = set()
        for place, one in enumerate(each.files):
            if one.path in paths:
                line = line_of(text, ("input", number, "files", place))
                found.append(f"line {line}: {one.path} is there twice in {each.handle}")
            paths.add(one.path)
    return found


def line_of(text: str, loc: Sequence[int | str]) -> int:
    """Find the line (from 1) of a value by its place in the document.

    tomllib keeps no positions. The lock has one layout, so counting tables and inline tables finds
    the line, and where a person has laid it out anew, a line that is near.
    """
    lines = text.splitlines() or [""]
    if not loc or loc[0] != "input" or len(loc) < 2:
        return _find(lines, 0, len(lines), str(loc[0]) if loc else "") + 1
    tables = [number for number, line in enumerate(lines) if _TABLE.match(line)]
    index = int(loc[1])
    if index >= len(tables):
        return 1
    start = tables[index]
    end = tables[index + 1] if index + 1 < len(tables) else len(lines)
    if len(loc) < 4 or loc[2] != "files":
        return _find(lines, start, end, str(loc[2]) if len(loc) > 2 else "") + 1
    entries = [
        number
        for number in range(_find(lines, start, end, "files"), end)
        for _ in range(_FILES.sub("", lines[number]).split("#")[0].count("{"))
    ]
    place = int(loc[3])
    return (entries[place] if place < len(entries) else start) + 1


def _find(lines: list[str], start: int, end: int, key: str) -> int:
    """Find the line that sets `key`; the start where none does (a field that is missing)."""
    wanted = re.compile(rf"\s*\"?{re.escape(key)}\"?\s*=")
    return next((number for number in range(start, end) if wanted.match(lines[number])), start)

"""Where a source is: its mount path under /kaggle/input, and its folder under `inputs/`.

Both layouts were seen on Kaggle in 2026. Source: listings of batch runs in public notes
(nested, 2026-08-29) and Kaggle/kaggle-cli docs/models_metadata.md (classic), read 2026-11.

| kind | nested (default) | classic |
|---|---|---|
| competition | competitions/SLUG | SLUG |
| dataset | datasets/OWNER/SLUG | SLUG |
| model | models/OWNER/MODEL/FRAMEWORK/VARIATION/VERSION | MODEL/FRAMEWORK/VARIATION/VERSION |
| notebook | notebooks/OWNER/SLUG | SLUG |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.kaggle.handles import FORMS, Handle, make_handle
from harness.spec import Layout, SourceKind

INPUT = PurePosixPath("/kaggle/input")


@dataclass(frozen=True, slots=True)
class StagedInput:
    """A source whose files are on this machine.

    Attributes:
        handle: With the case of the folders on disk.
        folder: Where its files are.
    """

    handle: Handle
    folder: Path


def mount_path(handle: Handle, layout: Layout) -> PurePosixPath:
    """Say where a notebook sees a source. A model's framework is in lower case there."""
    parts = list(handle.parts)
    if handle.kind is SourceKind.MODEL:
        parts[2] = parts[2].casefold()
    if layout is Layout.NESTED:
        return INPUT.joinpath(handle.kind.value, *parts)
    return INPUT.joinpath(*(parts if handle.kind is SourceKind.COMPETITION else parts[1:]))


def handle_of_mount(path: PurePosixPath | str) -> Handle | None:
    """Read the handle from a path in the nested layout, which may point at a file inside.

    Returns:
        None where the path is not inside a source of the nested layout.
    """
    try:
        parts = PurePosixPath(path).relative_to(INPUT).parts
    except ValueError:
        return None
    return _handle_of_parts(parts)


def staged_folder(inputs: Path, handle: Handle) -> Path:
    """Say where a source's files belong under `inputs/`."""
    return inputs.joinpath(handle.kind.value, *handle.parts)


def handle_of_folder(inputs: Path, folder: Path) -> Handle | None:
    """Read the handle from a folder (or a file in it) under `inputs/`; None elsewhere."""
    try:
        parts = folder.relative_to(inputs).parts
    except ValueError:
        return None
    return _handle_of_parts(parts)


def find_staged(inputs: Path) -> Iterator[StagedInput]:
    """List what is staged under `inputs/`, sorted: folders of the right form that hold something.

    Folders whose name is no part of a handle (`.cache`, `__pycache__`) are passed over.
    """
    for kind, form in FORMS.items():
        for folder in _folders(inputs / kind.value, depth=form.count("/") + 1):
            handle = handle_of_folder(inputs, folder)
            if handle is not None and _holds_something(folder):
                yield StagedInput(handle, folder)


def _handle_of_parts(parts: tuple[str, ...]) -> Handle | None:
    kinds = {kind.value: kind for kind in SourceKind}
    if not parts or parts[0] not in kinds:
        return None
    kind = kinds[parts[0]]
    try:
        return make_handle(kind, parts[1 : FORMS[kind].count("/") + 2])
    except ValueError:
        return None


def _folders(top: Path, *, depth: int) -> Iterator[Path]:
    """Walk to the folders exactly `depth` levels below `top`."""
    try:
        inside = sorted(each for each in top.iterdir() if each.is_dir())
    except OSError:
        # Not there, not a folder or not readable: then nothing is staged in it.
        return
    for folder in inside:
        if depth == 1:
            yield folder
        else:
            yield from _folders(folder, depth=depth - 1)


def _holds_something(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is not None
    except OSError:
        return False

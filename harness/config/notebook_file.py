"""The notebook as a file: is it there, what does it and its neighbour say of themselves?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import RequestError
from harness.kaggle.nearest import nearest
from harness.kaggle.notebook_metadata import NotebookMetadata, is_about

KERNEL_METADATA = "kernel-metadata.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 60
_SCRIPTS = (".py", ".r", ".rmd", ".jl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the metadata says; weakest place first.

    Attributes:
        places: Pairs of the place's name and what it says.
        warnings: One sentence each.
    """

    places: tuple[tuple[str, NotebookMetadata], ...] = ()
    warnings: tuple[str, ...] = field(default=())


def find_notebook(path: Path, cwd: Path) -> Path:
    """Make the path of a notebook absolute.

    Raises:
        RequestError: No such file, a folder, or a script.
    """
    absolute = Path(cwd / path)
    try:
        is_file, is_folder = absolute.is_file(), absolute.is_dir()
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{str(path)!r} cannot be the name of a file: {error}.", fix="Name a notebook file."
        ) from error
    if is_folder:
        raise RequestError(f"{str(path)!r} is a folder, not a notebook.", fix=_inside(path, cwd))
    if not is_file:
        raise RequestError(f"There is no notebook {str(path)!r}.", fix=_neighbour(path, cwd))
    if absolute.suffix.casefold() in _SCRIPTS:
        raise RequestError(
            f"{str(path)!r} is a script, and only notebooks are run here.",
            fix=f"Make a notebook of it first: jupytext --to ipynb {path.name}",
        )
    return absolute.resolve()


def safe_name(notebook: Path) -> str:
    """Make a short name for folders and titles from the notebook's stem.

    Returns:
        Letters, digits, `.`, `_` and `-` only, a letter or digit first; never empty.
    """
    name = _UNSAFE.sub("-", notebook.stem)[:_LONGEST_NAME].strip("-._")
    return name or "notebook"


def describe(notebook: Path) -> Described:
    """Read kernel-metadata.json beside the notebook, and the notebook's own metadata.kaggle.

    A notebook that is no JSON says nothing of itself here: the run refuses it in Kaggle's words.

    Raises:
        RequestError: kernel-metadata.json is wrong.
    """
    places: list[tuple[str, NotebookMetadata]] = []
    warnings: list[str] = []
    beside = notebook.parent / KERNEL_METADATA
    if beside.is_file():
        # pydantic takes 40 ms to import, so only where there is something for it to check.
        from harness.kaggle.metadata import read_kernel_metadata  # noqa: PLC0415

        kernel = read_kernel_metadata(_text_of(beside), where=KERNEL_METADATA)
        if is_about(kernel, notebook.name):
            places.append((KERNEL_METADATA, kernel))
            warnings += kernel.warnings
        else:
            warnings.append(
                f"{KERNEL_METADATA} is about {kernel.code_file!r} (its code_file), so it is not "
                f"used for {notebook.name!r}."
            )
    block = _kaggle_block(notebook)
    if block is not None:
        from harness.kaggle.metadata import read_notebook_metadata  # noqa: PLC0415

        own = read_notebook_metadata(block, where=notebook.name)
        places.append(("metadata.kaggle", own))
        warnings += own.warnings
    return Described(places=tuple(places), warnings=tuple(warnings))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read: {error}.", fix=f"Correct {path}.") from error


def _kaggle_block(notebook: Path) -> dict[str, object] | None:
    try:
        data = notebook.read_bytes()
        if b'"kaggle"' not in data:
            return None
        document = json.loads(data)
    except (OSError, ValueError, RecursionError):
        # What is wrong with the file is the run's to say, in Kaggle's words.
        return None
    metadata = document.get("metadata") if isinstance(document, dict) else None
    block = metadata.get("kaggle") if isinstance(metadata, dict) else None
    return block if isinstance(block, dict) else None


def _inside(path: Path, cwd: Path) -> str:
    names = _notebooks_in(cwd / path)
    return (
        f"Name a file in it, e.g. {str(path / names[0])!r}." if names else "Name a notebook file."
    )


def _neighbour(path: Path, cwd: Path) -> str:
    folder = cwd / path.parent
    near = nearest(path.name, _notebooks_in(folder))
    if near is not None:
        return f"Did you mean {str(path.parent / near)!r}?"
    if not folder.is_dir():
        return f"There is no folder {str(path.parent)!r} either: check the path."
    names = _notebooks_in(folder)
    return f"In that folder there is {', '.join(names[:5])}." if names else "Check the path."


def _notebooks_in(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.suffix == ".ipynb")
    except OSError:
        return []

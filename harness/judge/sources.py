"""What lies on this machine and helps to advise: the notebook's code, the files of an input."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path

from harness.kaggle.nearest import nearest

_MOST_NAMES = 10_000
_MOST_BYTES = 100 * 2**20


def nearest_file(folder: Path, wanted: str) -> str | None:
    """Find the path in a folder that is nearest to one that is not there.

    Args:
        folder: Of an attached source.
        wanted: Path in it, with `/`.

    Returns:
        None where some part of the path has nothing near, or the path is there as it is.
    """
    found: list[str] = []
    for part in wanted.split("/"):
        try:
            with os.scandir(folder.joinpath(*found)) as entries:
                names = [entry.name for entry in islice(entries, _MOST_NAMES)]
        except OSError:
            return None
        near = part if part in names else nearest(part, names, cutoff=0.7)
        if near is None:
            return None
        found.append(near)
    made = "/".join(found)
    return made if made != wanted else None


def cell_sources(notebook: Path) -> tuple[str, ...]:
    """Read the code of every cell, in order; an empty string for a cell that is not code.

    Returns:
        Nothing for a file that is no notebook: whoever asks can do without.
    """
    try:
        if notebook.stat().st_size > _MOST_BYTES:
            return ()
        content: object = json.loads(notebook.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    return tuple(_code(cell) for cell in _cells(content))


def _cells(content: object) -> list[object]:
    if not isinstance(content, dict):
        return []
    cells = content.get("cells")
    if cells is None:  # nbformat 3
        sheets = content.get("worksheets")
        first = sheets[0] if isinstance(sheets, list) and sheets else None
        cells = first.get("cells") if isinstance(first, dict) else None
    return cells if isinstance(cells, list) else []


def _code(cell: object) -> str:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return ""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""

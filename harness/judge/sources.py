"""The code of a notebook's cells: where a model's name may stand that a traceback cuts off."""

from __future__ import annotations

import json
from pathlib import Path

_MOST_BYTES = 100 * 2**20


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

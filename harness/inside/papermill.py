"""papermill's rules of what fails a notebook. Kaggle runs notebooks with papermill.

Source: papermill 2.7.0, execute.py (raise_for_execution_errors) and engines.py, read 2026-11; a
differential suite holds this file to the real one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from harness.inside.outputs import is_forgiven

Cell = Any

_VALUE_CHARACTERS = 4_000
_TRACEBACK_CHARACTERS = 16_000
# Colours, cursor movements, operating system commands and lone control characters.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f\x9b]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """What fails the notebook.

    Attributes:
        cell: Index of the cell, from 0 over all cells.
        name: Exception class.
        value: Its text, cut.
        traceback: Plain text, cut at its beginning.
    """

    cell: int
    name: str
    value: str
    traceback: str


def is_skipped(cell: Cell) -> bool:
    """Whether a code cell is not sent to the kernel: nothing in it, or tagged."""
    return not cell.source.strip() or "skip-execution" in cell.metadata.get("tags", [])


def blame(cells: list[Cell], raised: int | None, reply: dict[str, Any]) -> Blame | None:
    """Find what fails a notebook that has been run, or None when nothing does.

    As papermill does, the *last* cell with an error output is blamed; and every error output
    counts, whether its cell stopped the run, was allowed to raise, or only showed somebody
    else's. A failing reply counts when no output tells about it.

    Args:
        cells: All cells, with their outputs.
        raised: Index of the cell whose reply stopped the run, or None.
        reply: That reply's content. papermill does not show it; a person wants to see it.
    """
    found: Blame | None = None
    for index, cell in enumerate(cells):
        forgiven = False
        for output in cell.get("outputs", ()):
            if output["output_type"] != "error":
                continue
            if is_forgiven(output["ename"], output["evalue"]):
                forgiven = True
                continue
            found = blame_for(index, output["ename"], output["evalue"], output["traceback"])
            break
        if found is None and not forgiven and index == raised:
            lines = reply.get("traceback")
            return blame_for(
                index,
                str(reply.get("ename") or "CellExecutionError"),
                str(reply.get("evalue") or ""),
                [str(line) for line in lines] if isinstance(lines, list) else [],
            )
    return found


def blame_for(cell: int, name: str, value: str, traceback: list[str]) -> Blame:
    """Make a blame from an error output's fields."""
    return Blame(
        cell=cell,
        name=plain(name)[:200],
        value=plain(value)[:_VALUE_CHARACTERS],
        traceback=plain("\n".join(traceback))[-_TRACEBACK_CHARACTERS:],
    )


def plain(text: str) -> str:
    """Take escape sequences, control characters and lone surrogates out of a text."""
    return _ESCAPES.sub("", text).encode("utf-8", "replace").decode("utf-8")

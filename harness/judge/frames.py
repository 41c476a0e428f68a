"""Reads the tracebacks that Jupyter kernels write: IPython 7, IPython 8 and newer, plain Python.

A traceback may come cut at either end, so nothing here needs a complete one.
"""

from __future__ import annotations

import re

# IPython 7: `/tmp/ipykernel_5/123.py in <cell line: 2>()`; 8: `Cell In[1], line 2`.
_CELL_FRAME = re.compile(
    r"(?:/tmp/ipykernel_\d+/\d+\.py in |(?:Cell |Input )In ?\[|<ipython-input-"
    r"|File (?:/tmp/ipykernel_|.*<ipython-input-))"
)
_NUMBERED = re.compile(r"(?P<arrow>-+>)? *\d+(?: (?P<code>.*))?$")
_QUOTED = re.compile(r"(?:-+>| ) *\d+(?: |$)")
_SYNTAX_FRAME = re.compile(
    r"\s*(?:Cell |Input )In ?\[|\s*File \"?(?:/tmp/ipykernel_\d+/\d+\.py|<ipython-input-)"
)


def cell_lines(traceback: str) -> tuple[str, ...]:
    """Lines of the notebook's own cells that the traceback shows, in order."""
    lines, inside = [], False
    for line in traceback.splitlines():
        numbered = _NUMBERED.match(line)
        if numbered is not None:
            if inside:
                lines.append(numbered["code"] or "")
        elif line.strip():
            inside = _CELL_FRAME.match(line) is not None
    return tuple(lines)


def failing_lines(traceback: str) -> tuple[str, ...]:
    """The line at the arrow of every frame, outermost first."""
    found = (_NUMBERED.match(line) for line in traceback.splitlines())
    return tuple((match["code"] or "").strip() for match in found if match and match["arrow"])


def cell_failing_lines(traceback: str) -> tuple[str, ...]:
    """Lines at an arrow that belong to the notebook's own cells, outermost first."""
    own = {line.strip() for line in cell_lines(traceback)}
    return tuple(line for line in failing_lines(traceback) if line in own)


def without_source(traceback: str) -> str:
    """The traceback less the code that it quotes, which names errors that it only handles."""
    lines = traceback.splitlines()
    return "\n".join(line for line in lines if not _QUOTED.match(line))


def passes_through(traceback: str, *packages: str) -> bool:
    """Whether a frame, or the compressed list of frames, is in one of these packages."""
    return any(f"/site-packages/{package}/" in traceback for package in packages)


def is_of_the_cell_itself(traceback: str) -> bool:
    """Whether a SyntaxError is about the cell's text: then no frame of a call comes before it."""
    first = next((line for line in traceback.splitlines() if line.strip()), "")
    return _SYNTAX_FRAME.match(first) is not None

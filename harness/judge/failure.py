"""The exception that ended a run, with what was seen around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.judge.frames import without_source

_INPUT_PATH = re.compile(r"(?<![\w./-])(?:/kaggle/input|(?:\.\./)+input)(?:/[^\s'\"<>|:,;)\]]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One exception, all text plain.

    Attributes:
        error_name: Class of the exception, without its module.
        error_value: Its text.
        traceback: As the kernel wrote it, chained exceptions included; may be cut.
        cell: Cell that raised, or None when it is not known.
        asked: Names looked up while that cell ran.
        no_gpu: The run had no GPU, whatever the profile has.
        sources: Code of the notebook's cells up to the one that raised, in order; may be empty.
    """

    error_name: str
    error_value: str
    traceback: str
    cell: int | None
    asked: tuple[str, ...] = ()
    no_gpu: bool = False
    sources: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """`Cell 3`, or words for a cell that is not known."""
        return "The notebook" if self.cell is None else f"Cell {self.cell}"

    @property
    def messages(self) -> str:
        """Everything but quoted code: frames, chained exceptions, the exception's text.

        Traceback and text are both in it, since either may be cut where the other is whole.
        """
        return f"{without_source(self.traceback)}\n{self.error_name}: {self.error_value}"

    @property
    def text(self) -> str:
        """Everything: the traceback with the code that it quotes, and the exception's text."""
        return f"{self.traceback}\n{self.error_name}: {self.error_value}"

    def input_path(self) -> str | None:
        """The first path in the exception's text that is under /kaggle/input, absolute."""
        match = _INPUT_PATH.search(self.error_value)
        if match is None:
            return None
        path = re.sub(r"^(?:\.\./)+input", "/kaggle/input", match.group())
        return path.rstrip(".") or None

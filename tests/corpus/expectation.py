"""The corpus in `tests/notebooks/`: each notebook with what has to come of it.

The expectation lies in the notebook's own metadata under `harness_expect`, or, for files that
are no valid notebook, in `NAME.expect.json` beside it. `tests/notebooks/README.md` explains the
fields to somebody who adds one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.result import Cause, Outcome

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
INPUTS = Path(__file__).parents[1] / "fixtures" / "inputs"
ANY_CELL = "any"
_OPTIONAL = {"mentions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one notebook of the corpus is for and what has to come of it.

    Attributes:
        notebook: The file.
        purpose: One sentence.
        outcome: Kaggle's class.
        cause: Ours.
        cell: Cell to blame, from 0 over all cells; None for no cell; `any` where the moment
            decides and any cell will do.
        options: Flags for `harness verify`, beside those of every notebook.
        attach: Handles of `tests/fixtures/inputs` to attach; with none, there are no inputs.
        papermill: `pass` or `fail` under the real papermill; None where the notebook must not
            run outside a sandbox, or needs what only a session has.
        papermill_cell: The cell that papermill blames, None for none.
        mentions: Texts that the verdict has to contain, each anywhere in summary, advice,
            evidence and warnings.
    """

    notebook: Path
    purpose: str
    outcome: Outcome
    cause: Cause
    cell: int | str | None
    options: tuple[str, ...]
    attach: tuple[str, ...]
    papermill: str | None
    papermill_cell: int | None
    mentions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The notebook's name without its ending."""
        return self.notebook.stem

    @property
    def exit_code(self) -> int:
        """What the command has to return."""
        return 0 if self.outcome.passed else 1

    def accepts_cell(self, cell: int | None) -> bool:
        """Whether the report blames the right cell."""
        return cell is not None if self.cell == ANY_CELL else cell == self.cell


def read_expectation(notebook: Path) -> Expectation:
    """Read the expectation of one notebook.

    Raises:
        ValueError: A field is missing or unknown, or names an outcome or a cause that does not
            exist.
    """
    sidecar = notebook.with_suffix(".expect.json")
    if sidecar.exists():
        data: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8"))
    else:
        whole = json.loads(notebook.read_text(encoding="utf-8"))
        data = whole["metadata"]["harness_expect"]
    known = {field.name for field in fields(Expectation)} - {"notebook"}
    if not known - _OPTIONAL <= set(data) <= known:
        raise ValueError(f"{notebook.name}: fields {sorted(data)}, expected {sorted(known)}")
    return Expectation(
        notebook=notebook,
        purpose=data["purpose"],
        outcome=Outcome(data["outcome"]),
        cause=Cause(data["cause"]),
        cell=data["cell"],
        options=tuple(data["options"]),
        attach=tuple(data["attach"]),
        papermill=data["papermill"],
        papermill_cell=data["papermill_cell"],
        mentions=tuple(data.get("mentions", ())),
    )


def corpus() -> list[Expectation]:
    """All notebooks of the corpus, by name."""
    return [read_expectation(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]

"""What Kaggle's metadata says of a notebook, as a value; `metadata.py` reads it from the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.kaggle.handles import Handle
from harness.spec import SourceKind

_NOUNS: Mapping[SourceKind, str] = {
    SourceKind.COMPETITION: "competition",
    SourceKind.DATASET: "dataset version",
    SourceKind.MODEL: "model version",
    SourceKind.NOTEBOOK: "notebook version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookMetadata:
    """What one of the two places says.

    Attributes:
        profile: The profile that its accelerator means; None where it is silent.
        sources: Attached sources, in the order in which they stand.
        unresolved: Sources named by number only, which nothing offline turns into a handle.
        code_file: The notebook that kernel-metadata.json is about; None where it is silent.
        warnings: One sentence each, the file's name in front.
    """

    profile: str | None = None
    sources: tuple[Handle, ...] = ()
    unresolved: tuple[tuple[SourceKind, str], ...] = ()
    code_file: str | None = None
    warnings: tuple[str, ...] = ()


def unresolved_text(unresolved: Iterable[tuple[SourceKind, str]]) -> str:
    """Name sources that are known by number only: `competition 134815, dataset version 7`."""
    return ", ".join(f"{_NOUNS[kind]} {number}" for kind, number in unresolved)


def is_about(metadata: NotebookMetadata, notebook_name: str) -> bool:
    """Say whether kernel-metadata.json is about this notebook: its code_file names it, or none."""
    return metadata.code_file is None or PurePosixPath(metadata.code_file).name == notebook_name

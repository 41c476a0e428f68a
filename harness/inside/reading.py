"""Reads the notebook file, or says in one sentence why it cannot be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

Notebook = Any  # nbformat's NotebookNode, which has no types

KERNEL_NAME = "python3"
_R_NAMES = ("ir", "irkernel")


class NotebookRefusedError(Exception):
    """The notebook cannot be run at all.

    Attributes:
        reason: As in the event `NotebookRefused`.
        detail: One sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_notebook(path: Path) -> Notebook:
    """Read a notebook of format 3 or 4 into format 4, without its outputs.

    Raises:
        NotebookRefusedError: It is empty, no notebook, not UTF-8, not in Python, or names a
            kernel that there is not.
    """
    text = _text_of(path.read_bytes())
    content = _json_of(text)
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise NotebookRefusedError(
            "not_a_notebook", "The file is JSON, but no notebook: it has no nbformat number."
        )
    refuse_language(content.get("metadata"))
    refuse_kernel(content.get("metadata"))
    notebook = _upgraded(text, content["nbformat"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = []
    return notebook


def _text_of(content: bytes) -> str:
    if not content.strip():
        raise NotebookRefusedError("empty_file", "The notebook file is empty.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotebookRefusedError(
            "not_utf8",
            f"The notebook file is not UTF-8: byte 0x{content[error.start]:02x} in line {line}. "
            "Save it again as UTF-8.",
        ) from error


def _json_of(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookRefusedError(
            "not_json", f"The notebook file is not JSON: {str(error)[:200]}."
        ) from error


def _upgraded(text: str, major: int) -> Notebook:
    try:
        notebook = nbformat.convert(nbformat.reader.reads(text), 4)
        notebook = nbformat.v4.upgrade(notebook) or notebook
    except Exception as error:
        # nbformat meets a wrong shape with whatever error lies near: KeyError, TypeError, ...
        raise NotebookRefusedError(
            "not_a_notebook",
            f"nbformat cannot read this notebook of format {major}: "
            f"{type(error).__name__}: {str(error)[:200]}.",
        ) from error
    if not isinstance(notebook.get("metadata"), dict) or not isinstance(
        notebook.get("cells"), list
    ):
        raise NotebookRefusedError("not_a_notebook", "The notebook has no list of cells.")
    for index, cell in enumerate(notebook.cells):
        if not _is_cell(cell):
            raise NotebookRefusedError(
                "not_a_notebook", f"Cell {index} lacks a type, a source or metadata."
            )
    return notebook


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("metadata"), dict):
        return False
    tags = cell["metadata"].get("tags", [])
    return (
        isinstance(cell.get("cell_type"), str)
        and isinstance(cell.get("source"), str)
        and isinstance(tags, list)
    )


def refuse_language(metadata: object) -> None:
    """Refuse a notebook that says it is not in Python; one that says nothing is in Python.

    Raises:
        NotebookRefusedError: It names another language.
    """
    if not isinstance(metadata, dict):
        return
    spec = metadata.get("kernelspec")
    named = [
        _entry(metadata.get("language_info"), "name"),
        _entry(spec, "language"),
        _entry(metadata.get("kaggle"), "language"),
        "R" if _entry(spec, "name").lower() in _R_NAMES else "",
    ]
    for language in named:
        if language and not language.lower().startswith(("python", "ipython")):
            raise NotebookRefusedError(
                "language",
                f"The notebook is in {language[:40]}; only Python notebooks can be run here.",
            )


def refuse_kernel(metadata: object) -> None:
    """Refuse a notebook whose kernel papermill would not find.

    Raises:
        NotebookRefusedError: It names no kernel, or one that Kaggle's image has not.

    Source: papermill 2.7.0, utils.py, nb_kernel_name, which raises without a name; jupyter_client
    7.4.9 raises NoSuchKernel for an unknown one; read 2026-11.
    """
    name = _entry(metadata.get("kernelspec") if isinstance(metadata, dict) else None, "name")
    if name == KERNEL_NAME:
        return
    named = f"names the kernel {name[:60]!r}" if name else "names no kernel"
    raise NotebookRefusedError(
        "no_kernel",
        f"The notebook {named}, so papermill, with which Kaggle runs it, fails before the first "
        f"cell: set metadata.kernelspec.name to {KERNEL_NAME!r}.",
    )


def _entry(mapping: object, name: str) -> str:
    value = mapping.get(name) if isinstance(mapping, dict) else None
    return value if isinstance(value, str) else ""

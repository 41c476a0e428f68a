"""Keeps `__notebook__.ipynb` on disk up to date while the notebook runs.

A cell is written into JSON once, when it has ended, and a thread puts the pieces together and
replaces the file. So a notebook of 500 quick cells is written a few times, not 500 times, and the
loop that runs the cells never waits for the disk.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from harness.inside.reading import Notebook

_INDENT = 1
_LONG_LINES = 2_000
_PAUSE_S = 0.2


def cell_json(cell: dict[str, Any]) -> bytes:
    """Write a cell as nbformat does: keys sorted, texts as lists of lines.

    Outputs that are nested too deeply for JSON's encoder are replaced by a sentence.
    """
    shown = {**cell, "source": _lines(cell["source"])}
    if "outputs" in cell:
        shown["outputs"] = [_output(output) for output in cell["outputs"]]
    try:
        return _json(shown)
    except RecursionError:
        note = "The outputs of this cell are nested too deeply to be saved."
        shown["outputs"] = [{"output_type": "stream", "name": "stderr", "text": [note]}]
        shown["metadata"] = {}
        return _json(shown)


def _output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {**output, "text": _lines(output["text"])}
    if "data" in output:
        data = {
            kind: value if _is_json(kind) else _lines(value)
            for kind, value in output["data"].items()
        }
        return {**output, "data": data}
    return output


def _is_json(mime_type: str) -> bool:
    return mime_type == "application/json" or (
        mime_type.startswith("application/") and mime_type.endswith("+json")
    )


def _lines(text: object) -> object:
    return text.splitlines(keepends=True) if isinstance(text, str) else text


def _is_long(value: dict[str, Any]) -> bool:
    texts = [output.get("text", ()) for output in value.get("outputs", ())]
    return max(map(len, texts), default=0) > _LONG_LINES


def _json(value: dict[str, Any]) -> bytes:
    # With an indent Python's slow encoder is used: a second for a million lines.
    indent = None if _is_long(value) else _INDENT
    text = json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True)
    # A lone surrogate, which JSON can say and UTF-8 cannot, becomes a question mark.
    return text.encode("utf-8", "replace")


class NotebookWriter:
    """Writes a notebook, in the background, whenever a cell has changed."""

    def __init__(self, notebook: Notebook, path: Path) -> None:
        self._notebook = notebook
        self._path = path
        self._cells = [cell_json(cell) for cell in notebook.cells]
        self._rest = self._rest_json()
        self._changed = threading.Condition()
        self._dirty = True
        self._closing = False
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="notebook", daemon=True)
        self._thread.start()

    def _rest_json(self) -> bytes:
        rest = {name: value for name, value in self._notebook.items() if name != "cells"}
        return _json(rest).lstrip(b"{\n ")

    def cell_changed(self, index: int) -> None:
        """Note a cell's new state. Call it from the thread that changes the notebook."""
        piece = cell_json(self._notebook.cells[index])
        with self._changed:
            self._cells[index] = piece
            self._dirty = True
            self._changed.notify()

    def close(self) -> None:
        """Note the notebook's metadata, write a last time and wait for it.

        Raises:
            OSError: The file could not be written.
        """
        rest = self._rest_json()
        with self._changed:
            self._rest = rest
            self._dirty = True
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        closing = False
        while not closing:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty)
                self._dirty = False
                closing = self._closing
                cells, rest = list(self._cells), self._rest
            try:
                self._replace(cells, rest)
                self._failure = None
            except OSError as error:
                self._failure = error
            with self._changed:
                # Leave the interpreter to the cells for a while.
                self._changed.wait_for(lambda: self._closing, _PAUSE_S)

    def _replace(self, cells: list[bytes], rest: bytes) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with new.open("wb") as file:
            file.write(b'{\n "cells": [\n')
            for number, cell in enumerate(cells):
                file.write(b",\n" if number else b"")
                file.write(cell)
            file.write(b"\n ],\n " + rest + b"\n")
        new.replace(self._path)

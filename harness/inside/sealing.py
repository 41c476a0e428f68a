"""Closes the runner to code from disk, before the notebook's first cell runs.

The notebook may change what is installed, as on Kaggle, and the runner uses the same packages. A
module that the runner imported later would run the notebook's code with the runner's rights.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter

# What libraries import when they need it first; only those that are there.
_NEEDED_LATER = (
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.unicode_escape",
    "fastjsonschema",
    "jsonschema",
    "nbformat.json_compat",
    "nbformat.validator",
    "shutil",
    "stringprep",
)


def seal_imports() -> None:
    """Let no module be imported from now on but those built into the interpreter."""
    for name in _NEEDED_LATER:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if finder in (BuiltinImporter, FrozenImporter)
    ]

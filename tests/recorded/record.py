"""Run every cell of `cases.py` in a real kernel and write what it raised, for the judge's tests.

Meant for a sandbox without network, with a small /kaggle/working and a read-only /kaggle/input;
`record.sh` makes one. Prints the JSON on standard output.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_PACKAGES = (
    "ipykernel",
    "ipython",
    "nbclient",
    "torch",
    "transformers",
    "huggingface_hub",
    "pandas",
)


# A kernel without the libraries of Kaggle's image borrows them, at the end of its path.
_BEFORE = f"""
import os, shutil, sys
sys.path += {[path for path in os.environ.get("BORROWED", "").split(":") if path]!r}
"""
_BETWEEN = """
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (resource.getrlimit(resource.RLIMIT_NPROC)[1],) * 2)
for _folder in ("/kaggle/working", "/dev/shm"):
    for _each in os.scandir(_folder):
        shutil.rmtree(_each) if _each.is_dir() else os.unlink(_each)
"""


def record() -> dict[str, object]:
    """Run the cells in one kernel, each whatever the others did, with a clean folder for each."""
    new_cell = nbformat.v4.new_code_cell
    cells = [new_cell(_BEFORE)]
    for case in CASES:
        cells += [new_cell(case.source), new_cell(_BETWEEN)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, allow_errors=True, kernel_name="python3").execute()
    records = []
    for case, cell in zip(CASES, notebook.cells[1::2], strict=True):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        sys.stderr.write(f"{case.name}: {errors[-1].ename if errors else 'nothing raised'}\n")
        if errors:
            text = _ESCAPE.sub("", "\n".join(errors[-1].traceback))
            for home in (sys.base_prefix, sys.base_prefix.replace("/root/", "~/")):
                text = text.replace(home, "/usr")
            records.append(
                {
                    "name": case.name,
                    "error_name": errors[-1].ename,
                    "error_value": errors[-1].evalue[:4000],
                    "traceback": text[-16000:],
                }
            )
    sys.path += os.environ.get("BORROWED", "").split(":")
    made_with = {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}
    return {"made_with": made_with, "records": records}


if __name__ == "__main__":
    json.dump(record(), sys.stdout, indent=1, ensure_ascii=True)
    sys.stdout.write("\n")

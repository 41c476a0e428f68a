"""The corpus under the real papermill: what Kaggle itself runs decides what the corpus expects.

Source: papermill 2.7.0 in public notebooks of Kaggle, input and output path the same file
(kernels of 2026), read 2026-11.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.corpus.expectation import Expectation, corpus

pytestmark = pytest.mark.kernel

# As Kaggle calls it: from Python, one file in and out, in the working folder. It writes its
# verdict to a file, for a notebook may print anything.
CALL = """
import json, papermill
verdict = {"end": "pass", "cell": None, "error": ""}
try:
    papermill.execute_notebook("__notebook__.ipynb", "__notebook__.ipynb", progress_bar=False)
except papermill.PapermillExecutionError as error:
    verdict = {"end": "fail", "cell": error.cell_index, "error": f"{error.ename}: {error.evalue}"}
except BaseException as error:
    verdict = {"end": "fail", "cell": None, "error": f"{type(error).__name__}: {error}"}
with open("verdict.json", "w") as file:
    json.dump(verdict, file)
"""


def _cases() -> list[Expectation]:
    """The notebooks that may run outside a sandbox."""
    return [expected for expected in corpus() if expected.papermill is not None]


@pytest.mark.parametrize("expected", _cases(), ids=lambda expected: expected.name)
def test_papermill_agrees(expected: Expectation, test_mirror: Path, tmp_path: Path) -> None:
    python = test_mirror / "bin" / "python"
    shutil.copy(expected.notebook, tmp_path / "__notebook__.ipynb")
    done = subprocess.run(
        [str(python), "-c", CALL],
        cwd=tmp_path,
        env={"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (tmp_path / "verdict.json").exists(), done.stderr.decode(errors="replace")
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert (verdict["end"], verdict["cell"]) == (expected.papermill, expected.papermill_cell), (
        f"{expected.purpose}\n{verdict['error'][:500]}"
    )

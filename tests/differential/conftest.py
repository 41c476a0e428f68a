"""The same notebook under the runner and under the real papermill, in one environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.kernel.conftest import environment_folder
from tests.kernel.driver import Ran, Runner, unprivileged_user

# Input and output path the same file, from Python and not by papermill's command: as Kaggle does.
# Source: papermill metadata and logs of public notebooks, read 2026-11.
PAPERMILL = """
import json, papermill
verdict = {"passed": True, "cell": None, "error": None}
try:
    papermill.execute_notebook("__notebook__.ipynb", "__notebook__.ipynb", progress_bar=False)
except papermill.PapermillExecutionError as error:
    verdict = {"passed": False, "cell": error.cell_index, "error": error.ename}
except BaseException as error:
    verdict = {"passed": False, "cell": None, "error": type(error).__name__}
with open("verdict.json", "w") as file:
    json.dump(verdict, file)
"""


@dataclass(frozen=True, kw_only=True)
class Both:
    """What the runner and papermill say.

    Attributes:
        ran: The runner's run.
        passed: Whether papermill passed.
        cell: The cell that papermill blames; None also for a dead kernel and its like.
        error: The exception's name, as papermill has it.
    """

    ran: Ran
    passed: bool
    cell: int | None
    error: str | None


@pytest.fixture(scope="session")
def environment() -> Path:
    """The mirror: it has papermill 2.7.0."""
    return environment_folder("mirror")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may enter too."""
    made = Path(tempfile.mkdtemp(prefix="harness-differential-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def both(environment: Path, folder: Path) -> Callable[[Any], Both]:
    """Run a notebook, or a file's bytes, under both."""

    def run(notebook: Any) -> Both:
        python = environment / "bin" / "python"
        user = unprivileged_user()
        content = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
        working = folder / "papermill"
        working.mkdir()
        (working / "__notebook__.ipynb").write_bytes(content)
        if user is not None:
            for path in (working, working / "__notebook__.ipynb"):
                shutil.chown(path, user, user)
        done = subprocess.run(
            [python, "-c", PAPERMILL],
            cwd=working,
            env={"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(working), "LANG": "C.UTF-8"},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert (working / "verdict.json").exists(), done.stderr.decode(errors="replace")
        verdict = json.loads((working / "verdict.json").read_text())
        return Both(ran=Runner(environment, folder / "runner")(content), **verdict)

    return run

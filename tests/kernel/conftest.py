"""Real kernels from the mirror, and from a second environment with the newest versions.

Both are virtual environments. `HARNESS_TEST_MIRROR` names the first, or the harness's own mirror
is taken; `HARNESS_TEST_NEWEST` names the second, with the newest nbclient, nbconvert,
jupyter_client and ipykernel.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import required_suites
from tests.kernel.driver import Runner


def environment_folder(name: str) -> Path:
    """Return a virtual environment, or skip and say what to set."""
    named = os.environ.get(f"HARNESS_TEST_{name.upper()}")
    if named:
        return Path(named)
    if name == "mirror":
        from harness.engine import mirror  # noqa: PLC0415 - only where it is needed

        found = mirror.locate()
        if found is not None:
            return found.path
        pytest.skip("no mirror: run 'harness mirror', or set HARNESS_TEST_MIRROR to one")
    problem = f"set HARNESS_TEST_{name.upper()} to a virtual environment with the newest nbclient"
    if "kernel" in required_suites():
        pytest.fail(problem, pytrace=False)
    pytest.skip(problem)


@pytest.fixture(scope="session", params=["mirror", "newest"])
def environment(request: pytest.FixtureRequest) -> Path:
    """One virtual environment after the other."""
    return environment_folder(request.param)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may enter too; pytest's own are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="harness-kernel-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(environment: Path, folder: Path) -> Runner:
    """Runs notebooks with the runner."""
    return Runner(environment, folder)

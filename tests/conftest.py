"""What every suite shares: suites that a machine may not serve, and the golden files.

A test marked `docker`, `sandbox`, `kernel`, `root` or `ordinary_user` is skipped where the machine
cannot serve it, with the reason and what to do. HARNESS_REQUIRE=docker,sandbox makes such skips
failures, so that a gate which promises a suite cannot pass without it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness.config.engine import SLIM_IMAGE
from harness.engine import mirror, select
from harness.engine.bubblewrap import program
from harness.errors import HarnessError

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite tests/golden with what the tests got; review the change like code",
    )


def pytest_configure() -> None:
    unknown = required_suites() - PROBLEMS.keys()
    if unknown:
        known = ", ".join(PROBLEMS)
        raise pytest.UsageError(f"HARNESS_REQUIRE: {sorted(unknown)} are none of {known}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot serve, or fail where that was promised."""
    for suite, find_problem in PROBLEMS.items():
        if item.get_closest_marker(suite) is None:
            continue
        problem = find_problem()
        if problem is not None and suite in required_suites():
            pytest.fail(f"HARNESS_REQUIRE has {suite}, but {problem}", pytrace=False)
        if problem is not None:
            pytest.skip(f"{suite}: {problem}")


def required_suites() -> set[str]:
    """Suites whose tests may not be skipped."""
    text = os.environ.get("HARNESS_REQUIRE", "")
    return {name.strip() for name in text.split(",") if name.strip()}


@cache
def _docker_problem() -> str | None:
    host = select.probe_host(Path.cwd())
    if host.docker_problem is not None:
        return f"{host.docker_problem} (start an engine)"
    if SLIM_IMAGE not in host.docker_images:
        return f"there is no image {SLIM_IMAGE} (run 'make image')"
    return None


@cache
def _sandbox_problem() -> str | None:
    try:
        program.probe(program.require())
    except HarnessError as error:
        return f"{error.problem} {error.fix}"
    return _mirror_problem()


def _mirror_problem() -> str | None:
    return None if mirror_folder() else "there is no mirror (run 'harness mirror')"


@cache
def _kernel_problem() -> str | None:
    """These suites run notebooks with no sandbox around them, so root hands them to nobody."""
    folder = mirror_folder()
    if folder is None or os.geteuid() != 0:
        return _mirror_problem()
    try:
        python = folder / "bin" / "python"
        subprocess.run(
            [python, "-c", ""],
            user="nobody",
            group="nogroup",
            extra_groups=[],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return (
            f"this is root, and the user nobody cannot enter {folder} "
            "(run it as an ordinary user, or set HARNESS_TEST_MIRROR)"
        )
    return None


def _root_problem() -> str | None:
    return None if os.geteuid() == 0 else "this is an ordinary user (run it as root)"


def _ordinary_user_problem() -> str | None:
    return None if os.geteuid() != 0 else "this is root (run it as an ordinary user)"


PROBLEMS: dict[str, Callable[[], str | None]] = {
    "docker": _docker_problem,
    "sandbox": _sandbox_problem,
    "kernel": _kernel_problem,
    "root": _root_problem,
    "ordinary_user": _ordinary_user_problem,
}


def mirror_folder() -> Path | None:
    """The mirror that the tests run in: HARNESS_TEST_MIRROR, else the harness's own."""
    named = os.environ.get("HARNESS_TEST_MIRROR")
    if named:
        return Path(named)
    found = mirror.locate()
    return None if found is None else found.path


@pytest.fixture(scope="session")
def test_mirror() -> Path | None:
    """The mirror that the tests run in."""
    return mirror_folder()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with the file of that name under tests/golden, or rewrite the file."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no {path}: run once with --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return compare

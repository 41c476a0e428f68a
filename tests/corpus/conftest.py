"""The corpus's runs, and what was judged wrong as one table at the end of the suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.corpus.expectation import Expectation
from tests.corpus.verification import Verification

_ROWS = pytest.StashKey[list[tuple[str, ...]]]()
Wrong = Callable[[str, Expectation, str, float], None]
_HEAD = ("engine", "notebook", "expected", "got", "seconds")


@pytest.fixture(scope="session")
def wrong(pytestconfig: pytest.Config) -> Wrong:
    """Remembers one wrong verdict: engine, what was expected, what came, seconds it took."""
    rows = pytestconfig.stash.setdefault(_ROWS, [])

    def add(engine: str, expected: Expectation, got: str, seconds: float) -> None:
        wanted = f"{expected.outcome} / {expected.cause} / {expected.cell}"
        rows.append((engine, expected.name, wanted, got, f"{seconds:.1f}"))

    return add


@pytest.fixture(scope="session")
def verification(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    test_mirror: Path | None,
) -> Iterator[Verification]:
    """The runs of this session's tests."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    order = [
        (each.params["engine"], each.params["expected"])
        for each in parameters
        if each is not None and {"engine", "expected"} <= each.params.keys()
    ]
    runs = Verification(order, tmp_path_factory.mktemp("corpus"), test_mirror)
    yield runs
    runs.close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show the table, or say that it is empty."""
    if _ROWS not in config.stash:
        return
    rows = config.stash[_ROWS]
    terminalreporter.section("corpus: wrong verdicts")
    if not rows:
        terminalreporter.write_line("none")
        return
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    for row in [_HEAD, *rows]:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())

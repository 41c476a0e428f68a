"""Collects what was judged wrong, and shows it as one table at the end of the suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.corpus.expectation import Expectation

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

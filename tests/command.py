"""Run the real command line in a process of its own, as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Settings that choose what this machine has; any other HARNESS_… variable of the developer's
# would change what is asked, and so the verdict.
_KEPT = {"HARNESS_MIRROR", "HARNESS_IMAGE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one call of the command ended.

    Attributes:
        code: Exit code; negative for a signal.
        stdout: What it printed for machines.
        stderr: What it printed for people.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The one report on standard output.

        Raises:
            AssertionError: Standard output is anything else than one JSON object.
        """
        try:
            report = json.loads(self.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"standard output is not JSON alone ({error}):\n{self}") from error
        assert isinstance(report, dict), self
        return report

    def __str__(self) -> str:
        """Code and the ends of both streams."""
        return (
            f"exit code {self.code}\n--- stdout\n{self.stdout[-2000:]}\n"
            f"--- stderr\n{self.stderr[-4000:]}"
        )


def command(*arguments: str | Path) -> list[str]:
    """The argument list of `harness ARGUMENTS…` for this interpreter."""
    return [sys.executable, "-m", "harness.cli.main", *map(str, arguments)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a call: ours, without settings that would change what is asked."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith("HARNESS_")
    }
    return ours | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | dict(extra or {})


def harness(
    *arguments: str | Path,
    cwd: Path,
    extra: Mapping[str, str] | None = None,
    timeout_s: float = 240.0,
) -> Ended:
    """Call `harness ARGUMENTS…` in a folder and wait for its end."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(
        code=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )


def attach_flags(handles: Sequence[str]) -> list[str]:
    """`--attach HANDLE` for each handle."""
    return [word for handle in handles for word in ("--attach", handle)]

"""Measuring programs in pairs: A B A B, so that a machine that slows down slows both."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Seconds of two programs that were run in turns.

    Attributes:
        ours: Of the first, in the order they were measured.
        theirs: Of the second, likewise.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ours_s(self) -> float:
        """Median of the first."""
        return statistics.median(self.ours)

    @property
    def theirs_s(self) -> float:
        """Median of the second."""
        return statistics.median(self.theirs)

    @property
    def ratio(self) -> float:
        """Median of the ratios within the pairs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """Least and greatest ratio of a pair."""
        ratios = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        return min(ratios), max(ratios)


def in_pairs(ours: Callable[[], float], theirs: Callable[[], float], count: int) -> Pairs:
    """Measure both in turns, after one unmeasured run of each that fills the caches.

    Args:
        ours: Runs the first once and returns its seconds.
        theirs: Runs the second once.
        count: How many pairs.
    """
    ours()
    theirs()
    measured = [(ours(), theirs()) for _ in range(count)]
    return Pairs(ours=tuple(a for a, _ in measured), theirs=tuple(b for _, b in measured))


def seconds(
    command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str] | None = None
) -> float:
    """Run a program to its end and return its wall time in seconds.

    Raises:
        RuntimeError: It ended with another code than 0: a failed run is no measurement.
    """
    argv = [str(part) for part in command]
    began = time.perf_counter()
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=dict(os.environ if environment is None else environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:].decode(errors="replace")
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{said}")
    return took


def peak_resident_bytes(command: Sequence[str | Path], *, cwd: Path) -> int:
    """Run a program and return the highest resident memory of that process alone.

    The kernel's own high-water mark is read while it lives: `getrusage` would count the
    children that it waited for as well.
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]) * 1024)
        time.sleep(0.01)
    return peak

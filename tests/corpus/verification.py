"""Runs the corpus through the real command line, two notebooks at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.command import Ended, attach_flags, harness
from tests.corpus.expectation import INPUTS, Expectation

SIDE_BY_SIDE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How one notebook ended.

    Attributes:
        ended: The command's end.
        seconds: Wall time of the command.
        runs: Folder of its run.
    """

    ended: Ended
    seconds: float
    runs: Path


class Verification:
    """The runs of a session, in the order of its tests.

    Most of a run is waiting, so the next notebook runs while the one that is asked for does.
    """

    def __init__(
        self, order: Sequence[tuple[str, Expectation]], folder: Path, mirror: Path | None
    ) -> None:
        """Make it.

        Args:
            order: Engine and notebook of each test that will ask.
            folder: Empty; each run gets a folder in it.
            mirror: The mirror to run in; None leaves the choice to the harness.
        """
        self._order = list(order)
        self._folder = folder
        self._mirror = mirror
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._started: dict[tuple[str, str], Future[Verified]] = {}

    def of(self, engine: str, expected: Expectation) -> Verified:
        """Run a notebook, or wait for its run, and let the next ones of the engine begin."""
        place = self._order.index((engine, expected))
        for next_engine, following in self._order[place : place + SIDE_BY_SIDE]:
            key = (next_engine, following.name)
            if next_engine == engine and key not in self._started:
                self._started[key] = self._pool.submit(self._run, engine, following)
        return self._started[engine, expected.name].result()

    def close(self) -> None:
        """Start nothing more, and wait for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, engine: str, expected: Expectation) -> Verified:
        folder = self._folder / f"{engine}-{expected.name}"
        nothing, runs = folder / "no-inputs", folder / "runs"
        nothing.mkdir(parents=True)
        began = time.perf_counter()
        ended = harness(
            *("verify", expected.notebook, "--engine", engine, "--format", "json"),
            *("--inputs", INPUTS if expected.attach else nothing, "--runs", runs),
            *("--profile", "cpu", "--time-limit", "30s"),
            *attach_flags(expected.attach),
            *expected.options,
            cwd=folder,
            extra={"CORPUS_CANARY": "of-the-host", "HARNESS_MIRROR": str(self._mirror or "")},
        )
        return Verified(ended=ended, seconds=time.perf_counter() - began, runs=runs)

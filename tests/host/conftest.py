"""A place of its own for each test: what a run leaves can then be told from what was there."""

from __future__ import annotations

import json
import secrets
import subprocess
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.command import Ended, command, environment, harness
from tests.host.machine import Traces, look, wait_until_as_before


@dataclass(slots=True, kw_only=True)
class Place:
    """Folders, environment and calls of one test.

    Attributes:
        folder: Everything of the test is below it.
        word: A number that is an argument of what the notebooks of this test start.
        extra: Variables for the harness's own folders.
        before: The machine before the test.
        started: Calls that may still run; ended with the test.
    """

    folder: Path
    word: str
    extra: dict[str, str]
    before: Traces
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def runs(self) -> Path:
        """Folder of the runs."""
        return self.folder / "runs"

    @property
    def _watched(self) -> tuple[Path, ...]:
        return self.runs, self.folder / "tmp", self.folder / "cache"

    def notebook(self, name: str, *cells: str) -> Path:
        """Write a notebook of code cells. `WORD` in a cell becomes this test's number."""
        code = [
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": textwrap.dedent(cell).strip().replace("WORD", self.word),
            }
            for cell in cells
        ]
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        path = self.folder / f"{name}.ipynb"
        path.write_text(
            json.dumps(
                {
                    "cells": code,
                    "metadata": {"kernelspec": kernel},
                    "nbformat": 4,
                    "nbformat_minor": 4,
                }
            )
        )
        return path

    def arguments(self, *words: str | Path) -> list[str]:
        """`verify` with this test's folders, and more words."""
        inputs = self.folder / "inputs"
        inputs.mkdir(exist_ok=True)
        common = ("--runs", self.runs, "--inputs", inputs, "--profile", "cpu")
        return ["verify", *map(str, common), "--time-limit", "60s", *map(str, words)]

    def verify(self, *words: str | Path, extra: dict[str, str] | None = None) -> Ended:
        """Call `harness verify` and wait for its end."""
        return harness(*self.arguments(*words), cwd=self.folder, extra=self.extra | (extra or {}))

    def doctor(self, *words: str) -> Ended:
        """Call `harness doctor` and wait for its end."""
        return harness("doctor", *words, cwd=self.folder, extra=self.extra)

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start `harness verify` in a session of its own and leave it running."""
        with (
            (self.folder / "stdout").open("wb") as stdout,
            (self.folder / "stderr").open("wb") as stderr,
        ):
            process = subprocess.Popen(
                command(*self.arguments(*words)),
                cwd=self.folder,
                env=environment(self.extra),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def wait_for_word(self, *, timeout_s: float = 60.0) -> None:
        """Wait until the notebook of this test has started its process."""
        end = time.monotonic() + timeout_s
        while not look((self.word,), ()).processes:
            said = (self.folder / "stderr").read_text()
            assert time.monotonic() < end, f"the notebook's process never came\n{said}"
            assert self.started[-1].poll() is None, f"the harness ended early\n{said}"
            time.sleep(0.02)

    def left(self) -> dict[str, list[str]]:
        """What is still there, ten seconds later, that was not before the test."""
        words = (self.word, str(self.folder))
        return wait_until_as_before(self.before, words, self._watched)


@pytest.fixture
def place(tmp_path: Path, test_mirror: Path | None) -> Iterator[Place]:
    """A place; at its end every process that is left of the test is ended."""
    for name in ("tmp", "cache", "runs"):
        (tmp_path / name).mkdir()
    extra = {"TMPDIR": str(tmp_path / "tmp"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    if test_mirror is not None:  # it lies in the cache, which is another one now
        extra["HARNESS_MIRROR"] = str(test_mirror)
    word = f"86400.{secrets.randbelow(10**9):09d}"
    watched = (tmp_path / "runs", tmp_path / "tmp", tmp_path / "cache")
    it = Place(folder=tmp_path, word=word, extra=extra, before=look((word, str(tmp_path)), watched))
    yield it
    for process in it.started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.sandbox),
        pytest.param("docker", marks=pytest.mark.docker),
    ]
)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)

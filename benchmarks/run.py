"""Measure what the harness costs, and write docs/benchmarks.md.

    python benchmarks/run.py [--pairs 9] [--only empty,limit]

Every row with a competitor is measured in pairs within one run. Rows that this machine cannot
measure say why. Let nothing else run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure
import page
import psutil
import sources

from harness.engine import mirror

ROOT = Path(__file__).parents[1]
IMAGE = "kaggle-harness:slim"
PAGE = ROOT / "docs" / "benchmarks.md"
DEMO = ROOT / "notebooks" / "submit.ipynb"
GIB = 2**30
_LIMIT_S, _GRACE_S = 3, 2


class NotMeasurableError(Exception):
    """This machine cannot measure a row; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where things are measured.

    Attributes:
        folder: An empty folder for everything.
        mirror: The mirror's virtual environment.
        pairs: How many pairs to measure.
    """

    folder: Path
    mirror: Path
    pairs: int

    def verify(self, notebook: Path, engine: str, *options: str | Path) -> list[str]:
        """The command `harness verify NOTEBOOK`."""
        nothing = self.folder / "nothing"
        nothing.mkdir(exist_ok=True)
        words: list[str | Path] = [
            *(sys.executable, "-m", "harness.cli.main", "verify", notebook, "--engine", engine),
            *("--profile", "cpu", "--runs", self.folder / "runs", "--format", "json"),
        ]
        if "--inputs" not in options:
            words += ["--inputs", nothing]
        return [str(word) for word in (*words, *options)]

    def nbconvert(self, notebook: Path) -> list[str]:
        """The command `jupyter nbconvert --execute` of the mirror."""
        jupyter = self.mirror / "bin" / "python"
        out = self.folder / "executed.ipynb"
        return [
            *(str(jupyter), "-m", "nbconvert", "--to", "notebook", "--execute", str(notebook)),
            *("--output", str(out)),
        ]

    def nbconvert_in_docker(self, notebook: Path) -> list[str]:
        """The same in a container of the same image."""
        return [
            *("docker", "run", "--rm", "--network", "none", "--volume", f"{self.folder}:/work"),
            *("--workdir", "/work", IMAGE, "/opt/mirror/bin/python", "-m", "nbconvert"),
            *("--to", "notebook", "--execute", notebook.name, "--output", "executed.ipynb"),
        ]

    def papermill(self, notebook: Path) -> list[str]:
        """The command `papermill` of the mirror."""
        out = self.folder / "executed.ipynb"
        python = self.mirror / "bin" / "python"
        return [str(python), "-m", "papermill", "--no-progress-bar", str(notebook), str(out)]

    def compare(self, ours: list[str], theirs: list[str]) -> measure.Pairs:
        """Measure two commands in pairs."""
        return measure.in_pairs(
            lambda: measure.seconds(ours, cwd=self.folder),
            lambda: measure.seconds(theirs, cwd=self.folder),
            self.pairs,
        )


def _ratio_row(what: str, against: str, at_most: float, pairs: measure.Pairs) -> page.Row:
    low, high = pairs.spread
    return page.Row(
        what=what,
        against=against,
        measured=f"{pairs.ours_s:.2f} s : {pairs.theirs_s:.2f} s = **{pairs.ratio:.2f} x** "
        f"({low:.2f} to {high:.2f}, {len(pairs.ours)} pairs)",
        at_most=f"{at_most:g} x",
        kept=pairs.ratio <= at_most,
    )


def empty_bubblewrap(bench: Bench) -> page.Row:
    """An empty notebook in the sandbox, against nbconvert."""
    empty = sources.write(bench.folder / "empty.ipynb", [])
    pairs = bench.compare(bench.verify(empty, "bubblewrap"), bench.nbconvert(empty))
    return _ratio_row("empty notebook, bubblewrap", "nbconvert in the same mirror", 1.2, pairs)


def empty_docker(bench: Bench) -> page.Row:
    """An empty notebook in a container, against nbconvert in one."""
    _require_docker()
    empty = sources.write(bench.folder / "empty.ipynb", [])
    pairs = bench.compare(bench.verify(empty, "docker"), bench.nbconvert_in_docker(empty))
    return _ratio_row("empty notebook, Docker", "`docker run` of nbconvert", 1.2, pairs)


def many_cells(bench: Bench) -> page.Row:
    """500 trivial cells, against nbconvert; papermill beside it."""
    many = sources.write(bench.folder / "many.ipynb", [f"x = {n}" for n in range(500)])
    pairs = bench.compare(bench.verify(many, "bubblewrap"), bench.nbconvert(many))
    beside = measure.seconds(bench.papermill(many), cwd=bench.folder)
    against = f"nbconvert (papermill: {beside:.1f} s)"
    return _ratio_row("500 trivial cells, bubblewrap", against, 1.05, pairs)


def demo(bench: Bench) -> page.Row:
    """The demo with a real BERT, against nbconvert."""
    inputs = ROOT / "inputs"
    if not list(inputs.glob("models/*/*/*/*/*/*")):
        raise NotMeasurableError("the demo's model is not staged: run 'harness stage'")
    rewritten = sources.with_paths(
        DEMO, bench.folder / "demo.ipynb", {"/kaggle/input": str(inputs)}
    )
    ours = bench.verify(DEMO, "bubblewrap", "--inputs", inputs)
    pairs = bench.compare(ours, bench.nbconvert(rewritten))
    return _ratio_row("the MiniLM notebook, bubblewrap", "nbconvert", 1.05, pairs)


def delay_after_limit(bench: Bench, engine: str) -> page.Row:
    """From limit and grace to the end of every process, seen from outside.

    The clock starts with the command, so the start-up counts against us.
    """
    delays = []
    for _ in range(3):
        word = f"86400.{secrets.randbelow(10**9):09d}"
        notebook = sources.write(
            bench.folder / "stubborn.ipynb", [sources.STUBBORN.replace("WORD", word)]
        )
        options = ("--time-limit", f"{_LIMIT_S}s", "--grace", f"{_GRACE_S}s")
        began = time.perf_counter()
        process = subprocess.Popen(
            bench.verify(notebook, engine, *options),
            cwd=bench.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not _alive(word):
            if process.poll() is not None:
                raise RuntimeError("the run ended before its processes were seen")
            time.sleep(0.02)
        while _alive(word):
            time.sleep(0.02)
        delays.append(time.perf_counter() - began - _LIMIT_S - _GRACE_S)
        process.wait()
    delay = statistics.median(delays)
    return page.Row(
        what=f"from the time limit and its grace to every process gone, {engine}",
        against="-",
        measured=f"**{delay:.2f} s** (start-up included, {len(delays)} runs)",
        at_most="1 s",
        kept=delay <= 1,
    )


def memory_figure(bench: Bench, engine: str) -> page.Row:
    """The peak of a notebook that allocates 1 GiB, less the peak of one that does not."""
    peaks = []
    for name, cell in (("gib", sources.ONE_GIB), ("pause", sources.PAUSE)):
        notebook = sources.write(bench.folder / f"{name}.ipynb", [cell])
        done = subprocess.run(
            bench.verify(notebook, engine), cwd=bench.folder, capture_output=True, check=True
        )
        peaks.append(json.loads(done.stdout)["usage"]["peak_memory_bytes"])
    off = (peaks[0] - peaks[1]) / GIB - 1
    return page.Row(
        what=f"memory figure, {engine}",
        against="an allocation of 1 GiB",
        measured=f"**{off * 100:+.2f} %**",
        at_most="3 % off",
        kept=abs(off) <= 0.03,
    )


def harness_memory(bench: Bench, engine: str) -> page.Row:
    """Resident memory of the harness's own process."""
    cells = [f"print({n}, 'x' * 1000)" for n in range(200)]
    notebook = sources.write(bench.folder / "talk.ipynb", cells)
    peak = measure.peak_resident_bytes(bench.verify(notebook, engine), cwd=bench.folder)
    return page.Row(
        what=f"resident memory of the harness's process, {engine}",
        against="-",
        measured=f"**{peak / 10**6:.0f} MB**",
        at_most="80 MB",
        kept=peak <= 80 * 10**6,
    )


def _with_docker(row: Callable[[Bench, str], page.Row]) -> Callable[[Bench], page.Row]:
    def measured(bench: Bench) -> page.Row:
        _require_docker()
        return row(bench, "docker")

    return measured


def _with_bubblewrap(row: Callable[[Bench, str], page.Row]) -> Callable[[Bench], page.Row]:
    return lambda bench: row(bench, "bubblewrap")


ROWS: dict[str, Callable[[Bench], page.Row]] = {
    "empty": empty_bubblewrap,
    "empty-docker": empty_docker,
    "many": many_cells,
    "demo": demo,
    "limit": _with_bubblewrap(delay_after_limit),
    "limit-docker": _with_docker(delay_after_limit),
    "memory": _with_bubblewrap(memory_figure),
    "memory-docker": _with_docker(memory_figure),
    "resident": _with_bubblewrap(harness_memory),
    "resident-docker": _with_docker(harness_memory),
}


def _alive(word: str) -> bool:
    return any(word in (each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))


def _require_docker() -> None:
    if shutil.which("docker") is None:
        raise NotMeasurableError("there is no docker program")
    done = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if done.returncode != 0:
        raise NotMeasurableError(f"no engine answers, or it has no image {IMAGE}: run 'make image'")


def main() -> int:
    """Measure the chosen rows, print them and write the page."""
    parser = argparse.ArgumentParser(description="Measure what the harness costs.")
    parser.add_argument("--pairs", type=int, default=9, help="pairs a row (default 9)")
    parser.add_argument("--only", help=f"rows, and write no page: {', '.join(ROWS)}")
    chosen = parser.parse_args()

    found = mirror.locate()
    if found is None:
        print("There is no mirror: run 'harness mirror' first.", file=sys.stderr)
        return 3
    rows: list[page.Row] = []
    with tempfile.TemporaryDirectory(prefix="harness-benchmarks-") as folder:
        bench = Bench(folder=Path(folder), mirror=found.path, pairs=chosen.pairs)
        for name in chosen.only.split(",") if chosen.only else ROWS:
            try:
                row = ROWS[name](bench)
            except NotMeasurableError as reason:
                row = page.Row(what=name, against="-", measured=f"not measured: {reason}")
            print(page.line(row), flush=True)
            rows.append(row)
    if not chosen.only:
        PAGE.write_text(page.render(rows, page.machine(found.path)), encoding="utf-8")
    return 0 if all(row.kept is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

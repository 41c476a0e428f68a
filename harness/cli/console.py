"""What a person sees. The only file that knows rich.

Standard output gets the answer (verdict, or JSON); standard error gets the way there: which
engine, warnings, and a line a cell. Text that comes from a notebook is stripped of escape
sequences and is never read as rich's markup.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from harness.config import Resolved
from harness.events import Event, RunnerStarted
from harness.result import RunResult
from harness.spec import RunSpec
from harness.text import one_line, plain
from harness.units import format_duration, format_size

if TYPE_CHECKING:
    # rich takes 40 ms to import, which a run hides behind the start of the kernel.
    import rich.console
    import rich.table

    from harness.cli.progress import Progress

_LONGEST_LINE = 2000


class Console:
    """The two streams of one call of the command line. Its methods may be called by threads."""

    def __init__(
        self,
        *,
        json_mode: bool,
        several: bool,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        """Make a console.

        Args:
            json_mode: Standard output is for JSON alone.
            several: Several notebooks run, so each line says which.
            out: Standard output by default.
            err: Standard error by default.
        """
        self.json_mode = json_mode
        self._several = several
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._lock = threading.Lock()

    def before(self, resolved: Resolved) -> None:
        """Say which engine was taken and why, then the warnings."""
        prefix = self._prefix(resolved.spec)
        self.note(prefix + resolved.engine_reason)
        for warning in resolved.warnings:
            self.note(f"{prefix}Warning: {warning}")

    def note(self, text: str) -> None:
        """Write a line to standard error."""
        with self._lock:
            self._err.write(one_line(text, most=_LONGEST_LINE) + "\n")
            self._err.flush()

    def progress(self, spec: RunSpec) -> Callable[[Event], None]:
        """Make the listener that shows a run's cells as they go."""
        from harness.cli.progress import Progress  # noqa: PLC0415 - only a run needs it

        live = not self._several and _is_terminal(self._err) and not self.json_mode
        shown = Progress(name=one_line(spec.notebook.name), prefix=self._prefix(spec))

        def listen(event: Event) -> None:
            if isinstance(event, RunnerStarted):
                import rich.table  # noqa: F401, PLC0415 - while the kernel starts, nobody waits
            self._show(shown, event, live=live)

        return listen

    def _show(self, shown: Progress, event: Event, *, live: bool) -> None:
        lines = shown.lines(event)
        status = shown.status(event) if live else None
        if not lines and status is None:
            return
        with self._lock:
            if live:
                self._err.write("\r\x1b[K")
            for line in lines:
                self._err.write(line + "\n")
            if status is not None:
                self._err.write(status)
            self._err.flush()

    def verdict(self, spec: RunSpec, result: RunResult) -> None:
        """Write the verdict with all its reasons; the last line is the next step."""
        if self.json_mode:
            self.note(f"{self._prefix(spec)}{result.verdict.outcome.value}")
            return
        with self._lock:
            self._write_verdict(spec, result)

    def overview(self, results: Sequence[tuple[RunSpec, RunResult]]) -> None:
        """Write one line for each of several runs."""
        rows = [
            (
                one_line(spec.notebook.name),
                result.verdict.outcome.value,
                result.verdict.cause.value,
                "" if result.verdict.cell is None else str(result.verdict.cell),
                format_duration(result.usage.wall_time_s),
            )
            for spec, result in results
        ]
        passed = sum(result.verdict.outcome.passed for _, result in results)
        self.table(("notebook", "outcome", "cause", "cell", "time"), rows)
        self.line(f"{passed} of {len(results)} passed.")

    def records(self, records: Sequence[str]) -> None:
        """Write report.json of one run, or of several as `{"runs": [...]}`."""
        if self._several:
            self._out.write(
                '{"runs": [\n' + ",\n".join(each.strip() for each in records) + "\n]}\n"
            )
        else:
            self._out.write(records[0].strip() + "\n")
        self._out.flush()

    def line(self, text: str, *, style: str = "") -> None:
        """Write a line to standard output; foreign text in it cannot act."""
        from rich.text import Text  # noqa: PLC0415 - see above

        console = self._rich()
        console.print(Text(one_line(text, most=_LONGEST_LINE), style=style), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table to standard output; a cell that does not fit is folded, not cut."""
        from rich import box  # noqa: PLC0415 - see above
        from rich.table import Table  # noqa: PLC0415 - see above
        from rich.text import Text  # noqa: PLC0415 - see above

        table = Table(box=box.SIMPLE_HEAD if self._has_unicode() else box.ASCII2, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        self._rich().print(table)

    def text(self, text: str) -> None:
        """Write text of our own to standard output as it is."""
        self._out.write(text)
        self._out.flush()

    def _write_verdict(self, spec: RunSpec, result: RunResult) -> None:
        verdict = result.verdict
        self.line("")
        style = "bold green" if verdict.outcome.passed else "bold red"
        self.line(f"{verdict.outcome.value}: {spec.notebook.name}", style=style)
        cell = "" if verdict.cell is None else f", cell {verdict.cell} (from 0 over all cells)"
        if verdict.cause.value != "none":
            self.line(f"Cause: {verdict.cause.value}{cell}")
        self.line(verdict.summary)
        if verdict.kaggle_message:
            self.line(f'Kaggle would say: "{verdict.kaggle_message}"')
        self._list("Evidence", verdict.evidence)
        self._list("Look at", verdict.warnings)
        if result.limits:
            rows = [
                (each.name, each.allowed, each.how.value, each.mechanism) for each in result.limits
            ]
            self.table(("limit", "allowed", "how", "by"), rows)
        self._list("Differs from Kaggle", spec.fidelity)
        self.line(f"Used: {usage_line(spec, result)}")
        if result.run_folder is not None:
            self.line(f"Report: {result.run_folder / 'report.json'}")
        self.line(f"Next: {next_step(spec, result)}", style="bold")

    def _list(self, title: str, items: Sequence[str]) -> None:
        if items:
            self.line(f"{title}:")
        for item in items:
            self.line(f"  - {one_line(item, most=_LONGEST_LINE)}")

    def _prefix(self, spec: RunSpec) -> str:
        return f"{one_line(spec.notebook.name)}: " if self._several else ""

    def _has_unicode(self) -> bool:
        return "utf" in (getattr(self._out, "encoding", None) or "").casefold()

    def _rich(self) -> rich.console.Console:
        from rich.console import Console as RichConsole  # noqa: PLC0415 - see above

        terminal = _is_terminal(self._out)
        return RichConsole(
            file=self._out,
            force_terminal=terminal,
            color_system="auto" if terminal else None,
            no_color=not terminal,
            markup=False,
            highlight=False,
            emoji=False,
            width=None if terminal else 120,
        )


def usage_line(spec: RunSpec, result: RunResult) -> str:
    """Say what a run used of what it had; what was not measured is left out."""
    usage, limits = result.usage, spec.limits
    parts = [f"{format_duration(usage.wall_time_s)} of {format_duration(limits.wall_time_s)}"]
    if usage.cpu_time_s is not None:
        parts.append(f"{format_duration(usage.cpu_time_s)} of CPU time")
    if usage.peak_memory_bytes is not None:
        peak = format_size(usage.peak_memory_bytes)
        parts.append(f"peak memory {peak} of {format_size(limits.memory_bytes)}")
    if usage.peak_disk_bytes is not None:
        peak = format_size(usage.peak_disk_bytes)
        parts.append(f"working disk {peak} of {format_size(limits.disk_bytes)}")
    return ", ".join(parts) + "."


def next_step(spec: RunSpec, result: RunResult) -> str:
    """Say the one thing to do now."""
    if result.verdict.advice:
        return result.verdict.advice
    if result.verdict.outcome.passed:
        where = spec.notebook.parent
        if (where / "kernel-metadata.json").is_file():
            return f"submit it: kaggle kernels push -p {where}"
        return "submit it, with the same sources attached."
    folder = result.run_folder
    return f"open {folder / '__results__.html'}" if folder else "run 'harness doctor'."


def _is_terminal(stream: TextIO) -> bool:
    """Whether escape sequences may be written: a terminal, and neither NO_COLOR nor `dumb`."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except ValueError:
        return False

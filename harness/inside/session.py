"""The cells, one after the other, and what came of each."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import traceback
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from harness.events import CellFinished, CellStarted, RunnerFinished
from harness.inside import papermill, render
from harness.inside.connection import KernelConnection
from harness.inside.execution import CellRunner, KernelSpeechError
from harness.inside.log import Log
from harness.inside.outputs import OutputBudget, is_forgiven
from harness.inside.reading import Notebook
from harness.inside.sealing import seal_imports
from harness.inside.writer import NotebookWriter

if TYPE_CHECKING:
    from harness.inside.run import Run

_START_S = 120.0
_AFTER_ERROR_S = 5.0
_SHUTDOWN_HALF_S = 2.5
_AUTOSAVE_S = 15.0
_Result = TypeVar("_Result")


class KernelNeverReadyError(Exception):
    """The kernel ended, or kept silent, before any code of the notebook ran: not its fault."""


class Session:
    """The kernel's conversation, from its first answer to its shutdown."""

    def __init__(self, run: Run, notebook: Notebook, log: Log) -> None:
        self._run = run
        self._notebook = notebook
        self._log = log
        self._writer = NotebookWriter(notebook, run.job.out / render.NOTEBOOK)
        self._budget = OutputBudget(
            run.job.output_bytes,
            is_captured=self._is_captured,
            when_cut=run.output_cut,
        )
        self._connection: KernelConnection
        self._cells: CellRunner
        self._has_raised = False

    def _is_captured(self, request: str) -> bool:
        return self._cells.is_captured(request)

    async def run(self) -> RunnerFinished:
        """Run all cells.

        Returns:
            The last event, without what is measured at the very end.

        Raises:
            KernelNeverReadyError: The kernel did not start.
        """
        self._connection = KernelConnection(self._run.kernel.connection, self._budget.admit)
        self._cells = CellRunner(self._notebook, self._connection, self._budget, self._log)
        loop = asyncio.get_running_loop()
        gone = self._cells.kernel_gone

        def tell_loop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(gone.set)

        self._run.kernel.when_exited(tell_loop)
        try:
            reply = await self._unless_gone(self._connection.wait_until_ready(), _START_S)
        except DeadKernelError as error:
            if self._run.progress.stopped_by is not None:
                return self._stopped()
            raise KernelNeverReadyError(
                f"the kernel did not start: exit {self._run.kernel.exit}\n"
                + self._run.kernel.stderr_tail(4_000)
            ) from error
        self._notebook.metadata["language_info"] = reply["content"].get("language_info", {})
        seal_imports()
        self._run.kernel.note_ready()
        self._run.progress.is_ready = True
        autosave = asyncio.ensure_future(self._autosave())
        try:
            return await self._run_cells()
        finally:
            autosave.cancel()

    async def _run_cells(self) -> RunnerFinished:
        raised: int | None = None
        for index, cell in enumerate(self._notebook.cells):
            if cell.cell_type != "code":
                continue
            if papermill.is_skipped(cell):
                self._send_finished(index, "skipped")
                continue
            ended = await self._run_cell(index)
            if self._run.progress.stopped_by is not None:
                return self._stopped(index)
            if ended is not None:
                return ended
            if self._has_raised:
                raised = index
                break
        try:
            # papermill asks once more, so a kernel that died meanwhile fails the run.
            patience = None if raised is None else _AFTER_ERROR_S
            request = self._connection.request_info()
            await self._unless_gone(self._connection.wait_for_reply(request), patience)
        except DeadKernelError:
            if self._run.progress.stopped_by is not None:
                return self._stopped()
            if self._run.kernel.exited.is_set():
                return self._died()
        self._cells.set_widgets_metadata()
        return self._judged(raised)

    async def _run_cell(self, index: int) -> RunnerFinished | None:
        """Run a cell and report it; return the end of the run if nothing can follow it."""
        progress, channel = self._run.progress, self._run.channel
        progress.started_s = channel.now_s
        progress.cell = index
        channel.send(CellStarted(time_s=progress.started_s, cell=index))
        try:
            await self._cells.run_cell(index)
        except CellExecutionError as error:
            self._has_raised = True
            status = "exited" if is_forgiven(error.ename, error.evalue) else "error"
            self._send_finished(index, status)
        except DeadKernelError:
            ended = self._died()
            self._send_finished(index, "stopped")
            return ended
        except (KernelSpeechError, CellTimeoutError) as error:
            self._send_finished(index, "error", error)
            return self._broken(index, error)
        else:
            self._send_finished(index, "error" if self._reply_failed() else "ok")
        finally:
            self._writer.cell_changed(index)
            progress.cell = None
        return None

    def _reply_failed(self) -> bool:
        reply = self._cells.reply
        return reply is not None and reply["content"]["status"] == "error"

    def _send_finished(self, index: int, status: str, error: Exception | None = None) -> None:
        now_s = self._run.channel.now_s
        reply = self._cells.reply
        content = {} if status == "skipped" or reply is None else reply["content"]
        name, value = content.get("ename"), content.get("evalue")
        if error is not None:
            name, value = type(error).__name__, str(error)
        if self._run.progress.stopped_by is not None and status != "skipped":
            status = "stopped"
        count = self._notebook.cells[index].get("execution_count")
        self._run.channel.send(
            CellFinished(
                time_s=now_s,
                cell=index,
                status=status,
                wall_time_s=0.0
                if status == "skipped"
                else round(now_s - self._run.progress.started_s, 6),
                execution_count=count if isinstance(count, int) else None,
                error_name=None if name is None else papermill.plain(str(name))[:200],
                error_value=None if value is None else papermill.plain(str(value))[:4000],
            )
        )

    def _judged(self, raised: int | None) -> RunnerFinished:
        reply = {} if self._cells.reply is None else self._cells.reply["content"]
        blame = papermill.blame(self._notebook.cells, raised, reply)
        if blame is None:
            return RunnerFinished(time_s=0.0, status="completed")
        return self._failed(blame)

    def _failed(self, blame: papermill.Blame) -> RunnerFinished:
        count = self._notebook.cells[blame.cell].get("execution_count")
        self._log.write(
            "stderr",
            f"papermill.exceptions.PapermillExecutionError: \n{75 * '-'}\n"
            f'Exception encountered at "In [{count}]":\n{blame.traceback}\n',
        )
        return RunnerFinished(
            time_s=0.0,
            status="failed",
            cell=blame.cell,
            error_name=blame.name,
            error_value=blame.value,
            traceback=blame.traceback,
        )

    def _broken(self, index: int, error: Exception) -> RunnerFinished:
        lines = traceback.format_exception_only(type(error), error)
        return self._failed(papermill.blame_for(index, type(error).__name__, str(error), lines))

    def _died(self) -> RunnerFinished:
        self._run.kernel_died()
        if self._run.progress.stopped_by is not None:
            return self._stopped(self._run.progress.cell)
        self._log.write("stderr", "nbclient.exceptions.DeadKernelError: Kernel died\n")
        return RunnerFinished(
            time_s=0.0,
            status="failed",
            cell=self._run.progress.cell,
            error_name="DeadKernelError",
            error_value="Kernel died",
        )

    def _stopped(self, cell: int | None = None) -> RunnerFinished:
        return RunnerFinished(time_s=0.0, status="stopped", cell=cell)

    async def _unless_gone(self, awaitable: Awaitable[_Result], timeout_s: float | None) -> _Result:
        """Wait for something, but not longer than the kernel lives.

        Raises:
            DeadKernelError: It ended first, or the time was up.
        """
        wanted = asyncio.ensure_future(awaitable)
        gone = asyncio.ensure_future(self._cells.kernel_gone.wait())
        await asyncio.wait({wanted, gone}, timeout=timeout_s, return_when="FIRST_COMPLETED")
        gone.cancel()
        if wanted.done():
            return wanted.result()
        wanted.cancel()
        raise DeadKernelError("Kernel died")

    async def _autosave(self) -> None:
        """Save what a long cell has printed so far, as papermill does every 30 s."""
        while True:
            await asyncio.sleep(_AUTOSAVE_S)
            if self._run.progress.cell is not None:
                self._cells.settle()
                self._writer.cell_changed(self._run.progress.cell)

    def save(self) -> None:
        """Write the notebook a last time."""
        self._writer.close()

    async def shut_down(self) -> None:
        """Let the kernel end by itself, as jupyter_client does: 2.5 s, SIGTERM, 2.5 s, kill.

        Handlers that the notebook registered with atexit run meanwhile, and may write files.
        """
        self._connection.request_shutdown()
        if not await self._has_ended(_SHUTDOWN_HALF_S):
            self._run.kernel.signal(signal.SIGTERM)
            await self._has_ended(_SHUTDOWN_HALF_S)

    async def _has_ended(self, patience_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._cells.kernel_gone.wait(), patience_s)
        return self._cells.kernel_gone.is_set()

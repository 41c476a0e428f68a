"""Runs the cells on nbclient, with papermill's rules and with deaths noticed at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import (
    CellControlSignal,
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat.v4 import new_output

from harness.inside.connection import KernelConnection
from harness.inside.log import Log
from harness.inside.outputs import OutputBudget
from harness.inside.reading import Notebook

Cell = Any
Message = dict[str, Any]

# papermill fails a run when a cell's outputs do not end 4 s after its reply. Here they are taken
# faster; the margin is for a loaded machine.
_OUTPUT_TIMEOUT_S = 10
# What a kernel said last is still on its way when its process has ended.
_LAST_WORDS_S = 0.15


class KernelSpeechError(Exception):
    """nbclient stumbled over what the kernel sent; papermill fails the run then."""


def quiet_logger() -> logging.Logger:
    """Return a logger that nobody hears: what nbclient reports is in our events."""
    logger = logging.getLogger("harness.inside.nbclient")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


class CellRunner(NotebookClient):  # type: ignore[misc]  # nbclient has no types here
    """nbclient's notebook client on our own connection.

    Works with nbclient 0.5.13, which Kaggle's image has, to 0.11: the methods overridden here are
    the same in both.

    Attributes:
        kernel_gone: Set when the kernel has ended.
        reply: The last execute reply, or None.
    """

    def __init__(
        self, notebook: Notebook, connection: KernelConnection, budget: OutputBudget, log: Log
    ) -> None:
        super().__init__(
            notebook,
            log=quiet_logger(),
            iopub_timeout=_OUTPUT_TIMEOUT_S,
            raise_on_iopub_timeout=True,
        )
        self.kc = connection
        self.kernel_gone = asyncio.Event()
        self.reply: Message | None = None
        self._budget = budget
        self._kaggle_log = log
        self._stream: Cell | None = None
        self._pieces: list[str] = []

    async def run_cell(self, index: int) -> None:
        """Run one code cell to its end.

        Raises:
            CellExecutionError: It failed in a way that stops the notebook.
            DeadKernelError: The kernel ended.
            CellTimeoutError: Its outputs did not come to an end.
            KernelSpeechError: The kernel sent what nbclient cannot digest.
        """
        self.reply = None
        self._budget.begin_cell()
        cell = self.nb.cells[index]
        try:
            await self.async_execute_cell(cell, index)
        except (CellExecutionError, DeadKernelError, CellTimeoutError, KernelSpeechError):
            raise
        except UnicodeEncodeError as error:  # a source with half of a surrogate pair
            raise KernelSpeechError(f"{type(error).__name__}: {error}") from error
        finally:
            self.settle()
            if self._budget.cut:
                note = "\n[The output of this cell is longer than what is kept of it.]\n"
                cell.outputs.append(new_output("stream", name="stderr", text=note))

    def settle(self) -> None:
        """Put the pieces of the stream that is being written together."""
        if self._stream is not None:
            self._stream["text"] = "".join(self._pieces)

    async def _async_poll_kernel_alive(self) -> None:
        await self.kernel_gone.wait()
        await asyncio.sleep(_LAST_WORDS_S)
        self.task_poll_for_reply.cancel()

    async def _check_raise_for_error(
        self, cell: Cell, cell_index: int, exec_reply: Message | None
    ) -> None:
        self.reply = exec_reply
        await super()._check_raise_for_error(cell, cell_index, exec_reply)

    def process_message(self, msg: Message, cell: Cell, cell_index: int) -> Cell | None:
        """Let nbclient take a message; what it cannot digest fails the run, as in papermill."""
        try:
            return super().process_message(msg, cell, cell_index)
        except CellControlSignal:
            raise
        except Exception as error:
            # nbclient and nbformat raise whatever lies near: KeyError, ValidationError, ...
            raise KernelSpeechError(
                f"{msg['msg_type']}: {type(error).__name__}: {error}"
            ) from error

    def output(
        self, outs: list[Cell], msg: Message, display_id: str, cell_index: int
    ) -> Cell | None:
        """Add an output; a stream that goes on is collected in pieces.

        nbclient makes an output of each piece, or joins them one by one, which takes time with
        the square of their number.
        """
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self._kaggle_log.write(str(content["name"]), str(content["text"]))
            if self._goes_on(outs, msg):
                self._pieces.append(str(content["text"]))
                return None
        self.settle()
        self._stream = None
        before = len(outs)
        added = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream" and outs and len(outs) != before:
            self._stream = outs[-1]
            self._pieces = [self._stream["text"]]
        return added

    def _goes_on(self, outs: list[Cell], msg: Message) -> bool:
        return (
            self._stream is not None
            and bool(outs)
            and outs[-1] is self._stream
            and self._stream["name"] == msg["content"]["name"]
            and not self.clear_before_next_output
            and not self.is_captured(msg["parent_header"].get("msg_id", ""))
        )

    def is_captured(self, request: str) -> bool:
        """Whether an Output widget takes the outputs of a request."""
        return bool(self.output_hook_stack.get(request))

"""How much of its output a cell may keep.

A cell that prints for ever must fill neither memory nor disk nor the runner's time, and a
progress bar that redraws itself for hours is none of that. What is over the limit is dropped
before it is parsed. Error outputs are always kept, shortened: they decide about the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.inside.wire import (
    PARSED_BYTES,
    RawMessage,
    outline_error,
    parse_message,
    stream_start,
)

# An output costs memory beyond its text: count it, or a million empty ones would be free.
_OUTPUT_COST = 256
_WHOLE_RUN = 16  # times the limit of one cell
_SMALL_BYTES = 2**20
_ERRORS_KEPT = 1000
_ERROR_CHARACTERS = 100_000
_WIDGET_BYTES = 64 * 2**20

_ADDS_OUTPUT = ("display_data", "execute_result")
_NEVER_KEPT = ("status", "execute_input", "clear_output")

Message = dict[str, Any]


class OutputBudget:
    """Admits the messages of the running cell, as long as it has something left.

    Attributes:
        cut: Whether something of the running cell has been dropped.
    """

    def __init__(
        self,
        cell_bytes: int,
        *,
        is_captured: Callable[[str], bool],
        when_cut: Callable[[int], None],
    ) -> None:
        """Make a budget.

        Args:
            cell_bytes: Limit of one cell; the whole run has sixteen times as much.
            is_captured: Whether an Output widget takes the outputs of this request's id.
            when_cut: Called once a cell with the bytes kept so far.
        """
        self._cell_bytes = cell_bytes
        self._is_captured = is_captured
        self._when_cut = when_cut
        self._spent_before = 0
        self._spent = 0
        self._errors = 0
        self._displays: dict[str, int] = {}
        self._widgets: dict[tuple[str, str], int] = {}
        self._widget_bytes = 0
        self.cut = False

    def begin_cell(self) -> None:
        """Start on the next cell."""
        self._spent_before += self._spent
        self._spent = 0
        self._errors = 0
        self.cut = False

    @property
    def left(self) -> int:
        """Bytes that the running cell may still add."""
        whole_run = self._cell_bytes * _WHOLE_RUN - self._spent_before
        return max(0, min(self._cell_bytes, whole_run) - self._spent)

    def admit(self, raw: RawMessage) -> Message | None:
        """Return the message, or what is kept of it; None when all of it is dropped."""
        if raw.type == "stream":
            return self._admit_stream(raw)
        if raw.type == "error":
            return self._admit_error(raw)
        if raw.type in _ADDS_OUTPUT:
            return self._admit_output(raw)
        if raw.type == "update_display_data":
            return self._admit_update(raw)
        if raw.type.startswith("comm"):
            return self._admit_comm(raw)
        limit = _SMALL_BYTES if raw.type in _NEVER_KEPT else 0
        if raw.type == "execute_input":
            limit = PARSED_BYTES
        message = parse_message(raw) if len(raw.content) <= limit else None
        if message is not None and raw.type == "clear_output":
            self._refund(raw)
        return message

    def _admit_stream(self, raw: RawMessage) -> Message | None:
        left = self.left
        if left <= _OUTPUT_COST:
            self._drop()
            return None
        if len(raw.content) <= left:
            self._spent += len(raw.content)
            return parse_message(raw)
        start = stream_start(raw.content, left)
        if start is None:
            self._drop()
            return None
        name, text = start
        self._spent += min(left, len(raw.content))
        if left < len(text.encode("utf-8", "replace")) or len(raw.content) > 6 * left + 64:
            self._drop()
        return parse_message(raw, {"name": name, "text": text})

    def _admit_output(self, raw: RawMessage) -> Message | None:
        if raw.size + _OUTPUT_COST > self.left:
            self._drop()
            return None
        message = parse_message(raw)
        if message is not None:
            self._spent += raw.size + _OUTPUT_COST
            display_id = _display_id(message)
            if display_id is not None:
                self._displays[display_id] = raw.size
        return message

    def _admit_update(self, raw: RawMessage) -> Message | None:
        """Admit a display that takes another's place: only what it is larger counts."""
        message = parse_message(raw) if raw.size <= self._cell_bytes else None
        display_id = None if message is None else _display_id(message)
        if display_id is None or display_id not in self._displays:
            return message
        growth = max(0, raw.size - self._displays[display_id])
        if growth > self.left:
            self._drop()
            return None
        self._spent += growth
        self._displays[display_id] += growth
        return message

    def _admit_error(self, raw: RawMessage) -> Message | None:
        if raw.size > PARSED_BYTES:
            return parse_message(raw, outline_error(raw.content))
        message = parse_message(raw)
        if message is None:
            return None
        content = message["content"]
        name = str(content.get("ename", ""))
        value = str(content.get("evalue", ""))[:_ERROR_CHARACTERS]
        lines = _shorten(content.get("traceback"))
        self._errors += 1
        if self._errors > _ERRORS_KEPT and is_forgiven(name, value):
            self._drop()
            return None
        if self._errors > 2 * _ERRORS_KEPT:
            self._drop()
            return None
        return {**message, "content": {"ename": name, "evalue": value, "traceback": lines}}

    def _admit_comm(self, raw: RawMessage) -> Message | None:
        """Admit a widget's message, as long as the state of all widgets stays bounded."""
        if raw.size > self._cell_bytes:
            self._drop()
            return None
        message = parse_message(raw)
        if message is None:
            return None
        content = message["content"]
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if isinstance(state, dict):
            comm = str(content.get("comm_id"))
            share = raw.size // max(1, len(state)) + _OUTPUT_COST
            growth = sum(share - self._widgets.get((comm, key), 0) for key in state)
            if self._widget_bytes + growth > _WIDGET_BYTES:
                self._drop()
                return None
            self._widget_bytes += growth
            self._widgets.update({(comm, key): share for key in state})
        return message

    def _refund(self, raw: RawMessage) -> None:
        # The cell's outputs go, so it starts again; unless a widget takes this message, which
        # clears only the widget.
        if not self._is_captured(raw.parent_id):
            self._spent = 0

    def _drop(self) -> None:
        if not self.cut:
            self.cut = True
            self._when_cut(self._spent)


def is_forgiven(name: str, value: str) -> bool:
    """Whether papermill takes an error output for a success.

    Source: papermill 2.7.0, execute.py, raise_for_execution_errors, read 2026-11.
    """
    return name == "SystemExit" and value in {"", "0"}


def _shorten(traceback: object) -> list[str]:
    if not isinstance(traceback, list):
        return []
    lines = [str(line) for line in traceback]
    kept: list[str] = []
    room = _ERROR_CHARACTERS
    for line in reversed(lines):  # the end says what went wrong
        kept.append(line[-room:])
        room -= len(kept[-1]) + 1
        if room <= 0:
            break
    return kept[::-1]


def _display_id(message: Message) -> str | None:
    transient = message["content"].get("transient")
    found = transient.get("display_id") if isinstance(transient, dict) else None
    return found if isinstance(found, str) and found else None

"""Jupyter's messages as they come from the kernel, read without trusting it.

jupyter_client raises at a malformed message and parses one of any size. The kernel runs a
stranger's code, so here a malformed message is dropped, and a huge one is only parsed as far as
it will be kept. Signatures are not checked: whoever could forge one is the notebook itself.

Source: Jupyter messaging protocol 5.3, "The Wire Protocol", read 2026-11.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

Part = bytes | memoryview

_DELIMITER = b"<IDS|MSG>"
_HEADER_BYTES = 2**20
PARSED_BYTES = 64 * 2**20
_ENAME = re.compile(rb'"ename":\s*"([\w.]{1,200})"')
_FAILED = re.compile(rb'"status":\s*"(?:error|aborted)"')
_NAME = re.compile(r'"name":\s*"(stdout|stderr)"')
_LONGEST_ESCAPE = 6  # \u0000: so many bytes of JSON can stand for one character


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message of which only the headers have been parsed.

    Attributes:
        type: E.g. `stream`.
        parent_id: Id of the request that it answers, or "".
        header: Parsed.
        parent_header: Parsed.
        metadata: JSON.
        content: JSON.
        buffers: Binary attachments.
    """

    type: str
    parent_id: str
    header: dict[str, Any]
    parent_header: dict[str, Any]
    metadata: Part
    content: Part
    buffers: list[Part]

    @property
    def size(self) -> int:
        """Bytes of its content and buffers."""
        return len(self.content) + sum(len(buffer) for buffer in self.buffers)


def split_message(frames: list[Part]) -> RawMessage | None:
    """Take a message's frames apart; None when it is malformed."""
    try:
        start = frames.index(_DELIMITER) + 2  # after the delimiter comes the signature
    except ValueError:
        return None
    if len(frames) < start + 4:
        return None
    header_json, parent_json, metadata, content = frames[start : start + 4]
    if max(len(header_json), len(parent_json)) > _HEADER_BYTES:
        return None
    header, parent = _parsed_object(header_json), _parsed_object(parent_json)
    if header is None or parent is None:
        return None
    kind, parent_id = header.get("msg_type"), parent.get("msg_id", "")
    if not isinstance(kind, str) or not isinstance(parent_id, str):
        return None
    return RawMessage(kind, parent_id, header, parent, metadata, content, frames[start + 4 :])


def parse_message(raw: RawMessage, content: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Make the dictionary that nbclient works on; None when its content is malformed.

    Args:
        raw: The message.
        content: Takes the place of the message's own content.
    """
    if content is None:
        content = _parsed_object(raw.content)
    if content is None:
        return None
    return {
        "header": raw.header,
        "msg_id": raw.header.get("msg_id", ""),
        "msg_type": raw.type,
        "parent_header": raw.parent_header,
        "metadata": _parsed_object(raw.metadata) or {},
        "content": content,
        "buffers": [memoryview(buffer) for buffer in raw.buffers],
    }


def parse_reply(raw: RawMessage) -> dict[str, Any] | None:
    """Make the dictionary of a reply to a request, with a content that nbclient can rely on."""
    if len(raw.content) > PARSED_BYTES:
        content: dict[str, Any] | None = {"status": "ok"}
        if _FAILED.search(raw.content):
            content = {"status": "error", **outline_error(raw.content)}
    else:
        content = _parsed_object(raw.content)
    if content is None or not isinstance(content.get("status"), str):
        return None
    return parse_message(raw, content)


def outline_error(content: Part) -> dict[str, Any]:
    """Make the content of an error that is too large to be parsed: its class and no more."""
    match = _ENAME.search(content)
    name = match[1].decode("ascii", "replace") if match else "Error"
    return {"ename": name, "evalue": "(text too long)", "traceback": []}


def stream_start(content: Part, characters: int) -> tuple[str, str] | None:
    """Read the first characters of a stream message without parsing all of it.

    Args:
        content: JSON as ipykernel writes it: the name first, then the text, which is last.
        characters: How many are wanted.

    Returns:
        `stdout` or `stderr`, and the text; None when the message has another form.
    """
    # Cut anywhere in the text and close the string: some cut of the next few is not in the middle
    # of an escape sequence.
    start = bytes(content[: 64 + _LONGEST_ESCAPE * characters]).decode("utf-8", "ignore")
    if not _NAME.match(start.lstrip("{ ")):
        return None
    for back in range(2 * _LONGEST_ESCAPE):
        parsed = _parsed_object((start[: len(start) - back] + '"}').encode("utf-8", "replace"))
        if parsed is not None:
            name, text = parsed.get("name"), parsed.get("text")
            if isinstance(name, str) and isinstance(text, str):
                return name, text[:characters]
    return None


def _parsed_object(text: Part) -> dict[str, Any] | None:
    try:
        parsed = json.loads(bytes(text))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None

"""Foreign text made harmless: what a notebook prints must not act where it is shown."""

from __future__ import annotations

import re

# Control sequences (colours, cursor), operating-system commands (titles, links), other strings,
# then single escapes. Source: ECMA-48, 5th edition, section 5, read 2026-11.
_ESCAPES = re.compile(
    r"""
    (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]            # control sequence
    | (?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?  # operating-system command
    | (?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?  # device control and the like
    | \x1b[ -/]*[0-~]?                          # any other escape
    """,
    re.VERBOSE,
)
# C0 but tab and newline, DEL, C1, marks that turn the direction of writing.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


def plain(text: str) -> str:
    """Strip escape sequences and control characters; keep newlines and tabs.

    A carriage return becomes a newline, so that a progress bar stays readable. Lone surrogates
    become U+FFFD, so that the result can be written as UTF-8.
    """
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LONE_SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def one_line(text: str, *, most: int = 300) -> str:
    """Write foreign text on one line of at most `most` characters, with an ellipsis when cut."""
    line = " ".join(plain(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"

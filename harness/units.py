"""Sizes and durations as people write them, to and from bytes and seconds.

Input takes `GB` (10^9) and `GiB` (2^30) and refuses a bare `G`, which means either to somebody.
"""

from __future__ import annotations

import re

_DECIMAL = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZES = _DECIMAL | _BINARY
_SECONDS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")
_DURATION_PART = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*)\s*")


def parse_size(text: str) -> int:
    """Parse a size such as `20GB` or `29 GiB` into bytes.

    Raises:
        ValueError: No number, no unit, or a unit that is not one of B, kB, MB, GB, TB, KiB, MiB,
            GiB, TiB. The message names the units.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match["unit"] not in _SIZES:
        units = ", ".join([*_BINARY, "kB", "MB", "GB", "TB"])
        raise ValueError(f"{text!r} is not a size: write a number and one of {units}")
    return int(float(match["number"]) * _SIZES[match["unit"]])


def parse_duration(text: str) -> float:
    """Parse a duration such as `9h`, `90min`, `1h 30min` or `45s` into seconds.

    Raises:
        ValueError: Not a sequence of numbers, each with s, min or h, or nothing longer than 0 s.
    """
    rest, total = text.strip(), 0.0
    while rest:
        match = _DURATION_PART.match(rest)
        if match is None or match["unit"] not in _SECONDS:
            raise ValueError(f"{text!r} is not a duration: write numbers with s, min or h: 9h")
        total += float(match["number"]) * _SECONDS[match["unit"]]
        rest = rest[match.end() :]
    if total <= 0:
        raise ValueError(f"{text!r} is not a duration: it has to be longer than 0 s")
    return total


def format_size(size_bytes: float) -> str:
    """Write bytes for a person, in binary units with three digits: `1.50 GiB`.

    >>> format_size(20 * 2**30)
    '20.0 GiB'
    """
    value, unit = float(size_bytes), "B"
    for unit in ("B", *_BINARY):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    if unit == "B":
        return f"{int(value)} B"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def format_duration(seconds: float) -> str:
    """Write seconds for a person: `0.4 s`, `45 s`, `3 min 20 s`, `9 h`.

    >>> format_duration(12_060)
    '3 h 21 min'
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"

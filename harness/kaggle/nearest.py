"""The nearest known word for one that is not known, for every message that refuses a value."""

from __future__ import annotations

from collections.abc import Collection


def nearest(word: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """Find the known word that looks most like `word`, upper and lower case being the same.

    Returns:
        The known word as it is written in `known`, or None when none is near.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - 3 ms, and only a mistake needs it

    by_folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def suggestion(word: str, known: Collection[str]) -> str:
    """Say what to write in place of `word`: the nearest known word, or all of them."""
    near = nearest(word, known)
    if near is not None:
        return f"Did you mean {near!r}?"
    return f"Use one of: {', '.join(sorted(known))}." if known else "There is none to choose from."

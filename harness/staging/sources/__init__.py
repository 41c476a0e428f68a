"""Where staged files come from: one module for each scheme of `SCHEME:REST`.

A new scheme is a module with a class that keeps `base.Source`, and one line in `SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import RequestError
from harness.kaggle.nearest import suggestion
from harness.staging.sources.base import Source
from harness.staging.sources.folder import FolderSource
from harness.staging.sources.package import PackageSource

SCHEMES: dict[str, Callable[[str, Path], Source]] = {
    "folder": FolderSource.parse,
    "package": PackageSource.parse,
}


def parse_source(text: str, base: Path) -> Source:
    """Read a source as it is written on the command line and in the lock.

    Args:
        text: `folder:PATH` or `package:NAME==VERSION:FOLDER`.
        base: The folder that relative paths start from: the one that holds `inputs.lock`.

    Raises:
        RequestError: No known scheme, or not the form that the scheme asks for.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        known = [f"{each}:" for each in SCHEMES]
        raise RequestError(
            f"{text!r} is not a source: it has to start with one of {', '.join(known)}.",
            fix=suggestion(f"{scheme}:", known),
        )
    return SCHEMES[scheme](rest, base)

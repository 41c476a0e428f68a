"""Handles of Kaggle's four kinds of source: read, written and compared.

A handle is `SLUG` (competition), `OWNER/SLUG` (dataset, or the output of a notebook) or
`OWNER/MODEL/FRAMEWORK/VARIATION/VERSION` (model). `OWNER/SLUG` alone means a dataset; the
qualified form (`notebooks/OWNER/SLUG`, and so for each kind) leaves no doubt, and is the folder
under `inputs/` at the same time.

Source: Kaggle/kaggle-cli docs/kernels_metadata.md and Kaggle/kagglehub handle.py, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from harness.errors import RequestError
from harness.kaggle.nearest import nearest
from harness.spec import SourceKind

FORMS: dict[SourceKind, str] = {
    SourceKind.COMPETITION: "SLUG",
    SourceKind.DATASET: "OWNER/SLUG",
    SourceKind.MODEL: "OWNER/MODEL/FRAMEWORK/VARIATION/VERSION",
    SourceKind.NOTEBOOK: "OWNER/SLUG",
}

_PARTS = {kind: form.count("/") + 1 for kind, form in FORMS.items()}
_KINDS = {kind.value: kind for kind in SourceKind} | {
    kind.value.removesuffix("s"): kind for kind in SourceKind
}
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_INPUT = "/kaggle/input/"


@dataclass(frozen=True, slots=True)
class Handle:
    """One source on Kaggle.

    Attributes:
        kind: What it is.
        parts: The handle's parts, in the case in which they were written.
    """

    kind: SourceKind
    parts: tuple[str, ...]

    def __str__(self) -> str:
        """The handle as Kaggle writes it: `OWNER/SLUG`."""
        return "/".join(self.parts)

    @property
    def qualified(self) -> str:
        """The handle with its kind in front: `datasets/OWNER/SLUG`."""
        return f"{self.kind.value}/{self}"

    @property
    def key(self) -> str:
        """The qualified handle in lower case: two handles with one key are the same source."""
        return self.qualified.casefold()


def make_handle(kind: SourceKind, parts: Iterable[str]) -> Handle:
    """Make a handle of a kind from its parts.

    Raises:
        ValueError: The wrong number of parts, or a part that Kaggle would not accept.
    """
    found = tuple(parts)
    if len(found) != _PARTS[kind]:
        raise ValueError(f"a handle in {kind.value} has the form {FORMS[kind]}")
    for part in found:
        if not _PART.fullmatch(part):
            raise ValueError(
                f"{part!r} is no part of a handle: letters, digits, '-', '_' and '.' only, "
                "a letter or digit first"
            )
    if kind is SourceKind.MODEL and not _VERSION.fullmatch(found[-1]):
        raise ValueError(f"{found[-1]!r} is not the number of a model's version")
    return Handle(kind, found)


def parse_handle(text: str, *, kind: SourceKind | None = None, where: str = "") -> Handle:
    """Read a handle, with or without its kind in front.

    Args:
        text: `OWNER/SLUG`, `datasets/OWNER/SLUG`, `/kaggle/input/datasets/OWNER/SLUG` and so on.
        kind: What it has to be; None to tell it from the form, `OWNER/SLUG` being a dataset.
        where: Where it was written, for the message; empty for none.

    Raises:
        RequestError: Not a handle, or one of another kind.
    """
    parts = text.strip().removeprefix(_INPUT).strip("/").split("/")
    named = _KINDS.get(parts[0].casefold())
    if named is not None and len(parts) == _PARTS[named] + 1:
        parts = parts[1:]
    else:
        named = None
    place = f"{where}: " if where else ""
    if kind is not None and named is not None and named is not kind:
        raise RequestError(
            f"{place}{text!r} belongs to {named.value}, not to {kind.value}.",
            fix=f"Write it as {FORMS[kind]}.",
        )
    wanted = kind or named or _kind_of_form(len(parts))
    if wanted is None:
        raise RequestError(f"{place}{text!r} is not a handle.", fix=_how_to_write(parts))
    try:
        return make_handle(wanted, parts)
    except ValueError as error:
        raise RequestError(
            f"{place}{text!r} is not a handle: {error}.", fix=_how_to_write(parts)
        ) from error


def _kind_of_form(count: int) -> SourceKind | None:
    """Tell the kind from the number of parts; two mean a dataset, the far more common case."""
    by_count = {1: SourceKind.COMPETITION, 2: SourceKind.DATASET, 5: SourceKind.MODEL}
    return by_count.get(count)


def _how_to_write(parts: list[str]) -> str:
    """Say which forms there are, and the nearest kind when the first part looks like one."""
    forms = ", ".join(f"{kind.value}/{form}" for kind, form in FORMS.items())
    near = nearest(parts[0], [kind.value for kind in SourceKind], cutoff=0.75)
    if near is not None and parts[0] != near:
        return f"Did you mean {near}/{'/'.join(parts[1:])}? The forms are {forms}."
    if len(parts) == _PARTS[SourceKind.MODEL] - 1:
        return f"Name the model's version too: {'/'.join(parts)}/1."
    return f"Write one of {forms}."


def nearest_handle(wanted: Handle, known: Collection[Handle]) -> Handle | None:
    """Find the known handle that looks most like the wanted one, of the same kind if there is."""
    by_text = {handle.qualified: handle for handle in known}
    found = nearest(wanted.qualified, by_text.keys(), cutoff=0.7)
    return by_text[found] if found is not None else None

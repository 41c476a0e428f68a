"""The licence of a staged input, as far as its own files state one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from harness.staging.sources.base import SourceFile

UNKNOWN = "unknown"
_CARD = "README.md"
_CARD_HEAD_BYTES = 64 * 1024
_FRONT_MATTER = re.compile(r"\A---\r?\n(?P<head>.*?)^---\s*$", re.DOTALL | re.MULTILINE)
_LICENCE = re.compile(r"^licen[sc]e:[ \t]*(?P<value>[^\s#].*?)[ \t]*$", re.MULTILINE)


def spdx(text: str) -> str | None:
    """Write a licence as an SPDX expression: `apache-2.0` becomes `Apache-2.0`.

    Returns:
        None where it is not one (`other`, `Custom (see LICENSE)`).
    """
    try:
        return str(canonicalize_license_expression(text.strip().strip("\"'")))
    except InvalidLicenseExpression:
        return None


def licence_of_card(files: Iterable[SourceFile]) -> str | None:
    """Read the licence from the front matter of the README.md at the top: a hub's model card.

    Returns:
        None where there is no card, it states none, or what it states is not SPDX.

    Source: huggingface.co/docs/hub/model-cards, "Model card metadata", read 2026-11.
    """
    card = next((each for each in files if each.path == _CARD), None)
    if card is None:
        return None
    with card.open() as stream:
        text = stream.read(_CARD_HEAD_BYTES).decode(errors="replace")
    head = _FRONT_MATTER.match(text)
    found = _LICENCE.search(head["head"]) if head else None
    return spdx(found["value"]) if found else None

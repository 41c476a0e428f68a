"""The three places for settings (file, environment, flags), and which one decides a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from harness.config.model import FILE_NAME, Request, Settings
from harness.errors import RequestError
from harness.kaggle.nearest import nearest

PREFIX = "HARNESS_"

_SINGLE = tuple(each.name for each in fields(Settings) if each.name not in ("attach", "env"))
_VARIABLES = {PREFIX + name.upper(): name for name in (*_SINGLE, "attach")}
# Read by other parts of the harness, so not mistakes.
_OTHER_VARIABLES = frozenset({PREFIX + "MIRROR", PREFIX + "DEBUG"})
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A value and the place that decided it.

    Attributes:
        text: As it was written.
        source: The place, for `--print-spec` and messages.
        folder: Where a relative path in it starts.
    """

    text: str
    source: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place with what it says.

    Attributes:
        settings: As written there.
        folder: Where relative paths in it start.
        label: Its name; for flags and environment each setting has a name of its own.
        lines: Line of each key, for the settings file.
    """

    settings: Settings
    folder: Path
    label: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """Name the place of one setting: `--memory`, `HARNESS_MEMORY`, `harness.toml:3`."""
        if self.label == "flags":
            return "--" + name.replace("_", "-")
        if self.label == "environment":
            return PREFIX + name.upper()
        line = self.lines.get(name)
        return f"{self.label}:{line}" if line else self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """All places, weakest first, and what came up while they were read.

    Attributes:
        places: Settings file (if there is one), environment, flags.
        settings_folder: Folder of the settings file; None without one.
        warnings: Misspelt environment variables, one sentence each.
    """

    places: tuple[Place, ...]
    settings_folder: Path | None
    warnings: tuple[str, ...]

    def choose(self, name: str) -> Chosen | None:
        """Take a setting from the strongest place that has it; None when all are silent."""
        for place in reversed(self.places):
            text = getattr(place.settings, name)
            if text is not None:
                return Chosen(text=text, source=place.source(name), folder=place.folder)
        return None

    def attached(self) -> tuple[Chosen, ...]:
        """List what the strongest place with sources attaches."""
        for place in reversed(self.places):
            if place.settings.attach:
                return tuple(
                    Chosen(text=text, source=place.source("attach"), folder=place.folder)
                    for text in place.settings.attach
                )
        return ()

    def variables(self) -> dict[str, Chosen]:
        """Merge the session's extra variables of all places, name by name.

        Raises:
            RequestError: A name that is no name of a variable, or a NUL in a value.
        """
        merged: dict[str, Chosen] = {}
        for place in self.places:
            for name, value in place.settings.env:
                if not _VARIABLE_NAME.fullmatch(name) or "\0" in value:
                    raise RequestError(
                        f"{place.source('env')}: {name!r} cannot be set in the session.",
                        fix="Write NAME=VALUE, the name with letters, digits and '_' only.",
                    )
                merged[name] = Chosen(text=value, source=place.source("env"), folder=place.folder)
        return merged


def read_places(request: Request, notebook: Path) -> Places:
    """Read the settings file, the environment and the flags.

    Args:
        request: What the caller said.
        notebook: The notebook, absolute: the settings file is sought from its folder upwards.

    Raises:
        RequestError: The settings file is wrong.
    """
    places = []
    path = find_settings_file(notebook.parent, request.cwd)
    if path is not None:
        # pydantic takes 40 ms to import, so only where there is a file to check.
        from harness.config.settings_file import read_settings_file  # noqa: PLC0415

        settings, lines = read_settings_file(path)
        places.append(Place(settings=settings, folder=path.parent, label=FILE_NAME, lines=lines))
    settings, warnings = _from_environment(request.environment)
    places.append(Place(settings=settings, folder=request.cwd, label="environment"))
    places.append(Place(settings=request.flags, folder=request.cwd, label="flags"))
    return Places(
        places=tuple(places),
        settings_folder=path.parent if path else None,
        warnings=tuple(warnings),
    )


def find_settings_file(*starts: Path) -> Path | None:
    """Find harness.toml in a folder or above it, up to the top of its git repository.

    Args:
        starts: Where to begin; the second is tried when the first leads to none.
    """
    for start in starts:
        for folder in (start, *start.parents):
            path = folder / FILE_NAME
            if path.is_file():
                return path
            if (folder / ".git").exists():
                break
    return None


def _from_environment(environment: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Read the variables with our prefix. Other programs use the prefix too, so only a name that
    looks like one of ours is remarked on.
    """  # noqa: D205 - one thought, and it does not fit a line
    values: dict[str, str] = {}
    attach: tuple[str, ...] = ()
    warnings = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in _OTHER_VARIABLES or not text:
            continue
        name = _VARIABLES.get(variable)
        if name == "attach":
            attach = tuple(text.replace(",", " ").split())
        elif name is not None:
            values[name] = text
        elif near := nearest(variable, _VARIABLES.keys(), cutoff=0.8):
            warnings.append(f"The variable {variable} is not read. Did you mean {near}?")
    return Settings(**values, attach=attach), warnings  # type: ignore[arg-type]  # names are ours

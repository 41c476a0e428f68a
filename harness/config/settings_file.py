"""The settings file `harness.toml`: found, read and checked, with line numbers in messages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config.model import Settings
from harness.errors import RequestError
from harness.kaggle.nearest import suggestion


class _File(BaseModel):
    """harness.toml. Sizes and durations are text with a unit, as in the flags."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    engine: str | None = None
    profile: str | None = None
    time_limit: str | None = None
    grace: str | None = None
    memory: str | None = None
    disk: str | None = None
    shm: str | None = None
    cpus: int | None = None
    processes: int | None = None
    layout: str | None = None
    competition: str | None = None
    submission_file: str | None = None
    sample: str | None = None
    image: str | None = None
    inputs: str | None = None
    runs: str | None = None
    attach: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)


def read_settings_file(path: Path) -> tuple[Settings, dict[str, int]]:
    """Read harness.toml.

    Returns:
        The settings, and for each key the line (from 1) on which it stands.

    Raises:
        RequestError: Not readable, not TOML, an unknown key, or a value of the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"{path}: {error}.", fix=f"Correct {path}, or move it away.") from error
    lines = {key: _line_of(text, key) for key in data}
    try:
        checked = _File.model_validate(data)
    except ValidationError as error:
        raise _refusal(path, error, lines) from error
    values: dict[str, Any] = {
        key: str(value)
        for key, value in checked.model_dump(exclude={"attach", "env"}).items()
        if value is not None
    }
    settings = Settings(**values, attach=tuple(checked.attach), env=tuple(checked.env.items()))
    return settings, lines


def _line_of(text: str, key: str) -> int:
    """Find the line of a top-level key or table, from 1; tomllib does not tell. 0 if hidden."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[.=\]]""")
    numbered = enumerate(text.splitlines(), start=1)
    return next((number for number, line in numbered if pattern.match(line)), 0)


def _refusal(path: Path, error: ValidationError, lines: dict[str, int]) -> RequestError:
    """Make one message of all mistakes; the fix is that of the first."""
    problems, fixes = [], []
    for each in error.errors(include_url=False, include_input=False):
        key = str(each["loc"][0]) if each["loc"] else ""
        place = f"line {lines[key]}: " if lines.get(key) else ""
        if each["type"] == "extra_forbidden":
            problems.append(f"{place}unknown setting {key!r}")
            fixes.append(suggestion(key, _File.model_fields.keys()))
        else:
            problems.append(f"{place}{key}: {each['msg'][:1].lower()}{each['msg'][1:]}")
            fixes.append(f"Correct {key} in {path}; sizes and durations are text, as in '29GiB'.")
    return RequestError(f"{path}: {'; '.join(problems)}.", fix=fixes[0])

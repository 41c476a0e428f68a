"""The mirror: a virtual environment with the packages of Kaggle's image, from `mirror.lock`.

It lies in the user's cache under a name made from the lock files, the Python and the machine, so a
changed lock gets a mirror of its own and an old one stays until the user removes it. HARNESS_MIRROR
names another place, or any virtual environment to use in its stead. `mirror_build` makes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import PrerequisiteError

VARIABLE = "HARNESS_MIRROR"
PACKAGES_LOCK = "mirror.lock"
CUDA_LOCK = "mirror-cuda.lock"
MARKER = ".harness-mirror.json"
SANDBOX_BIN = "sandbox-bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A mirror that is whole.

    Attributes:
        path: The virtual environment.
        sandbox_bin: Its scripts, fit for a mirror that is mounted at /opt/mirror; None for an
            environment that the user named and for which `build` has not made them.
        python_version: Of its interpreter, e.g. `3.11.2`.
        torch_version: E.g. `2.13.0+cpu`; None where it has no torch, or nobody looked.
        from_lock: Whether it was made from the lock files as they are now.
    """

    path: Path
    sandbox_bin: Path | None
    python_version: str
    torch_version: str | None
    from_lock: bool

    @property
    def python(self) -> Path:
        """Its interpreter, as seen from outside a sandbox."""
        return self.path / "bin" / "python"


def locate(environment: Mapping[str, str] | None = None) -> Mirror | None:
    """Find the mirror that fits the lock files, this Python and this machine.

    Takes about a millisecond: nothing is started and no package is looked at.

    Args:
        environment: Where HARNESS_MIRROR is read; the process's own by default.

    Returns:
        None where there is none, or only one that was never finished.
    """
    path = _named_by_user(environment)
    if path is not None:
        return read(path)
    folder = lock_folder()
    return None if folder is None else read(mirrors_folder() / _name(folder))


def build(
    *,
    say: Callable[[str], None] | None = None,
    quiet: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Mirror:
    """Make the mirror if it is not there yet; wait for another process that is making it.

    Takes a minute or more, 2.0 GB of disk and an index that pip can reach; pip speaks on standard
    error. Older mirrors are left to the user: see `older`.

    Args:
        say: Called with a sentence before each step.
        quiet: Keep pip from listing every package.
        environment: Where HARNESS_MIRROR is read; the process's own by default.

    Raises:
        PrerequisiteError: No space, no venv module, an unsupported Python, or pip failed.
    """
    from harness.engine import mirror_build  # noqa: PLC0415 - only the first run ever needs it

    return mirror_build.build(say=say or (lambda _: None), quiet=quiet, environment=environment)


def place(environment: Mapping[str, str] | None = None) -> Path:
    """Say where the mirror is or belongs.

    Raises:
        PrerequisiteError: The lock files are not there.
    """
    path = _named_by_user(environment)
    if path is not None:
        return path
    folder = lock_folder()
    if folder is None:
        raise PrerequisiteError(
            f"{PACKAGES_LOCK}, which says what goes into the mirror, is not there.",
            fix=f"Install the harness from its repository, or name an environment with {VARIABLE}.",
        )
    return mirrors_folder() / _name(folder)


def older(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """List the mirrors in the user's cache that are not the present one, sorted by name."""
    current = place(environment)
    found = mirrors_folder().glob("*/pyvenv.cfg")
    return tuple(sorted(each.parent for each in found if each.parent != current))


def read(path: Path) -> Mirror | None:
    """Read what a finished mirror says of itself; None where it is not finished or not usable."""
    if not (path / "bin" / "python").exists():
        return None  # A link to an interpreter that is gone counts as not there, too.
    scripts = path / SANDBOX_BIN
    try:
        marker = json.loads((path / MARKER).read_bytes())
    except FileNotFoundError:
        return _read_unmarked(path)
    except (OSError, ValueError):
        return None
    folder = lock_folder()
    return Mirror(
        path=path,
        sandbox_bin=scripts if scripts.is_dir() else None,
        python_version=str(marker.get("python", "")),
        torch_version=marker.get("torch"),
        from_lock=folder is not None and marker.get("locks") == locks_digest(folder),
    )


def lock_folder() -> Path | None:
    """Find the lock files: at the top of the repository, or in the installed package."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2], here.parents[1] / "locks"):
        if (folder / PACKAGES_LOCK).is_file():
            return folder
    return None


def locks_digest(folder: Path) -> str:
    """Hash the lock files together: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in (PACKAGES_LOCK, CUDA_LOCK):
        text = (folder / name).read_bytes()
        digest.update(b"%s %d\n" % (name.encode(), len(text)))
        digest.update(text)
    return digest.hexdigest()


def mirrors_folder() -> Path:
    """The folder in the user's cache in which mirrors are made."""
    return user_cache_path("kaggle-harness", appauthor=False) / "mirrors"


def _name(folder: Path) -> str:
    tag = sys.implementation.cache_tag or f"python-{sys.version_info.major}{sys.version_info.minor}"
    return f"{locks_digest(folder)[:12]}-{tag}-{platform.machine()}"


def _named_by_user(environment: Mapping[str, str] | None) -> Path | None:
    text = (os.environ if environment is None else environment).get(VARIABLE, "")
    return Path(text).expanduser().absolute() if text else None


def _read_unmarked(path: Path) -> Mirror | None:
    """Take an environment that the user named as it is. One of ours without a marker is half."""
    if path.parent == mirrors_folder():
        return None
    try:
        lines = (path / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    settings = dict(line.split(" = ", 1) for line in lines if " = " in line)
    version = settings.get("version") or settings.get("version_info", "")
    scripts = path / SANDBOX_BIN
    return Mirror(
        path=path,
        sandbox_bin=scripts if scripts.is_dir() else None,
        python_version=version,
        torch_version=None,
        from_lock=False,
    )

"""Make the mirror: a virtual environment of this Python, filled by the user's own pip.

pip takes only bytes whose hash is in the lock files, from whatever index the user has configured.
A mirror is whole when its marker is there, which is written last.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from harness import process
from harness.engine import mirror
from harness.engine.mirror import Mirror
from harness.engine.wheelhouse import read_lock
from harness.errors import PrerequisiteError
from harness.units import format_duration, format_size

IN_SANDBOX = "/opt/mirror"

# Measured 2026-11 on Linux x86_64, Python 3.11, with torch's CPU build: 2.0 GB when done, and pip
# unpacks beside it. torch's CUDA build: 1.1 GB in place of 0.7, and libraries of 2.2 GB as wheels;
# their unpacked size is an estimate.
_MIRROR_BYTES = 2_600_000_000
_CUDA_BYTES = 7_000_000_000
_BUILDING = ".harness-mirror.building"
_OLDEST, _FIRST_TOO_NEW = (3, 11), (3, 14)
_CPU_TIMEOUT_S = 3600.0
_CUDA_BUILD = re.compile(r"^cuda\b[^=]*=\s*['\"]", re.MULTILINE)
_PROBE = """\
import json, platform, torch
print(json.dumps([platform.python_version(), torch.__version__]))
"""
_CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# https://bford.info/cachedir/\n"

Say = Callable[[str], None]


def build(*, say: Say, quiet: bool = False, environment: Mapping[str, str] | None = None) -> Mirror:
    """Make the mirror if it is not there yet; wait for another process that is making it.

    Args:
        say: Called with a sentence before each step.
        quiet: Keep pip from listing every package; it speaks on standard error.
        environment: Where HARNESS_MIRROR is read; the process's own by default.

    Raises:
        PrerequisiteError: No space, no venv module, an unsupported Python, or pip failed.
    """
    path = mirror.place(environment)
    ready = mirror.read(path)
    if ready is not None and ready.sandbox_bin is not None:
        return ready
    with _umask(), _claim(path, say):
        ready = mirror.read(path)  # Another process may have made it while this one waited.
        if ready is None:
            _make(path, say=say, quiet=quiet)
        elif ready.sandbox_bin is None:
            relocate_scripts(path)
    made = mirror.read(path)
    if made is None:
        raise PrerequisiteError(
            f"The mirror in {path} is not whole.", fix=f"Make it anew: rm -r {path}; harness mirror"
        )
    return made


def relocate_scripts(path: Path) -> None:
    """Copy a mirror's scripts to `sandbox-bin/`, as they have to be when it is at /opt/mirror.

    pip writes the interpreter's own path into the first line of a script, and venv the
    environment's path into its activation scripts; inside the sandbox neither is there.
    """
    source, target = path / "bin", path / mirror.SANDBOX_BIN
    partial = path / f".{mirror.SANDBOX_BIN}.partial"
    for old in (partial, target):
        if old.exists():
            shutil.rmtree(old)
    partial.mkdir()
    for each in sorted(source.iterdir()):
        copy = partial / each.name
        if each.is_symlink() or each.is_dir():
            _copy_link_or_folder(each, copy, path)
            continue
        content = each.read_bytes()
        if b"\0" not in content[:8192]:
            content = content.replace(os.fsencode(path), IN_SANDBOX.encode())
        copy.write_bytes(content)
        copy.chmod(0o755 if each.stat().st_mode & 0o100 else 0o644)
    partial.rename(target)


def _copy_link_or_folder(each: Path, copy: Path, path: Path) -> None:
    if not each.is_symlink():
        shutil.copytree(each, copy, symlinks=True)
        return
    leads_to = str(each.readlink())
    copy.symlink_to(leads_to.replace(str(path), IN_SANDBOX))


def _make(path: Path, *, say: Say, quiet: bool) -> None:
    _check_python()
    _remove_half(path)
    _check_space(path, _MIRROR_BYTES)
    folder = mirror.lock_folder()
    if folder is None:
        raise PrerequisiteError(
            f"{mirror.PACKAGES_LOCK} is not there.", fix="Install the harness from its repository."
        )
    start = time.monotonic()
    say(f"Making the mirror, an environment with Kaggle's packages (2.0 GB), in {path}")
    try:
        path.mkdir(exist_ok=True)
        (path / _BUILDING).touch()
        _make_environment(path)
        _fill(path, folder, say=say, quiet=quiet)
        relocate_scripts(path)
        _finish(path, folder)
    except BaseException:
        # Ctrl-C and failures alike: a half mirror is of no use and takes gigabytes.
        shutil.rmtree(path, ignore_errors=True)
        raise
    say(f"The mirror is ready after {format_duration(time.monotonic() - start)}")


def _make_environment(path: Path) -> None:
    # The interpreter below this virtual environment, so that the mirror outlives it.
    python = getattr(sys, "_base_executable", None) or sys.executable
    code = process.run_streaming([python, "-I", "-m", "venv", str(path)])
    if code != 0:
        raise PrerequisiteError(
            f"{python} could not make a virtual environment in {path} (exit code {code}).",
            fix="Install its venv module (on Debian and Ubuntu: apt install python3-venv).",
        )


def _fill(path: Path, folder: Path, *, say: Say, quiet: bool) -> None:
    pip = [str(path / "bin" / "python"), "-I", "-m", "pip"]
    install = [*pip, "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    install += ["--no-input", "--disable-pip-version-check", *(["--quiet"] if quiet else [])]
    say("Looking for torch's CPU build")
    # By its own version, because pip, given both builds, takes the one whose hash its index states
    # over one in a folder of wheels. What comes later finds torch there already.
    only_torch = path / "torch-cpu.txt"
    only_torch.write_text(_cpu_torch(folder), encoding="utf-8")
    cpu = process.run([*install, "-r", only_torch], timeout_s=_CPU_TIMEOUT_S)
    only_torch.unlink()
    if not cpu.ok:
        say("Not offered here: the build that the index has follows (with CUDA, 2.7 GB to fetch)")
    say("Installing the other packages")
    _install([*install, "-r", str(folder / mirror.PACKAGES_LOCK)], path)
    if _is_cuda_build(path):
        say("Installing torch's CUDA libraries (2.2 GB to fetch)")
        _check_space(path, _CUDA_BYTES)
        _install([*install, "-r", str(folder / mirror.CUDA_LOCK)], path)
    checked = process.run([*pip, "check"], timeout_s=300)
    if not checked.ok:
        raise PrerequisiteError(
            f"The mirror's packages do not fit together: {checked.stdout.strip()}",
            fix="Report it with this text: the lock files are at fault.",
        )


def _cpu_torch(folder: Path) -> str:
    """Write the line for pip that takes torch's CPU build only, with the lock's hashes."""
    text = (folder / mirror.PACKAGES_LOCK).read_text(encoding="utf-8")
    torch = (each for each in read_lock(text) if each.requirement.name == "torch")
    return "".join(f"{each.line('+cpu')}\n" for each in torch)


def _install(command: list[str], path: Path) -> None:
    code = process.run_streaming(command)
    if code != 0:
        raise PrerequisiteError(
            f"pip could not fill the mirror in {path} (exit code {code}; its words are above).",
            fix="See that pip reaches an index: pip config list; pip download six",
        )


def _is_cuda_build(path: Path) -> bool:
    files = list(path.glob("lib/python*/site-packages/torch/version.py"))
    return any(_CUDA_BUILD.search(each.read_text(encoding="utf-8")) for each in files)


def _finish(path: Path, folder: Path) -> None:
    """Prove that torch loads, then write the marker."""
    probe = process.run([path / "bin" / "python", "-I", "-c", _PROBE], timeout_s=300)
    if not probe.ok:
        raise PrerequisiteError(
            f"torch does not load in the mirror: {probe.stderr.strip()[-500:]}",
            fix="Report it with this text, or name another environment with HARNESS_MIRROR.",
        )
    python, torch = json.loads(probe.stdout)
    marker = {
        "locks": mirror.locks_digest(folder),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": python,
        "torch": torch,
    }
    partial = path / f"{mirror.MARKER}.partial"
    partial.write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    partial.replace(path / mirror.MARKER)
    (path / _BUILDING).unlink()


def _check_python() -> None:
    if not _OLDEST <= sys.version_info[:2] < _FIRST_TOO_NEW:
        raise PrerequisiteError(
            f"The mirror has packages for Python 3.11 to 3.13; this is {sys.version.split()[0]}.",
            fix="Make .venv with another one: rm -r .venv; make setup PYTHON=python3.12",
        )


def _check_space(path: Path, needed_bytes: int) -> None:
    folder = next(each for each in (path, *path.parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise PrerequisiteError(
            f"The mirror needs {format_size(needed_bytes)}, and the disk of {folder} has "
            f"{format_size(free)} left.",
            fix=f"Make room there, or use another disk: {mirror.VARIABLE}=/DISK/mirror",
        )


def _remove_half(path: Path) -> None:
    """Remove what an interrupted build left; refuse to touch a folder that no build made."""
    if not path.exists() or not any(path.iterdir()):
        return
    ours = path.parent == mirror.mirrors_folder() or (path / _BUILDING).exists()
    if not ours and not (path / mirror.MARKER).exists():
        raise PrerequisiteError(
            f"{path}, which {mirror.VARIABLE} names, holds other things than a usable environment.",
            fix="Name an empty folder, one that does not exist yet, or an environment that works.",
        )
    shutil.rmtree(path)


@contextmanager
def _claim(path: Path, say: Say) -> Iterator[None]:
    """Keep other processes from making the same mirror at the same time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent == mirror.mirrors_folder():
            with contextlib.suppress(OSError):
                (path.parent / "CACHEDIR.TAG").write_text(_CACHE_TAG, encoding="utf-8")
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say("Waiting for another process that is making the mirror")
            lock.acquire()
    except OSError as error:
        raise PrerequisiteError(
            f"{path.parent} cannot be written: {error.strerror}.",
            fix=f"Name another place for the mirror: {mirror.VARIABLE}=/DISK/mirror",
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _umask() -> Iterator[None]:
    """Let everybody read what is made here: the sandbox runs under another uid than root's."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)

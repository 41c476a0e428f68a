"""The wheelhouse: the lock's packages as files, for an image build with the network off."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from harness import process
from harness.errors import PrerequisiteError

STAMP = "filled-for"
_TORCH = "torch"
_CPU_BUILD = "+cpu"
_REQUIREMENT = re.compile(r"[A-Za-z0-9]")
_HASH = re.compile(r"--hash=(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One package of a lock file.

    Attributes:
        requirement: Name, version and marker.
        hashes: As `sha256:…`, one a file that may be taken.
    """

    requirement: Requirement
    hashes: tuple[str, ...]

    def line(self, version_suffix: str = "") -> str:
        """The line for pip, without the marker; with `+cpu`, say, behind the version."""
        hashes = " ".join(f"--hash={value}" for value in self.hashes)
        name = self.requirement.name
        return f"{name}{self.requirement.specifier}{version_suffix} {hashes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePython:
    """The Python that an image has.

    Attributes:
        version: All of it, e.g. `3.11.2`.
        machine: As `platform.machine()` says it, e.g. `x86_64`.
    """

    version: str
    machine: str

    @property
    def minor(self) -> str:
        """E.g. `3.11`."""
        return ".".join(self.version.split(".")[:2])

    def environment(self) -> dict[str, str]:
        """What a marker is evaluated in: this Python on Linux, not the one that we run on."""
        return {
            "python_version": self.minor,
            "python_full_version": self.version,
            "implementation_name": "cpython",
            "implementation_version": self.version,
            "platform_python_implementation": "CPython",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "platform_machine": self.machine,
        }


def read_lock(text: str) -> Iterator[Locked]:
    """Read a lock file in requirements form: a package a line, its hashes behind it."""
    for line in text.replace("\\\n", " ").splitlines():
        if _REQUIREMENT.match(line):
            head = line.split(" --hash=", 1)[0].strip()
            yield Locked(requirement=Requirement(head), hashes=tuple(_HASH.findall(line)))


def needed(packages: Iterator[Locked], environment: Mapping[str, str]) -> tuple[Locked, ...]:
    """Those whose marker holds in an environment."""
    return tuple(
        package
        for package in packages
        if package.requirement.marker is None
        or package.requirement.marker.evaluate(dict(environment))
    )


def fill(folder: Path, root: Path, python: ImagePython, extra: tuple[Path, ...] = ()) -> None:
    """Download what the lock names for an image's Python; nothing when it is all there.

    torch is taken as its CPU build where the package index offers one. A CUDA build brings CUDA's
    libraries, some 2.2 GB, by a lock file of their own.

    Args:
        folder: The wheelhouse; made when it is missing.
        root: Folder with mirror.lock and mirror-cuda.lock.
        python: Of the image.
        extra: More lock files.

    Raises:
        PrerequisiteError: pip is missing or cannot get a package.
    """
    locks = (root / "mirror.lock", *extra)
    wanted = _stamp((*locks, root / "mirror-cuda.lock"), python)
    stamp = folder / STAMP
    if stamp.is_file() and wanted in stamp.read_text(encoding="utf-8").splitlines():
        return
    folder.mkdir(parents=True, exist_ok=True)
    packages = [
        package
        for lock in locks
        for package in needed(read_lock(lock.read_text(encoding="utf-8")), python.environment())
    ]
    torch = [package for package in packages if package.requirement.name == _TORCH]
    others = [package for package in packages if package.requirement.name != _TORCH]
    _download(folder, python, [package.line() for package in others])
    for package in torch:
        _download_torch(folder, python, package)
    if torch and is_cuda_build(folder):
        cuda = read_lock((root / "mirror-cuda.lock").read_text(encoding="utf-8"))
        lines = [package.line() for package in needed(cuda, python.environment())]
        _download(folder, python, lines)
    with stamp.open("a", encoding="utf-8") as file:
        file.write(f"{wanted}\n")


def is_cuda_build(folder: Path) -> bool:
    """Whether the torch in a wheelhouse was built for CUDA; a CPU build beside it is preferred."""
    wheels = sorted(folder.glob("torch-*.whl"), key=lambda path: _CPU_BUILD not in path.name)
    if not wheels:
        return False
    with zipfile.ZipFile(wheels[0]) as wheel:
        text = wheel.read("torch/version.py").decode("utf-8")
    return re.search(r"^cuda.* = None", text, re.MULTILINE) is None


def _download_torch(folder: Path, python: ImagePython, torch: Locked) -> None:
    """The CPU build first: an index that offers none has the other one under the plain version."""
    if _pip(folder, python, [torch.line(_CPU_BUILD)]) != 0:
        _download(folder, python, [torch.line()])


def _download(folder: Path, python: ImagePython, lines: list[str]) -> None:
    code = _pip(folder, python, lines)
    if code:
        raise PrerequisiteError(
            f"pip could not download the packages of the lock (exit code {code}).",
            fix="Read its message above. Where only another machine has a network, run 'harness "
            "image' there and bring the folder: --wheelhouse DIR.",
        )


def _pip(folder: Path, python: ImagePython, lines: list[str]) -> int:
    """Run pip's download with the lines as a requirements file; return its exit code."""
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        return process.run_streaming(pip_command(folder, python, requirements))
    finally:
        requirements.unlink()


def pip_command(folder: Path, python: ImagePython, requirements: Path) -> tuple[str, ...]:
    """The command that downloads wheels for an image's Python, whatever Python this is."""
    return (
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python-version", python.version, "--implementation", "cp"),
        *_platforms(python.machine),
        *("--dest", str(folder), "--requirement", str(requirements)),
    )


def _platforms(machine: str) -> tuple[str, ...]:
    """Platform tags of a Linux with glibc 2.36, newest first; pip takes them one by one.

    Source: PEP 600 and PEP 599 for the names, read 2026-11; Debian 12 has glibc 2.36.
    """
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(36, 4, -1)]
    tags += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    return tuple(part for tag in (*tags, f"linux_{machine}") for part in ("--platform", tag))


def _stamp(locks: tuple[Path, ...], python: ImagePython) -> str:
    """What a wheelhouse was filled for: the locks' content, the Python, the machine."""
    digest = hashlib.sha256()
    for lock in locks:
        digest.update(lock.read_bytes())
    return f"{digest.hexdigest()} cp{python.minor} {python.machine}"

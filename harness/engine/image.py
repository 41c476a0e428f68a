"""Build the images of the Docker engine, by the `docker` program so that its progress shows."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from enum import StrEnum
from pathlib import Path

from harness import process
from harness.config.engine import SLIM_IMAGE
from harness.engine import wheelhouse
from harness.engine.wheelhouse import ImagePython
from harness.errors import PrerequisiteError, RequestError

REPOSITORY = SLIM_IMAGE.partition(":")[0]
WHEELHOUSE = "wheelhouse"
_ASK_PYTHON = (
    "import json, platform, venv, ensurepip; "
    "print(json.dumps([platform.python_version(), platform.machine()]))"
)
_BASE = re.compile(r"^ARG BASE_IMAGE=(\S+)$", re.MULTILINE)
_KAGGLE = re.compile(r"^FROM (\S+@sha256:[0-9a-f]{64}) AS kaggle$", re.MULTILINE)
_BUILD_S = 3600.0


class Target(StrEnum):
    """The images that can be made."""

    SLIM = "slim"
    TEST = "test"
    KAGGLE = "kaggle"

    @property
    def tag(self) -> str:
        """What the image is called, e.g. `kaggle-harness:slim`."""
        return f"{REPOSITORY}:{self.value}"


def make_image(
    target: Target, root: Path, *, base_image: str | None = None, wheels: Path | None = None
) -> str:
    """Build an image, or pull Kaggle's.

    Args:
        target: Which one.
        root: The project's folder, with the Dockerfile and the lock.
        base_image: With Python, venv and setpriv; the Dockerfile's own by default.
        wheels: Where wheels lie already, from another machine say. The build sees `wheelhouse/` in
            `root`, so they are linked or copied there; what is missing then is downloaded.

    Returns:
        The image's name.

    Raises:
        RequestError: No Dockerfile there, or no wheelhouse where one was named.
        PrerequisiteError: No `docker` program, no engine, or the build failed.
    """
    dockerfile = root / "Dockerfile"
    if not dockerfile.is_file():
        raise RequestError(
            f"There is no Dockerfile in {root}.",
            fix="Run this in a clone of the project: it holds the Dockerfile and the lock.",
        )
    text = dockerfile.read_text(encoding="utf-8")
    _require_docker()
    if target is Target.KAGGLE:
        _pull(kaggle_reference(text), target.tag)
        return target.tag
    folder = root / WHEELHOUSE
    if wheels is not None and wheels.resolve() != folder.resolve():
        _bring(wheels, folder)
    base = base_image or default_base(text)
    python = _python_of(base)
    wheelhouse.fill(folder, root, python, (root / "tests/image/pytest.lock",))
    _run(build_command(target, root, base), "build the image")
    return target.tag


def build_command(target: Target, root: Path, base_image: str) -> tuple[str, ...]:
    """The `docker build` line."""
    lock = hashlib.sha256((root / "mirror.lock").read_bytes()).hexdigest()
    return (
        *("docker", "build", "--target", target.value, "--tag", target.tag),
        *("--network", "none"),
        *("--build-arg", f"BASE_IMAGE={base_image}", "--build-arg", f"LOCK_SHA256={lock}"),
        str(root),
    )


def default_base(dockerfile: str) -> str:
    """The base image that the Dockerfile names.

    Raises:
        RequestError: It names none.
    """
    return _only(_BASE, dockerfile, "ARG BASE_IMAGE=…")


def kaggle_reference(dockerfile: str) -> str:
    """Kaggle's image by digest, as the Dockerfile names it.

    Raises:
        RequestError: It names none.
    """
    return _only(_KAGGLE, dockerfile, "FROM …@sha256:… AS kaggle")


def _only(pattern: re.Pattern[str], dockerfile: str, line: str) -> str:
    found = pattern.search(dockerfile)
    if found is None:
        raise RequestError(f"The Dockerfile has no line {line!r}.", fix="Put it back.")
    return found[1]


def _bring(wheels: Path, folder: Path) -> None:
    """Put another folder's wheels, and what it says of them, into the wheelhouse."""
    if not wheels.is_dir():
        raise RequestError(
            f"There is no folder {wheels}.", fix="Leave --wheelhouse out to have one filled."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*wheels.glob("*.whl"), wheels / wheelhouse.STAMP):
        target = folder / path.name
        if not path.is_file() or (target.exists() and path.name != wheelhouse.STAMP):
            continue
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(path)
        except OSError:  # another file system
            shutil.copyfile(path, target)


def _require_docker() -> None:
    done = process.run(("docker", "version", "--format", "{{.Server.Version}}"), timeout_s=30)
    if done.code == process.MISSING_PROGRAM:
        raise PrerequisiteError(
            "The program 'docker' is missing; an image is built with it.",
            fix="Install it (Debian: 'sudo apt install docker.io'), or use --engine bubblewrap, "
            "which needs no image.",
        )
    if not done.ok:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise PrerequisiteError(
            f"No Docker engine answers: {reason}",
            fix="Start it ('sudo systemctl start docker'), or correct DOCKER_HOST.",
        )


def _python_of(base: str) -> ImagePython:
    """Ask a base image for its Python; it is pulled when it is not here, as a build would."""
    done = process.run(
        (
            *("docker", "run", "--rm", "--network", "none", "--entrypoint", "python3"),
            *(base, "-c", _ASK_PYTHON),
        ),
        timeout_s=_BUILD_S,
    )
    if not done.ok:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise PrerequisiteError(
            f"The base image {base!r} cannot be used: {reason}",
            fix="Name one that is here and has python3 with venv: --base-image REF.",
        )
    version, machine = json.loads(done.stdout)
    return ImagePython(version=version, machine=machine)


def _pull(reference: str, tag: str) -> None:
    _run(("docker", "pull", reference), "pull Kaggle's image")
    _run(("docker", "tag", reference, tag), "tag Kaggle's image")


def _run(command: tuple[str, ...], doing: str) -> None:
    code = process.run_streaming(command)
    if code:
        raise PrerequisiteError(
            f"Docker could not {doing} (exit code {code}).", fix="Read its message above."
        )

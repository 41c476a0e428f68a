"""The files that a container is given before it starts, as one tar archive.

All of /harness belongs to the runner's uid: the notebook, uid 0 without capabilities, can then
neither change the runner nor look into its folder. Copies rather than mounts of this machine's
files: they work wherever the engine is, and whatever the modes of the files are here.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.engine.docker.create import HARNESS, RUNNER_UID
from harness.engine.runner import JOB, NOTEBOOK, OUT, WORKING, package_mounts

_SUFFIXES = (".py", ".tpl", ".json", ".css", ".html")  # what a package holds; no caches


def archive(job: Mapping[str, object], notebook: bytes) -> bytes:
    """Build the archive, to be unpacked at the container's root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in _package_folders():
            _add_folder(tar, folder, 0o755, RUNNER_UID)
        _add_folder(tar, OUT, 0o700, RUNNER_UID)
        _add_file(tar, JOB, json.dumps(job, ensure_ascii=True).encode(), RUNNER_UID)
        _add_file(tar, NOTEBOOK, notebook, RUNNER_UID)
        for source, target in package_files():
            _add_file(tar, target, source.read_bytes(), RUNNER_UID)
        _add_folder(tar, PurePosixPath("/kaggle/lib"), 0o755, 0)
        _add_file(tar, WORKING / "__notebook__.ipynb", notebook, 0)
    return buffer.getvalue()


def package_files() -> Iterator[tuple[Path, PurePosixPath]]:
    """Each file of this package that the runner needs, with its place in the container."""
    for source, target in package_mounts():
        if source.is_file():
            yield source, target
            continue
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.suffix in _SUFFIXES:
                yield path, target / path.relative_to(source).as_posix()


def _package_folders() -> list[PurePosixPath]:
    """/harness and all folders of the package below it, parents first.

    A folder that the unpacking has to make up would be root's, and so the notebook's to change.
    """
    folders = {
        parent
        for _, target in package_files()
        for parent in target.parents
        if parent.is_relative_to(HARNESS)
    }
    return sorted(folders)


def _add_folder(tar: tarfile.TarFile, path: PurePosixPath, mode: int, uid: int) -> None:
    entry = _entry(path, uid)
    entry.type = tarfile.DIRTYPE
    entry.mode = mode
    tar.addfile(entry)


def _add_file(tar: tarfile.TarFile, path: PurePosixPath, content: bytes, uid: int) -> None:
    entry = _entry(path, uid)
    entry.mode = 0o644
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _entry(path: PurePosixPath, uid: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path).lstrip("/"))
    entry.uid = entry.gid = uid
    return entry

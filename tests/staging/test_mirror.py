"""The mirror that this machine has is what the lock files say, and fit for the sandbox."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from harness.engine import mirror
from harness.engine.mirror import Mirror
from harness.engine.wheelhouse import ImagePython, needed, read_lock
from tests.command import ROOT

_LIST = """\
import importlib.metadata, json
print(json.dumps({d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}))
"""


@pytest.fixture(scope="module")
def found() -> Mirror:
    it = mirror.locate()
    if it is None:
        pytest.skip("there is no mirror: make setup")
    if not it.from_lock:
        pytest.skip(f"{it.path} was not made from mirror.lock: unset {mirror.VARIABLE}")
    return it


def run(found: Mirror, *arguments: str) -> str:
    done = subprocess.run(
        [found.python, "-I", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_locked_package_is_there_at_its_version(found: Mirror) -> None:
    versions = {canonicalize_name(n): v for n, v in json.loads(run(found, "-c", _LIST)).items()}
    python = ImagePython(version=found.python_version, machine=os.uname().machine)
    locked = needed(read_lock((ROOT / mirror.PACKAGES_LOCK).read_text()), python.environment())
    assert len(locked) > 100
    wrong = [
        f"{each.requirement}: {versions.get(canonicalize_name(each.requirement.name))}"
        for each in locked
        if not each.requirement.specifier.contains(
            versions.get(canonicalize_name(each.requirement.name), "0")
        )
    ]
    assert wrong == []


def test_the_packages_fit_together(found: Mirror) -> None:
    assert "No broken requirements" in run(found, "-m", "pip", "check")


def test_everybody_can_read_it(found: Mirror) -> None:
    closed = [
        path
        for path in found.path.rglob("*")
        if not path.is_symlink()
        and (path.stat().st_mode & (stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)))
        != (stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0))
    ]
    assert closed == []


def test_scripts_for_the_sandbox(found: Mirror) -> None:
    assert found.sandbox_bin is not None
    for name in ("jupyter", "papermill", "pip"):
        script = found.sandbox_bin / name
        assert script.read_text().startswith("#!/opt/mirror/bin/python")
        assert os.access(script, os.X_OK)
    prefix = os.fsencode(found.path)
    assert [e.name for e in found.sandbox_bin.iterdir() if _mentions(e, prefix)] == []


def _mentions(path: Path, prefix: bytes) -> bool:
    return not path.is_symlink() and path.is_file() and prefix in path.read_bytes()

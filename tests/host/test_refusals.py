"""Requests that cannot be served: an exit code, one sentence, the next step, and nothing left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.command import Ended, command, environment
from tests.host.conftest import Place


def _assert_refused(place: Place, ended: Ended, code: int, *texts: str) -> None:
    assert ended.code == code, ended
    assert ended.stdout == "", ended
    assert "Traceback" not in ended.stderr, ended
    assert "Fix: " in ended.stderr, ended
    for text in texts:
        assert text in ended.stderr, ended
    assert place.left() == {}


def test_docker_that_does_not_answer(place: Place):
    nobody = f"unix://{place.folder}/nobody.sock"
    ended = place.verify(
        place.notebook("a", "1"), "--engine", "docker", extra={"DOCKER_HOST": nobody}
    )
    _assert_refused(place, ended, 3, "nobody.sock")


def test_no_engine_at_all(place: Place):
    """Neither Docker nor a mirror: `auto` has nothing to choose, and says what each lacks."""
    ended = place.verify(
        place.notebook("a", "1"),
        extra={
            "DOCKER_HOST": f"unix://{place.folder}/nobody.sock",
            "HARNESS_MIRROR": str(place.folder / "no-mirror"),
        },
    )
    _assert_refused(place, ended, 3)


@pytest.mark.docker
def test_image_that_is_not_there(place: Place):
    """A run never pulls."""
    ended = place.verify(
        place.notebook("a", "1"), "--engine", "docker", "--image", "no-such-image-anywhere:1"
    )
    _assert_refused(place, ended, 3, "no-such-image-anywhere:1")


def test_notebook_that_is_not_there(place: Place):
    _assert_refused(place, place.verify(place.folder / "none.ipynb"), 2, "none.ipynb")


def test_notebook_that_is_a_folder(place: Place):
    (place.folder / "folder.ipynb").mkdir()
    _assert_refused(place, place.verify(place.folder / "folder.ipynb"), 2, "folder.ipynb")


@pytest.mark.ordinary_user
def test_notebook_that_may_not_be_read(place: Place):
    notebook = place.notebook("secret", "1")
    notebook.chmod(0)
    _assert_refused(place, place.verify(notebook), 2, "secret.ipynb")


@pytest.mark.ordinary_user
def test_runs_folder_that_may_not_be_written(place: Place, engine: str):
    place.runs.chmod(0o500)
    try:
        ended = place.verify(place.notebook("a", "1"), "--engine", engine)
    finally:
        place.runs.chmod(0o700)
    _assert_refused(place, ended, 3, str(place.runs))


def test_runs_folder_that_is_a_file(place: Place):
    place.runs.rmdir()
    place.runs.write_text("a file")
    ended = place.verify(place.notebook("a", "1"))
    place.runs.unlink()
    _assert_refused(place, ended, 2, str(place.runs))


def test_handle_that_is_not_staged(place: Place, engine: str):
    ended = place.verify(
        place.notebook("a", "1"), "--engine", engine, "--attach", "ada/never-staged"
    )
    _assert_refused(place, ended, 2, "ada/never-staged")


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["--profle", "cpu"], "--profile"),
        (["--engine", "dokcer"], "docker"),
        (["--memory", "4G"], "GiB"),
        (["--profile", "gpu-t4x3"], "gpu-t4x2"),
    ],
)
def test_flag_that_is_wrong(place: Place, words: list[str], nearest: str):
    _assert_refused(place, place.verify(place.notebook("a", "1"), *words), 2, nearest)


def test_one_wrong_notebook_among_several_starts_none(place: Place):
    good, missing = place.notebook("good", "1"), place.folder / "missing.ipynb"
    _assert_refused(place, place.verify(good, missing), 2, "missing.ipynb")


def test_standard_output_that_nobody_reads(place: Place, engine: str):
    """`harness verify … | head -0`: no traceback, and nothing left."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = place.arguments(place.notebook("a", "1"), "--engine", engine, "--format", "json")
    done = subprocess.run(
        command(*words),
        cwd=place.folder,
        env=environment(place.extra),
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(write_end)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert list(Path(place.folder, "tmp").iterdir()) == []

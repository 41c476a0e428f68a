from __future__ import annotations

from pathlib import Path

import pytest

from harness.kaggle.handles import parse_handle
from harness.kaggle.layout import find_staged, handle_of_folder, handle_of_mount, mount_path
from harness.spec import Layout


@pytest.mark.parametrize(
    ("handle", "nested", "classic"),
    [
        ("competitions/titanic", "competitions/titanic", "titanic"),
        ("datasets/ada/words", "datasets/ada/words", "words"),
        ("notebooks/ada/train", "notebooks/ada/train", "train"),
        (
            "models/google/bert/PyTorch/base/1",
            "models/google/bert/pytorch/base/1",
            "bert/pytorch/base/1",
        ),
    ],
)
def test_mounts(handle, nested, classic):
    parsed = parse_handle(handle)
    assert str(mount_path(parsed, Layout.NESTED)) == f"/kaggle/input/{nested}"
    assert str(mount_path(parsed, Layout.CLASSIC)) == f"/kaggle/input/{classic}"


@pytest.mark.parametrize(
    "path",
    ["/kaggle/input", "/kaggle/input/datasets/ada", "/kaggle/working/datasets/a/b", "relative"],
)
def test_paths_outside_a_source(path):
    assert handle_of_mount(path) is None


def test_staged_folders(tmp_path: Path):
    for folder in (
        "competitions/titanic",
        "datasets/ada/words",
        "datasets/ada/.cache",
        "datasets/ada/empty",
        "models/google/bert/pytorch/base/10",
        "models/google/bert/pytorch/base/tmp",
        "other/ada/words",
    ):
        (tmp_path / folder).mkdir(parents=True)
        if "empty" not in folder:
            (tmp_path / folder / "file").write_text("x")
    (tmp_path / "datasets" / "stray").write_text("x")
    assert [each.handle.qualified for each in find_staged(tmp_path)] == [
        "competitions/titanic",
        "datasets/ada/words",
        "models/google/bert/pytorch/base/10",
    ]


def test_no_inputs_folder(tmp_path: Path):
    assert list(find_staged(tmp_path / "missing")) == []
    assert handle_of_folder(tmp_path, Path("/elsewhere/datasets/a/b")) is None

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from harness.errors import PrerequisiteError, RequestError
from harness.kaggle.handles import parse_handle
from harness.staging import transfer
from harness.staging.sources.base import SourceFile

HANDLE = parse_handle("datasets/me/cats")


def source_file(path: str, content: bytes = b"cats", size: int | None = None) -> SourceFile:
    return SourceFile(
        path=path,
        size_bytes=len(content) if size is None else size,
        open=lambda: io.BytesIO(content),
    )


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_files_are_hashed_and_get_plain_modes(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        written = transfer.copy_files(
            [source_file("b/deep/x.bin", b""), source_file("a.csv")], tmp_path
        )
    finally:
        os.umask(before)
    assert [(each.path, each.size_bytes) for each in written] == [("a.csv", 4), ("b/deep/x.bin", 0)]
    # printf cats | sha256sum
    assert written[0].sha256 == "d936608baaacc6b762c14b0c356026fba3b84e77d5b22e86f2fc29d3da09c675"
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "b" / "deep").stat().st_mode) == 0o755


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//b", "a\\b"])
def test_no_source_can_write_outside(path: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(RequestError):
        transfer.copy_files([source_file(path)], inside)
    assert names(tmp_path) == ["inside"]
    assert names(inside) == []


@pytest.mark.parametrize("announced", [3, 5])
def test_a_file_that_changes_meanwhile_is_refused(announced: int, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="changed while it was copied"):
        transfer.copy_files([source_file("a", size=announced)], tmp_path)


def test_the_new_input_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "datasets" / "me" / "cats"
    target.mkdir(parents=True)
    (target / "old.csv").write_text("old")
    with transfer.claim(tmp_path, HANDLE) as place:
        transfer.copy_files([source_file("new.csv")], place.partial)
        assert names(target) == ["old.csv"]
        transfer.install(place)
    assert names(target) == ["new.csv"]
    assert names(target.parent) == ["cats"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RequestError("no", fix="no")])
def test_an_interruption_leaves_the_old_input(
    error: type[BaseException] | BaseException, tmp_path: Path
) -> None:
    target = tmp_path / "datasets" / "me" / "cats"
    target.mkdir(parents=True)
    (target / "old.csv").write_text("old")

    def interrupted() -> BinaryIO:
        raise error

    files = [source_file("new.csv"), SourceFile(path="x", size_bytes=1, open=interrupted)]
    expected = error if isinstance(error, type) else type(error)
    with pytest.raises(expected), transfer.claim(tmp_path, HANDLE) as place:
        transfer.copy_files(files, place.partial)
    assert names(target) == ["old.csv"]
    assert names(target.parent) == ["cats"]


def test_a_failed_first_attempt_leaves_no_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), transfer.claim(tmp_path, HANDLE):
        raise KeyboardInterrupt
    assert names(tmp_path) == [".locks"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    parent = tmp_path / "datasets" / "me"
    for name in (".cats.partial", ".cats.scratch", ".cats.old"):
        (parent / name).mkdir(parents=True)
        (parent / name / "half.bin").write_text("half")
    with transfer.claim(tmp_path, HANDLE) as place:
        assert names(place.partial) == []
        assert names(place.scratch) == []
        transfer.copy_files([source_file("new.csv")], place.partial)
        transfer.install(place)
    assert names(parent) == ["cats"]


def test_a_full_disk_is_told_before_and_during(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PrerequisiteError, match=r"has .* left"):
        transfer.check_space(tmp_path, 10**18)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.bin")

    monkeypatch.setattr(transfer, "_copy", full)
    with (
        pytest.raises(PrerequisiteError, match="No space left") as caught,
        transfer.claim(tmp_path, HANDLE) as place,
    ):
        transfer.copy_files([source_file("new.csv")], place.partial)
    assert "Make room" in caught.value.fix
    assert names(tmp_path) == [".locks"]


def test_the_lock_files_stay_out_of_git(tmp_path: Path) -> None:
    with transfer.hold(tmp_path, "inputs.lock"):
        pass
    assert (tmp_path / ".locks" / ".gitignore").read_text() == "*\n"

"""What comes out of a run, whatever a notebook left."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import extraction
from harness.engine.extraction import MAX_DEPTH, MAX_SENTENCES, extract_folder, extract_tar
from harness.errors import EngineError


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def from_folder(source, target, *, max_bytes=10**6, max_files=100):
    return extract_folder(source, target, max_bytes=max_bytes, max_files=max_files)


def from_tar(archive: bytes, target, *, strip="working", max_bytes=10**6, max_files=100, size=7):
    chunks = (archive[start : start + size] for start in range(0, len(archive), size))
    return extract_tar(chunks, target, strip=strip, max_bytes=max_bytes, max_files=max_files)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **attributes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for attribute, value in attributes.items():
        setattr(member, attribute, value)
    return member


def tree_of(folder):
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


class TestFolder:
    def test_files_and_folders_come_out_with_plain_modes(self, source, target):
        (source / "deep" / "er").mkdir(parents=True)
        (source / "deep" / "er" / "a.csv").write_bytes(b"id,target\n")
        (source / "run.sh").write_bytes(b"#!/bin/sh\n")
        (source / "run.sh").chmod(0o4755)
        (source / "shut").write_bytes(b"secret of its own")
        (source / "shut").chmod(0)

        done = from_folder(source, target)

        assert tree_of(target) == {
            "deep": None,
            "deep/er": None,
            "deep/er/a.csv": b"id,target\n",
            "run.sh": b"#!/bin/sh\n",
            "shut": b"secret of its own",
        }
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*")}
        assert modes == {"deep": 0o755, "er": 0o755, "a.csv": 0o644, "run.sh": 0o644, "shut": 0o644}
        assert (done.files, done.folders, done.size_bytes) == (3, 2, 37)
        assert done.left_out == ()

    def test_links_pipes_and_sockets_stay(self, source, target):
        (source / "to_etc").symlink_to("/etc/passwd")
        (source / "to_folder").symlink_to("/etc")
        os.mkfifo(source / "pipe")
        (source / "kept").write_bytes(b"x")

        done = from_folder(source, target)

        assert tree_of(target) == {"kept": b"x"}
        assert set(done.left_out) == {
            "'pipe' is a named pipe.",
            "'to_etc' is a symbolic link.",
            "'to_folder' is a symbolic link.",
        }

    def test_a_hard_link_is_copied_so_that_the_other_name_changes_nothing(self, source, target):
        (source / "a").write_bytes(b"before")
        (source / "b").hardlink_to(source / "a")

        from_folder(source, target)
        (target / "a").write_bytes(b"after")

        assert (target / "b").read_bytes() == b"before"

    def test_folders_that_nobody_may_enter_are_entered(self, source, target):
        (source / "closed").mkdir()
        (source / "closed" / "a").write_bytes(b"x")
        (source / "closed").chmod(0)
        source.chmod(0o500)

        from_folder(source, target)

        assert tree_of(target) == {"closed": None, "closed/a": b"x"}

    def test_size_is_bounded(self, source, target):
        (source / "a").write_bytes(b"x" * 60)
        (source / "b").write_bytes(b"x" * 60)
        (source / "c").write_bytes(b"x" * 40)

        done = from_folder(source, target, max_bytes=100)

        assert set(tree_of(target)) == {"a", "c"}
        assert done.left_out == ("'b' would exceed the 100 B that come out.",)

    def test_a_sparse_file_counts_as_it_looks(self, source, target):
        with (source / "huge").open("wb") as file:
            file.truncate(10**12)
        assert from_folder(source, target).files == 0

    def test_number_is_bounded_and_the_sentences_too(self, source, target):
        for number in range(200):
            (source / f"{number:03}").touch()

        done = from_folder(source, target, max_files=10)

        assert len(tree_of(target)) == 10
        assert len(done.left_out) == MAX_SENTENCES + 1
        assert done.left_out[-1] == "140 more were left out."

    def test_depth_is_bounded(self, source, target):
        deepest = source
        for _ in range(MAX_DEPTH + 5):
            deepest = deepest / "d"
        deepest.mkdir(parents=True)

        done = from_folder(source, target)

        assert done.folders == MAX_DEPTH
        assert len(done.left_out) == 1

    def test_odd_names_are_kept_and_said_readably(self, source, target):
        odd = os.fsdecode(b"\xff\n\x1b[31m")
        (source / "sub").mkdir()
        (source / "sub" / odd).write_bytes(b"x")
        (source / odd).symlink_to("/")

        done = from_folder(source, target)

        assert (target / "sub" / odd).read_bytes() == b"x"
        assert "\x1b" not in done.left_out[0]
        assert "\n" not in done.left_out[0]

    def test_files_on_another_disk_are_copied(self, source, target, monkeypatch):
        (source / "a").write_bytes(b"content")

        def rename(*_, **__):
            raise OSError(errno.EXDEV, "another disk")

        monkeypatch.setattr(os, "rename", rename)
        from_folder(source, target)
        assert tree_of(target) == {"a": b"content"}

    def test_a_full_disk_is_an_error_of_the_machine(self, source, target, monkeypatch):
        (source / "a").write_bytes(b"content")

        def rename(*_, **__):
            raise OSError(errno.ENOSPC, "no space")

        monkeypatch.setattr(os, "rename", rename)
        with pytest.raises(EngineError, match="is full"):
            from_folder(source, target)


class TestTar:
    def test_files_come_out_below_the_folder_asked_for(self, target):
        archive = tar_of(
            (entry("working", tarfile.DIRTYPE), b""),
            (entry("working/sub", tarfile.DIRTYPE, mode=0), b""),
            (entry("working/sub/a.csv", mode=0o6777, uid=0), b"1,2\n"),
        )
        done = from_tar(archive, target)
        assert tree_of(target) == {"sub": None, "sub/a.csv": b"1,2\n"}
        assert stat.S_IMODE((target / "sub/a.csv").stat().st_mode) == 0o644
        assert (target / "sub/a.csv").stat().st_uid == os.geteuid()
        assert (done.files, done.folders, done.size_bytes, done.left_out) == (1, 1, 4, ())

    @pytest.mark.parametrize(
        "name",
        ["/etc/passwd", "working/../../a", "../a", "elsewhere/a", "workingx/a"],
    )
    def test_names_that_lead_outside_stay(self, target, tmp_path, name):
        before = set(tmp_path.rglob("*"))
        done = from_tar(tar_of((entry(name), b"x")), target)
        assert set(tmp_path.rglob("*")) == before
        assert len(done.left_out) == 1

    def test_a_second_name_becomes_a_file(self, target):
        link = entry("working/deep/b", tarfile.LNKTYPE, linkname="working/a")
        done = from_tar(tar_of((entry("working/a"), b"answer"), (link, b"")), target)
        assert tree_of(target) == {"a": b"answer", "deep": None, "deep/b": b"answer"}
        assert (done.files, done.left_out) == (2, ())
        assert not (target / "a").samefile(target / "deep/b")

    @pytest.mark.parametrize("first", ["/etc/passwd", "working/../../etc/passwd", "working/gone"])
    def test_a_second_name_of_what_is_not_there(self, target, first):
        link = entry("working/a", tarfile.LNKTYPE, linkname=first)
        done = from_tar(tar_of((link, b"")), target)
        assert tree_of(target) == {}
        assert done.left_out == ("'a' is a second name of a file that did not come out.",)

    @pytest.mark.parametrize(
        ("kind", "word"),
        [
            (tarfile.SYMTYPE, "symbolic link"),
            (tarfile.CHRTYPE, "character device"),
            (tarfile.BLKTYPE, "block device"),
            (tarfile.FIFOTYPE, "named pipe"),
        ],
    )
    def test_other_kinds_stay(self, target, kind, word):
        done = from_tar(tar_of((entry("working/a", kind, linkname="/etc/passwd"), b"")), target)
        assert tree_of(target) == {}
        assert done.left_out == (f"'a' is a {word}.",)

    def test_a_link_and_then_a_file_through_it(self, target, tmp_path):
        archive = tar_of(
            (entry("working/d", tarfile.SYMTYPE, linkname=str(tmp_path)), b""),
            (entry("working/d/escaped"), b"x"),
        )
        from_tar(archive, target)
        assert not (tmp_path / "escaped").exists()
        assert tree_of(target) == {"d": None, "d/escaped": b"x"}

    def test_a_name_that_comes_twice(self, target):
        archive = tar_of(
            (entry("working/a"), b"first"),
            (entry("working/a"), b"second"),
            (entry("working/a/b"), b"below a file"),
            (entry("working/a", tarfile.DIRTYPE), b""),
        )
        done = from_tar(archive, target)
        assert tree_of(target) == {"a": b"first"}
        assert len(done.left_out) == 3

    def test_bounds(self, target):
        members = [(entry(f"working/{number}"), b"x" * 30) for number in range(9)]
        done = from_tar(tar_of(*members), target, max_bytes=100, max_files=2)
        assert (done.files, done.size_bytes, len(done.left_out)) == (2, 60, 7)

    def test_depth_is_bounded_and_said_once(self, target):
        names = ["/".join(["working", *["d"] * depth]) for depth in range(1, MAX_DEPTH + 50)]
        done = from_tar(
            tar_of(*((entry(name, tarfile.DIRTYPE), b"") for name in names)), target, max_files=1000
        )
        assert done.folders == MAX_DEPTH
        assert len(done.left_out) == 1

    @pytest.mark.parametrize("cut", [1, 600, 1100])
    def test_a_stream_that_is_cut(self, target, cut):
        archive = tar_of((entry("working/a"), b"x" * 2000))
        with pytest.raises(EngineError, match="could not be read"):
            from_tar(archive[:cut], target)

    @given(st.binary(max_size=4000), st.integers(1, 700))
    def test_any_bytes_make_files_below_the_target_or_one_error(self, tmp_path_factory, data, size):
        top = tmp_path_factory.mktemp("any")
        target = top / "target"
        target.mkdir()
        with suppress(EngineError):
            from_tar(data, target, size=size)
        assert [path.name for path in top.iterdir()] == ["target"]


def test_both_ways_give_the_same(source, target, tmp_path):
    (source / "sub").mkdir()
    (source / "sub" / "a").write_bytes(b"a")
    (source / "link").symlink_to("sub")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(source, arcname="working")
    other = tmp_path / "other"
    other.mkdir()
    by_tar = from_tar(stream.getvalue(), other)
    by_folder = from_folder(source, target)
    assert by_tar == by_folder
    assert tree_of(other) == tree_of(target)


def test_kinds_have_names():
    assert extraction._kind_of(stat.S_IFSOCK) == "socket"
    assert extraction._kind_of(stat.S_IFBLK) == "block device"
    assert extraction._kind_of(0) == "special file"

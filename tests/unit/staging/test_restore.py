import errno
import json
import shutil
from pathlib import Path

import pytest

from harness.errors import RequestError
from harness.kaggle.handles import parse_handle
from harness.staging import statcache
from harness.staging.lock import LockedFile, read_lock
from harness.staging.restore import State, ensure, shown
from harness.staging.stage import stage
from harness.staging.statcache import StatCache

CATS = "datasets/me/cats"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a source, and a cache of its own; the current folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "source" / "sub").mkdir(parents=True)
    (folder / "source" / "a.csv").write_text("id\n1\n")
    (folder / "source" / "sub" / "b.csv").write_text("id\n2\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def staged(project: Path) -> Path:
    """The same, with the source staged."""
    stage(
        "folder:source", parse_handle(CATS), inputs=project / "inputs", lock=project / "inputs.lock"
    )
    return project


def check(project: Path, **options: bool) -> tuple[State, tuple[str, ...]]:
    (found,) = ensure(project / "inputs", project / "inputs.lock", [CATS], **options)
    return found.state, found.differences


def test_staging_fills_the_folder_and_the_lock(staged: Path) -> None:
    assert (staged / "inputs" / CATS / "sub" / "b.csv").read_text() == "id\n2\n"
    (entry,) = read_lock(staged / "inputs.lock").inputs
    assert (entry.handle, entry.source, entry.revision) == (CATS, "folder:source", None)
    assert [each.path for each in entry.files] == ["a.csv", "sub/b.csv"]
    assert entry.licence == "unknown"
    assert entry.size_bytes == 10
    assert check(staged) == (State.UNCHANGED, ())


def test_staging_twice_gives_the_same_lock(staged: Path) -> None:
    before = (staged / "inputs.lock").read_bytes()
    stage(
        "folder:source", parse_handle(CATS), inputs=staged / "inputs", lock=staged / "inputs.lock"
    )
    assert (staged / "inputs.lock").read_bytes() == before


def test_a_licence_once_said_stays(staged: Path) -> None:
    where = {"inputs": staged / "inputs", "lock": staged / "inputs.lock"}
    stage("folder:source", parse_handle(CATS), licence="cc0-1.0", **where)
    assert stage("folder:source", parse_handle(CATS), **where).licence == "CC0-1.0"
    assert stage("folder:source", parse_handle(CATS), licence="ours", **where).licence == "ours"


def test_a_failed_staging_changes_nothing(staged: Path) -> None:
    before = (staged / "inputs.lock").read_bytes()
    (staged / "source" / "broken").symlink_to("gone")
    with pytest.raises(RequestError):
        stage(
            "folder:source",
            parse_handle(CATS),
            inputs=staged / "inputs",
            lock=staged / "inputs.lock",
        )
    assert (staged / "inputs.lock").read_bytes() == before
    assert check(staged) == (State.UNCHANGED, ())


@pytest.mark.parametrize("emptied", [False, True])
def test_what_is_missing_comes_back(staged: Path, *, emptied: bool) -> None:
    shutil.rmtree(staged / "inputs" / CATS)
    if emptied:
        (staged / "inputs" / CATS).mkdir()
    said: list[str] = []
    (found,) = ensure(staged / "inputs", staged / "inputs.lock", say=said.append)
    assert found.state is State.RESTORED
    assert said == [f"Restoring {CATS} from folder:source"]
    assert check(staged, rehash=True, locked=True) == (State.UNCHANGED, ())


def test_other_bytes_than_the_locks_are_never_restored(staged: Path) -> None:
    shutil.rmtree(staged / "inputs" / CATS)
    (staged / "source" / "a.csv").write_text("id\n9\n")
    with pytest.raises(
        RequestError, match=r"datasets/me/cats cannot be restored: .*a\.csv"
    ) as caught:
        check(staged)
    assert "harness stage" in caught.value.fix
    assert not (staged / "inputs" / CATS).exists()


def test_a_source_that_is_gone_is_named_with_its_handle(staged: Path) -> None:
    shutil.rmtree(staged / "inputs" / CATS)
    shutil.rmtree(staged / "source")
    with pytest.raises(RequestError, match="datasets/me/cats cannot be restored"):
        check(staged)


def test_only_what_is_asked_for_is_looked_at(staged: Path) -> None:
    inputs, lock = staged / "inputs", staged / "inputs.lock"
    assert ensure(inputs, lock, []) == ()
    assert ensure(inputs, lock, ["competitions/titanic"]) == ()
    assert len(ensure(inputs, lock, ["Me/CATS"])) == 1
    assert ensure(inputs, staged / "no.lock") == ()


def edit_same_size(folder: Path) -> None:
    (folder / "a.csv").write_text("id\n7\n")


def edit_longer(folder: Path) -> None:
    (folder / "a.csv").write_text("id\n77\n")


def remove(folder: Path) -> None:
    (folder / "a.csv").unlink()


def add(folder: Path) -> None:
    (folder / "sub" / "more.csv").write_text("")


def link(folder: Path) -> None:
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to("sub/b.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit_same_size, "a.csv has other bytes than the lock says"),
        (edit_longer, "a.csv has 6 bytes, the lock says 5"),
        (remove, "a.csv is missing"),
        (add, "sub/more.csv is not in the lock"),
        (link, "a.csv is neither a file nor a folder"),
    ],
)
def test_differences(change: object, words: str, staged: Path) -> None:
    change(staged / "inputs" / CATS)  # type: ignore[operator]
    assert check(staged) == (State.DIFFERENT, (words,))
    with pytest.raises(RequestError) as caught:
        check(staged, locked=True)
    assert words in caught.value.problem
    assert CATS in caught.value.fix


def test_unchanged_files_are_not_read_again(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    hashing = statcache._hash
    monkeypatch.setattr(statcache, "_hash", lambda path: (read.append(path), hashing(path))[1])
    assert check(staged) == (State.UNCHANGED, ())
    assert read == []
    assert check(staged, rehash=True) == (State.UNCHANGED, ())
    assert len(read) == 2


def test_rehash_finds_what_the_times_hide(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = staged / "inputs" / CATS / "a.csv"
    monkeypatch.setattr(statcache, "fingerprint", lambda _: (5, 0, 0, 0))
    StatCache(path.parent).learn([LockedFile(path="a.csv", size_bytes=5, sha256=sha256_of(staged))])
    path.write_text("id\n7\n")
    assert check(staged)[1] == ()
    assert check(staged, rehash=True)[1] == ("a.csv has other bytes than the lock says",)


def sha256_of(project: Path) -> str:
    return read_lock(project / "inputs.lock").inputs[0].files[0].sha256


@pytest.mark.parametrize(
    "content", ["", "no json", "[]", '{"a.csv": 3}', '{"a.csv": [[1, 2], "x"]}']
)
def test_a_broken_cache_costs_time_only(content: str, staged: Path) -> None:
    for each in (staged.parent / "cache").rglob("*.json"):
        each.write_text(content)
    assert check(staged) == (State.UNCHANGED, ())
    (written,) = (staged.parent / "cache").rglob("*.json")
    assert set(json.loads(written.read_text())) == {"a.csv", "sub/b.csv"}


def test_an_unreadable_file_is_a_difference(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(statcache, "_hash", refuse)
    assert check(staged, rehash=True)[1][0] == "a.csv cannot be read: Permission denied"


def test_long_lists_are_cut() -> None:
    assert shown([str(number) for number in range(20)])[-1] == "and 12 more"
    assert shown(["one"]) == ["one"]

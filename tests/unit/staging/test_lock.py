from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.staging.lock import Lock, LockedFile, LockedInput, format_lock, read_lock, write_lock
from harness.staging.lock_format import check_path, line_of, parse

HASH = "a" * 64
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=40,
).filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
FILES = st.builds(
    LockedFile,
    path=PATHS,
    size_bytes=st.integers(0, 2**50),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
INPUTS = st.builds(
    LockedInput,
    handle=st.builds("datasets/{}/{}".format, SLUGS, SLUGS),
    source=TEXTS,
    revision=st.none() | TEXTS,
    licence=TEXTS,
    files=st.lists(FILES, min_size=1, max_size=5, unique_by=lambda each: each.path).map(
        lambda files: tuple(sorted(files, key=lambda each: each.path))
    ),
)


def make_input(handle: str = "datasets/me/cats", **changes: object) -> LockedInput:
    values: dict[str, object] = {
        "handle": handle,
        "source": "folder:cats",
        "revision": None,
        "licence": "CC0-1.0",
        "files": (LockedFile(path="a.csv", size_bytes=3, sha256=HASH),),
    }
    return LockedInput(**(values | changes))  # type: ignore[arg-type]


@given(st.lists(INPUTS, max_size=4, unique_by=lambda each: each.handle))
def test_what_is_written_reads_back_the_same(inputs: list[LockedInput]) -> None:
    lock = Lock()
    for each in inputs:
        lock = lock.with_input(each)
    text = format_lock(lock)
    document = parse(text, Path("inputs.lock"))
    assert [each.handle for each in document.input] == [each.handle for each in lock.inputs]
    for read, wrote in zip(document.input, lock.inputs, strict=True):
        assert (read.source, read.revision, read.licence) == (
            wrote.source,
            wrote.revision,
            wrote.licence,
        )
        assert [(one.path, one.size, one.sha256) for one in read.files] == [
            (one.path, one.size_bytes, one.sha256) for one in wrote.files
        ]


@given(st.permutations([make_input(f"datasets/me/{name}") for name in ("ape", "bee", "cat")]))
def test_the_order_of_staging_leaves_no_trace(inputs: list[LockedInput]) -> None:
    lock = Lock()
    for each in inputs:
        lock = lock.with_input(each)
    assert [each.handle for each in lock.inputs] == [
        f"datasets/me/{n}" for n in ("ape", "bee", "cat")
    ]


def test_staging_again_replaces_whatever_the_case_of_the_handle() -> None:
    lock = Lock().with_input(make_input("datasets/Me/Cats")).with_input(make_input(licence="MIT"))
    assert [(each.handle, each.licence) for each in lock.inputs] == [("datasets/me/cats", "MIT")]
    assert lock.find("DATASETS/ME/CATS") is not None
    assert lock.find("datasets/me/dogs") is None


def test_file_round_trip(tmp_path: Path) -> None:
    lock = Lock().with_input(make_input(revision="1.0"))
    write_lock(tmp_path / "inputs.lock", lock)
    assert read_lock(tmp_path / "inputs.lock") == lock
    assert [each.name for each in tmp_path.iterdir()] == ["inputs.lock"]


def test_no_lock_is_an_empty_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "inputs.lock") == Lock()


def test_an_unwritable_lock_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "inputs.lock"
    path.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(Exception, match="cannot be written"):
        write_lock(path, Lock())
    assert [each.name for each in tmp_path.iterdir()] == ["inputs.lock"]


GOOD = """\
# comment
version = 1

[[input]]
handle = "datasets/me/cats"
source = "folder:cats"
licence = "MIT"
files = [
    { path = "a.csv", size = 3, sha256 = "%(hash)s" },
    { path = "b.csv", size = 4, sha256 = "%(hash)s" },
]

[[input]]
handle = "competitions/titanic"
source = "folder:titanic"
licence = "MIT"
files = [
    { path = "train.csv", size = 3, sha256 = "%(hash)s" },
]
""" % {"hash": HASH}  # noqa: UP031 - braces all over


def test_the_good_example_is_good() -> None:
    assert len(parse(GOOD, Path("inputs.lock")).input) == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("version = 1", "version = 2", 2, "version"),
        ('handle = "datasets/me/cats"', 'handle = "nothing/me/cats/x"', 5, "handle"),
        ('source = "folder:titanic"', "source = 3", 15, "string"),
        ('source = "folder:titanic"', 'surce = "folder:titanic"', 15, "'source'"),
        ('{ path = "b.csv", size = 4', '{ path = "b.csv", size = -4', 10, "greater than or equal"),
        ('{ path = "b.csv", size = 4', '{ path = "b.csv", size = "4"', 10, "integer"),
        ('{ path = "b.csv"', '{ path = "../b.csv"', 10, "plain path"),
        ('{ path = "b.csv"', '{ path = "/etc/passwd"', 10, "plain path"),
        ('{ path = "b.csv"', '{ path = "a.csv"', 10, "twice"),
        ('path = "train.csv", size', 'path = "train.csv", sise', 18, "'size'"),
        ('"competitions/titanic"', '"datasets/Me/Cats"', 14, "twice"),
        (
            'licence = "MIT"\nfiles = [\n    { path = "t',
            'files = [\n    { path = "t',
            13,
            "licence",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(RequestError) as caught:
        parse(GOOD.replace(old, new), Path("inputs.lock"))
    assert f"line {line}:" in caught.value.problem
    assert words in caught.value.problem
    assert caught.value.exit_code == 2


def test_what_is_not_toml_is_named_with_its_line() -> None:
    with pytest.raises(RequestError, match="line 3"):
        parse("version = 1\n\n[[input\n", Path("inputs.lock"))


def test_many_mistakes_are_cut_short() -> None:
    files = "".join(f'{{ path = "{i}", size = -1, sha256 = "{HASH}" }},\n' for i in range(30))
    text = (
        'version = 1\n[[input]]\nhandle = "datasets/me/cats"\nsource = "folder:x"\n'
        f'licence = "MIT"\nfiles = [\n{files}]\n'
    )
    with pytest.raises(RequestError, match="and 20 more"):
        parse(text, Path("inputs.lock"))


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/",
        "/a",
        "a/",
        "a//b",
        "./a",
        "a/../b",
        "a\\b",
        "a\nb",
        "a\0b",
        "x" * 256,
        "é" * 128,
    ],
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"plain path|backslash|longer"):
        check_path(path)


@given(PATHS)
def test_plain_paths_stay_inside(path: str) -> None:
    assert (Path("/inputs") / check_path(path)).is_relative_to("/inputs")
    assert ".." not in Path(path).parts


def test_lines_beyond_the_document_do_not_raise() -> None:
    assert line_of("", ("input", 3, "files", 2)) == 1
    assert line_of(GOOD, ()) == 1
    assert line_of(GOOD, ("input", 0, "files", 99)) == 4

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.kaggle.handles import FORMS, Handle, make_handle, nearest_handle, parse_handle
from harness.kaggle.layout import handle_of_folder, handle_of_mount, mount_path, staged_folder
from harness.spec import Layout, SourceKind

part = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


@st.composite
def handles(draw: st.DrawFn) -> Handle:
    kind = draw(st.sampled_from(list(SourceKind)))
    count = FORMS[kind].count("/") + 1
    parts = [draw(part) for _ in range(count)]
    if kind is SourceKind.MODEL:
        parts[-1] = str(draw(st.integers(min_value=1, max_value=999)))
    return make_handle(kind, parts)


@given(handles())
def test_written_and_read_again(handle):
    assert parse_handle(handle.qualified) == handle
    assert parse_handle(str(handle), kind=handle.kind) == handle


@given(handles())
def test_mount_and_folder_lead_back_to_the_handle(handle):
    mount = mount_path(handle, Layout.NESTED)
    assert handle_of_mount(mount).key == handle.key
    assert handle_of_mount(mount / "deep" / "file.txt").key == handle.key
    inputs = Path("/somewhere/inputs")
    assert handle_of_folder(inputs, staged_folder(inputs, handle)) == handle


@given(st.text(max_size=60))
def test_any_text_is_a_handle_or_refused_with_a_fix(text):
    try:
        handle = parse_handle(text)
    except RequestError as error:
        assert error.fix  # noqa: PT017 - whether it raises depends on the text
    else:
        assert ".." not in handle.parts
        assert all(step not in ("", ".") for step in handle.parts)


@pytest.mark.parametrize(
    ("text", "kind", "written"),
    [
        ("titanic", SourceKind.COMPETITION, "titanic"),
        ("competitions/titanic", SourceKind.COMPETITION, "titanic"),
        ("competition/titanic", SourceKind.COMPETITION, "titanic"),
        ("ada/words", SourceKind.DATASET, "ada/words"),
        ("notebooks/ada/words", SourceKind.NOTEBOOK, "ada/words"),
        ("google/bert/pytorch/base/1", SourceKind.MODEL, "google/bert/pytorch/base/1"),
        ("/kaggle/input/models/google/bert/pytorch/base/1", SourceKind.MODEL, None),
        ("datasets/ada/words/", SourceKind.DATASET, "ada/words"),
        # An owner who is called like a kind is an owner.
        ("models/words", SourceKind.DATASET, "models/words"),
    ],
)
def test_forms(text, kind, written):
    handle = parse_handle(text)
    assert handle.kind is kind
    if written is not None:
        assert str(handle) == written


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("google/bert/pytorch/base", "Name the model's version too: google/bert/pytorch/base/1."),
        ("competitons/titanic/x", "Did you mean competitions/titanic/x?"),
        ("dataset/ada", None),
        ("a/b/c", "Write one of"),
        ("", "Write one of"),
        ("../etc", "Write one of"),
        ("ada/../x", "Write one of"),
        ("google/bert/pytorch/base/latest", "Write one of"),
        ("google/bert/pytorch/base/0", "Write one of"),
    ],
)
def test_no_handles(text, fix):
    if fix is None:
        assert parse_handle(text).kind is SourceKind.DATASET
        return
    with pytest.raises(RequestError) as caught:
        parse_handle(text, where="--attach")
    assert fix in caught.value.fix
    assert caught.value.problem.startswith("--attach: ")


def test_the_wrong_kind_is_refused():
    with pytest.raises(RequestError, match="belongs to models, not to datasets"):
        parse_handle("models/google/bert/pytorch/base/1", kind=SourceKind.DATASET)


def test_case_does_not_tell_sources_apart():
    assert parse_handle("Google/BERT/PyTorch/Base/1").key == (
        parse_handle("google/bert/pytorch/base/1").key
    )


def test_the_nearest_handle():
    known = [parse_handle("titanic"), parse_handle("ada/words")]
    assert nearest_handle(parse_handle("titanik"), known) == known[0]
    assert nearest_handle(parse_handle("ada/wrods"), known) == known[1]
    assert nearest_handle(parse_handle("zzz/qqq"), known) is None

"""papermill's rules on outputs that are already there; tests/differential asks the real one."""

from __future__ import annotations

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inside.papermill import blame, is_skipped, plain


def cell(*outputs, source="x", **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def error(name="ValueError", value="v"):
    return nbformat.v4.new_output("error", ename=name, evalue=value, traceback=[f"{name}: {value}"])


PRINTED = nbformat.v4.new_output("stream", name="stderr", text="ValueError: only printed\n")
MARKDOWN = nbformat.v4.new_markdown_cell("text")


def test_nothing_is_to_blame_without_an_error_output():
    assert blame([MARKDOWN, cell(PRINTED), cell()], None, {}) is None


def test_the_last_cell_with_an_error_output_is_blamed():
    found = blame([cell(error("A")), MARKDOWN, cell(error("B"), error("C"))], None, {})
    assert found is not None
    assert (found.cell, found.name, found.traceback) == (2, "B", "B: v")


def test_a_forgiven_exit_is_passed_over():
    assert blame([cell(error("SystemExit", "0"))], 0, {}) is None
    found = blame([cell(error("SystemExit", ""), error("A"))], 0, {})
    assert found is not None
    assert found.name == "A"


def test_a_failing_reply_without_an_output_is_blamed():
    reply = {"status": "error", "ename": "KeyError", "evalue": "'k'", "traceback": ["tb"]}
    found = blame([cell(), cell(PRINTED)], 1, reply)
    assert found is not None
    assert (found.cell, found.name, found.value, found.traceback) == (1, "KeyError", "'k'", "tb")


def test_a_failing_reply_is_passed_over_when_an_earlier_cell_is_to_blame():
    found = blame([cell(error("A")), cell()], 1, {})
    assert found is not None
    assert found.cell == 0


@pytest.mark.parametrize(
    ("source", "tags", "skipped"),
    [
        ("x", [], False),
        ("", [], True),
        (" \n\t", [], True),
        ("# only a comment", [], False),
        ("x", ["skip-execution"], True),
        ("x", ["raises-exception"], False),
    ],
)
def test_which_cells_are_skipped(source, tags, skipped):
    assert is_skipped(cell(source=source, tags=tags)) is skipped


@given(st.text())
def test_plain_text_has_no_escape_and_no_surrogate(text):
    made = plain(text)
    assert "\x1b" not in made
    made.encode("utf-8")


def test_plain_text_keeps_lines_and_drops_colours():
    assert plain("\x1b[0;31mred\x1b[0m\n\tx\x07\x1b]8;;http://h\x1b\\link\ud800") == "red\n\txlink?"

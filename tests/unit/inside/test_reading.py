"""Notebook files, good and bad."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.reading import NotebookRefusedError, read_notebook

SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(**changes):
    whole = {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {"kernelspec": SPEC},
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "text"},
            {
                "cell_type": "code",
                "metadata": {},
                "source": ["a = 1\n", "a"],
                "execution_count": 7,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
            },
        ],
    }
    return whole | changes


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "n.ipynb"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return read_notebook(path)

    return read


@pytest.fixture
def reason(read):
    def reason(content):
        with pytest.raises(NotebookRefusedError) as caught:
            read(content)
        assert caught.value.detail.endswith((".", "'"))
        return caught.value.reason

    return reason


def test_a_notebook_is_read_without_its_outputs(read):
    cells = read(notebook()).cells
    assert cells[1].source == "a = 1\na"
    assert cells[1].outputs == []
    assert cells[1].execution_count is None


def test_no_cells_is_a_notebook(read):
    assert read(notebook(cells=[])).cells == []


def test_format_3_is_upgraded(read):
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "", "kernelspec": SPEC},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "input": "print 1",
                        "language": "python",
                        "collapsed": False,
                        "metadata": {},
                        "outputs": [],
                    }
                ],
            }
        ],
    }
    made = read(old)
    assert made.nbformat == 4
    assert made.cells[0].source == "print 1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty_file"),
        (b" \n ", "empty_file"),
        (b"not json", "not_json"),
        (b'{"nbformat": 4, "cells": [', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"[" * 100_000, "not_json"),
        ('{"cells": "caf\u00e9"}'.encode("cp1252"), "not_utf8"),
        ("{}".encode("utf-16"), "not_utf8"),
        (b"[]", "not_a_notebook"),
        (b"{}", "not_a_notebook"),
        (b'{"nbformat": "4"}', "not_a_notebook"),
        (notebook(nbformat=99), "not_a_notebook"),
        (notebook(cells=None), "not_a_notebook"),
        (notebook(cells=[3]), "not_a_notebook"),
        (notebook(cells=[{"cell_type": "code"}]), "not_a_notebook"),
        (notebook(metadata={}), "no_kernel"),
        (notebook(metadata={"kernelspec": {"name": "my-env", "language": "python"}}), "no_kernel"),
        (notebook(metadata={"kernelspec": {"name": "ir", "language": "R"}}), "language"),
        (notebook(metadata={"kernelspec": {"name": "ir"}}), "language"),
        (notebook(metadata={"kernelspec": SPEC, "language_info": {"name": "julia"}}), "language"),
        (notebook(metadata={"kernelspec": SPEC, "kaggle": {"language": "r"}}), "language"),
    ],
)
def test_a_notebook_that_cannot_run_is_refused_with_the_reason(reason, content, expected):
    assert reason(content) == expected


def test_the_byte_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_bytes(b'{\n "cells": "\xe9"}')
    with pytest.raises(NotebookRefusedError, match="byte 0xe9 in line 2"):
        read_notebook(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "metadata", "nbformat", "tags"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(cells=values, metadata=values)
def test_any_json_is_read_or_refused(tmp_path_factory, cells, metadata):
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    metadata = metadata if isinstance(metadata, dict) else {}
    metadata["kernelspec"] = SPEC
    path.write_text(json.dumps(notebook(cells=cells, metadata=metadata)))
    try:
        made = read_notebook(path)
    except NotebookRefusedError:
        return
    assert all(isinstance(cell.source, str) for cell in made.cells)

"""The files that the runner leaves: log, notebook, page."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inside.log import Log
from harness.inside.render import is_image_name, save_page
from harness.inside.writer import cell_json


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=20)), max_size=6))
def test_the_log_is_one_array_with_an_element_a_line(tmp_path_factory, printed):
    path = tmp_path_factory.getbasetemp() / "log.json"
    log = Log(path)
    for name, text in printed:
        log.write(name, text)
    log.close()
    log.write("stdout", "too late")
    written = path.read_text(encoding="ascii")
    elements = json.loads(written)
    assert [set(element) for element in elements] == [{"stream_name", "time", "data"}] * len(
        elements
    )
    assert "".join(e["data"] for e in elements) == "".join(text for _, text in printed)
    lines = written.splitlines()
    assert all(line.startswith(",") for line in lines[1:])
    assert len(lines) == max(1, len(elements))


def test_a_cell_is_written_as_nbformat_does():
    cell = nbformat.v4.new_code_cell("a\nb", execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="1\n2\n"),
        nbformat.v4.new_output(
            "display_data", data={"text/plain": "x\ny", "application/json": {"a": "1\n2"}}
        ),
    ]
    made = json.loads(cell_json(cell))
    whole = nbformat.v4.new_notebook(cells=[cell])
    assert made == json.loads(nbformat.writes(whole))["cells"][0]


def test_half_of_a_surrogate_pair_becomes_a_question_mark():
    assert b'"?"' in cell_json({"cell_type": "markdown", "metadata": {}, "source": "\ud800"})


def test_outputs_nested_too_deeply_are_replaced():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    output = {"output_type": "display_data", "metadata": {}, "data": {"application/json": deep}}
    cell = {"cell_type": "code", "metadata": {}, "source": "x", "outputs": [output]}
    assert "too deeply" in json.loads(cell_json(cell))["outputs"][0]["text"][0]


def page(text: bytes, images: dict[str, bytes]) -> bytes:
    header = {"page": len(text), "images": [[name, len(data)] for name, data in images.items()]}
    return json.dumps(header).encode() + b"\n" + text + b"".join(images.values())


def test_page_and_images_are_saved(tmp_path):
    save_page(page(b"<html>", {"__results___files/a.png": b"PNG"}), tmp_path)
    assert (tmp_path / "__results__.html").read_bytes() == b"<html>"
    assert (tmp_path / "__results___files" / "a.png").read_bytes() == b"PNG"


def test_an_image_never_leaves_its_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    save_page(
        page(
            b"p", {"../evil": b"1", "/evil": b"2", "__results___files/../x": b"3", "log.json": b"4"}
        ),
        out,
    )
    assert [path.name for path in out.iterdir()] == ["__results__.html"]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"[]\n", b'{"page": 9, "images": []}\nshort', page(b"p", {}) + b"more"],
)
def test_what_is_no_page_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="nbconvert"):
        save_page(content, tmp_path)
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=30))
def test_an_image_name_has_two_parts(name):
    if is_image_name(name):
        assert name.count("/") >= 1
        assert "\0" not in name

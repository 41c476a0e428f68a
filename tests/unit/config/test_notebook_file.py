from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.notebook_file import find_notebook, safe_name
from harness.errors import RequestError


@pytest.mark.parametrize(
    "name", ["a b.ipynb", "-x.ipynb", "né\n.ipynb", "[red].ipynb", "no_suffix", "a.b.c.ipynb"]
)
def test_any_name_works(tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert find_notebook(Path(name), tmp_path) == tmp_path / name


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.ipynb").write_text("{}")
    (tmp_path / "link.ipynb").symlink_to("real.ipynb")
    assert find_notebook(Path("link.ipynb"), tmp_path).name == "real.ipynb"


@pytest.mark.parametrize(
    ("name", "problem", "fix"),
    [
        ("submti.ipynb", "There is no notebook 'submti.ipynb'", "Did you mean 'submit.ipynb'?"),
        ("zzz.ipynb", "There is no notebook", "In that folder there is submit.ipynb."),
        ("missing/x.ipynb", "There is no notebook", "There is no folder 'missing' either"),
        (".", "'.' is a folder", "Name a file in it, e.g. 'submit.ipynb'."),
        ("empty", "'empty' is a folder", "Name a notebook file."),
        ("train.py", "is a script", "jupytext"),
        ("x" * 300, "cannot be the name of a file|There is no notebook", ""),
        ("a\0b", "cannot be the name of a file|There is no notebook", ""),
    ],
)
def test_what_is_no_notebook(tmp_path, name, problem, fix):
    (tmp_path / "submit.ipynb").write_text("{}")
    (tmp_path / "train.py").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match=problem) as caught:
        find_notebook(Path(name), tmp_path)
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("submit.ipynb", "submit"),
        ("a b.ipynb", "a-b"),
        ("-x.ipynb", "x"),
        ("...ipynb", "notebook"),
        ("日本.ipynb", "notebook"),
        ("../up.ipynb", "up"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(Path(name)) == safe


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text))
def test_a_safe_name_is_safe(name):
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", safe_name(Path(name)))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"metadata": [{"kaggle": 1}]}', b"\xff"])
def test_a_notebook_that_cannot_be_read_is_the_runs_to_refuse(project, content):
    project.notebook.write_bytes(content)
    assert project.ask().spec.notebook == project.notebook


def test_kernel_metadata_that_is_no_text(project):
    (project.folder / "kernel-metadata.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(RequestError, match="cannot be read"):
        project.ask()


def test_a_byte_order_mark_is_no_mistake(project):
    (project.folder / "kernel-metadata.json").write_text(
        '\ufeff{"enable_internet": false, "enable_gpu": true}', encoding="utf-8"
    )
    assert project.ask().spec.profile == "gpu-t4x2"

"""Tracebacks of three writers, whole and cut."""

from harness.judge.frames import (
    cell_lines,
    failing_lines,
    is_of_the_cell_itself,
    passes_through,
    without_source,
)

IPYTHON_7 = """\
---------------------------------------------------------------------------
OSError                                   Traceback (most recent call last)
/tmp/ipykernel_5/1202896027.py in <cell line: 0>()
      3     model = "bert-base-cased"
----> 5 config = AutoConfig.from_pretrained(
      6     CFG.model,

/opt/mirror/lib/python3.11/site-packages/transformers/hub.py in load(cls)
   1355         config = None
-> 1356         config = get()

OSError: no
"""
IPYTHON_9 = """\
---------------------------------------------------------------------------
OSError                                   Traceback (most recent call last)
Cell In[124], line 3
      1 import torch
----> 3 load()

File /opt/mirror/lib/python3.11/site-packages/transformers/hub.py:646, in load(cls)
    645         # gaierror
--> 646         raise OSError(

OSError: no
"""


def test_lines_of_the_cell():
    assert cell_lines(IPYTHON_7)[1] == "config = AutoConfig.from_pretrained("
    assert len(cell_lines(IPYTHON_7)) == 3
    assert [line.strip() for line in cell_lines(IPYTHON_9)] == ["import torch", "load()"]


def test_failing_lines():
    assert failing_lines(IPYTHON_7)[-1] == "config = get()"
    assert failing_lines(IPYTHON_9) == ("load()", "raise OSError(")


def test_cut_anywhere():
    for start in range(len(IPYTHON_9)):
        cut = IPYTHON_9[start:]
        assert set(cell_lines(cut)) <= set(cell_lines(IPYTHON_9)) | {cut.partition("\n")[0]}


def test_quoted_code_is_no_message():
    assert "gaierror" not in without_source(IPYTHON_9)
    assert "OSError: no" in without_source(IPYTHON_9)


def test_packages():
    assert passes_through(IPYTHON_7, "transformers")
    assert not passes_through(IPYTHON_7, "torch")


def test_syntax_of_the_cell():
    assert is_of_the_cell_itself('  File "/tmp/ipykernel_5/4.py", line 1\n    def f(:\n')
    assert is_of_the_cell_itself("  Cell In[3], line 1\n    def f(:\n")
    assert not is_of_the_cell_itself("Traceback (most recent call last):\n\n  Cell In[3], line 1\n")
    assert not is_of_the_cell_itself("")

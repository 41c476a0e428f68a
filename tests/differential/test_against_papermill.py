"""papermill decides what fails on Kaggle, so the runner has to agree with it on every rule.

Each case is a rule or a corner of one; the name says which. `dies` marks those where papermill
raises DeadKernelError, which blames no cell.
"""

from __future__ import annotations

import nbformat
import pytest

from harness.events import CellFinished
from tests.kernel.driver import make_notebook

pytestmark = pytest.mark.kernel


def tagged(source: str, *tags: str) -> dict:
    return {"source": source, "metadata": {"tags": list(tags)}}


PUBLISH = (
    "k = get_ipython().kernel\n"
    "error = {'ename': 'NAME', 'evalue': 'VALUE', 'traceback': []}\n"
    "k.send_response(k.iopub_socket, 'error', error)"
)


def publish(name: str, value: str = "") -> str:
    return PUBLISH.replace("NAME", name).replace("VALUE", value)


CASES = {
    "passes": ["a = 1", "print(a)"],
    "no cells": [],
    "empty cells": ["", "  \n"],
    "only a comment": ["# nothing"],
    "first exception stops": ["a = 1", "1/0", "open('later', 'w')"],
    "syntax error": ["a = 1", "def"],
    "exit 0": ["import sys; sys.exit(0)", "1/0"],
    "exit empty": ["import sys; sys.exit()", "1/0"],
    "exit None": ["raise SystemExit(None)", "a = 1"],
    "exit 2": ["import sys; sys.exit(2)"],
    "exit with text": ["import sys; sys.exit('stop')"],
    "exit with 0.0": ["import sys; sys.exit(0.0)"],
    "exit with True": ["import sys; sys.exit(True)"],
    "exit with an empty string": ["import sys; sys.exit('')", "1/0"],
    "exit 0 after a shown error": [publish("Shown"), "import sys; sys.exit(0)"],
    "raises-exception fails at the end": [tagged("1/0", "raises-exception"), "a = 1"],
    "raises-exception twice: the last is blamed": [
        tagged("1/0", "raises-exception"),
        tagged("[][1]", "raises-exception"),
        "a = 1",
    ],
    "raises-exception that does not raise": [tagged("a = 1", "raises-exception")],
    "raises-exception with exit 0": [
        tagged("import sys; sys.exit(0)", "raises-exception"),
        "a = 1",
    ],
    "raises-exception with exit 1": [
        tagged("import sys; sys.exit(1)", "raises-exception"),
        "a = 1",
    ],
    "raises-exception, then a real one": [tagged("1/0", "raises-exception"), "[][1]", "a = 1"],
    "skip-execution": ["a = 1", tagged("1/0", "skip-execution"), "a"],
    "another tag": [tagged("1/0", "parameters")],
    "swallowed": ["try:\n    1/0\nexcept ZeroDivisionError as e:\n    print(e)"],
    "swallowed and printed": [
        "import traceback\ntry:\n    1/0\nexcept ZeroDivisionError:\n    traceback.print_exc()"
    ],
    "swallowed and shown": [
        "try:\n    1/0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()",
        "a = 1",
    ],
    "shown, then cleared": [
        (
            "from IPython.display import clear_output\n"
            "try:\n    1/0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n"
            "clear_output()"
        )
    ],
    "published error output": [publish("Mine", "text"), "a = 1"],
    "published exit 0": [publish("SystemExit", "0"), "a = 1"],
    "published exit 1": [publish("SystemExit", "1"), "a = 1"],
    "published errors in two cells: the last is blamed": [publish("A"), publish("B"), "a = 1"],
    "published error, then an exception": [publish("A"), "1/0"],
    "exception whose output was cleared": [
        (
            "from IPython.display import clear_output\n"
            "shell = get_ipython()\nshell._showtraceback = lambda *a: None\n"
            "raise ValueError('no output')"
        )
    ],
    "exit 0 without an output": [
        "get_ipython()._showtraceback = lambda *a: None\nraise SystemExit(0)"
    ],
    "input": ["input('?')"],
    "keyboard interrupt": ["raise KeyboardInterrupt", "a = 1"],
    "exception in a thread": [
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start(); t.join()"
    ],
    "failing shell line": ["!exit 3", "a = 1"],
    "failing bash cell": ["%%bash\nexit 3", "a = 1"],
    "unknown magic": ["%no_such_magic"],
    "await": ["import asyncio\nawait asyncio.sleep(0)", "await asyncio.sleep(0, 1/0)"],
    "custom exception with an odd text": [
        "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E()"
    ],
    "exception group": ["raise ExceptionGroup('g', [ValueError(1)])"],
    "warning made an error": [
        "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('w')"
    ],
    "assertion": ["assert False, 'no'"],
    "exit call in the last cell": ["a = 1", "exit()"],
    "quit call in the middle": ["quit()", "a = 1"],
    "exit call, later cell dies": ["exit()", "import time; time.sleep(2)", "a = 1"],
    "os._exit(0)": ["a = 1", "import os; os._exit(0)"],
    "killed": ["import os; os.kill(os.getpid(), 9)"],
    "exception after much output": ["for i in range(20_000): print(i)\n1/0"],
}
DIES = {"exit call, later cell dies", "os._exit(0)", "killed"}


@pytest.mark.parametrize("name", CASES)
def test_the_runner_agrees_with_papermill(both, name):
    result = both(make_notebook(*CASES[name]))
    last = result.ran.finished
    assert (last.status == "completed") == result.passed, f"{result.error}: {last}"
    if not result.passed and name not in DIES:
        assert last.cell == result.cell
        if result.error != "CellExecutionError":  # papermill's word for a reply without an output
            assert last.error_name == result.error
    assert (name in DIES) == (result.error == "DeadKernelError")


@pytest.mark.parametrize("name", ["first exception stops", "exit 0", "skip-execution", "passes"])
def test_the_same_cells_run(both, name):
    result = both(make_notebook(*CASES[name]))
    theirs = nbformat.read(result.ran.out.parents[2] / "papermill" / "__notebook__.ipynb", 4)
    cells = [
        c for c in theirs.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])
    ]
    ran = [index for index, cell in enumerate(cells) if cell.get("execution_count") is not None]
    finished = result.ran.all(CellFinished)
    assert [event.cell for event in finished if event.status != "skipped"] == ran
    for index in ran:
        mine, other = result.ran.notebook.cells[index], cells[index]
        assert mine.execution_count == other.execution_count
        assert [o.output_type for o in mine.outputs] == [o.output_type for o in other.outputs]


def file_with(metadata: str, cells: str = "[]", *, major: int = 4, start: str = "") -> bytes:
    """Write a notebook file by hand, in Latin-1: an é is no UTF-8 then."""
    held = "worksheets" if major == 3 else "cells"
    text = (
        f'{start}{{"nbformat": {major}, "nbformat_minor": 0, '
        f'"metadata": {{{metadata}}}, "{held}": {cells}}}'
    )
    return text.encode("latin-1")


SPEC = '"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"{}",
        b"[]",
        b'{"nbformat": 4, "cells": []}',
        file_with(""),
        file_with('"kernelspec": {"name": "mine"}'),
        file_with(SPEC, start="\xef\xbb\xbf"),
        file_with(SPEC, "[{}]"),
        file_with(SPEC + ', "x": "\xe9"'),
        file_with(SPEC),
        file_with(SPEC, major=3),
    ],
)
def test_they_agree_on_files(both, content):
    result = both(content)
    assert (result.ran.finished.status == "completed") == result.passed, result.error

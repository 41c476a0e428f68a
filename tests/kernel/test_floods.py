"""Output without end, and messages that no kernel should send."""

from __future__ import annotations

import pytest

from harness.events import OutputCut
from tests.kernel.driver import make_notebook

pytestmark = pytest.mark.kernel

LIMIT = 100_000
CUT = "longer than what is kept"


def assert_cut(ran, cell=0):
    cut = ran.one(OutputCut)
    assert cut.cell == cell
    assert cut.kept_bytes <= LIMIT
    assert CUT in ran.text(cell)
    assert len(ran.text(cell)) < LIMIT + 200
    assert (ran.out / "__notebook__.ipynb").stat().st_size < 4 * LIMIT
    # An element of the log is some 70 bytes, however short its line.
    assert (ran.out / "log.json").stat().st_size < 40 * LIMIT


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(300_000): print(i)",
        "for i in range(3_000): print('x' * 100, flush=True)",
        "print('y' * 20_000_000)",
        "import os\nfor i in range(3_000): os.write(1, b'z' * 1000)",
    ],
    ids=["lines", "flushed", "one line", "descriptor"],
)
def test_a_cell_that_prints_too_much_is_cut_and_goes_on(run, source):
    ran = run(make_notebook(source, "print('next')"), output_bytes=LIMIT)
    assert ran.finished.status == "completed"
    assert_cut(ran)
    assert ran.text(1) == "next\n"


@pytest.mark.parametrize(
    "source",
    [
        "while True: print('x' * 10_000)",
        "from IPython.display import HTML, display\nwhile True: display(HTML('<b>' * 100_000))",
        "import sys\nwhile True: print('o'); print('e', file=sys.stderr)",
    ],
    ids=["prints", "displays", "alternates"],
)
def test_a_cell_that_prints_for_ever_is_stopped_in_time(run, source):
    ran = run(make_notebook(source), output_bytes=LIMIT, wall_time_s=4.0, grace_s=2.0)
    assert ran.finished.status == "stopped"
    assert ran.arrived_s[-1] < 4 + 2 + 2
    assert_cut(ran)


def test_many_small_pieces_become_one_output(run):
    source = "for i in range(2_000): print(i, flush=True)"
    ran = run(make_notebook(source))
    assert len(ran.notebook.cells[0].outputs) == 1
    assert ran.text(0) == "".join(f"{number}\n" for number in range(2_000))


def test_streams_stay_in_order_around_other_outputs(run):
    source = (
        "from IPython.display import display\nprint('a', flush=True); print('b', flush=True)\n"
        "display(1)\nprint('c', flush=True)"
    )
    outputs = run(make_notebook(source)).notebook.cells[0].outputs
    assert [output.get("text") or output.data["text/plain"] for output in outputs] == [
        "a\nb\n",
        "1",
        "c\n",
    ]


def test_cleared_output_is_gone(run):
    source = (
        "from IPython.display import clear_output\nprint('old', flush=True)\n"
        "clear_output(wait=True)\nprint('new', flush=True)\nprint('newer', flush=True)"
    )
    assert run(make_notebook(source)).text(0) == "new\nnewer\n"


def test_a_display_is_updated_in_place(run):
    source = (
        "from IPython.display import display\nh = display('one', display_id=True)\n"
        "print('x')\nh.update('two')"
    )
    outputs = run(make_notebook(source)).notebook.cells[0].outputs
    assert [output.data["text/plain"] for output in outputs if "data" in output] == ["'two'"]


SEND = (
    "k = get_ipython().kernel\n"
    "parent = k.get_parent() if hasattr(k, 'get_parent') else k._parent_header\n"
    "socket = k.iopub_socket\n"
    "def send(kind, content):\n"
    "    k.session.send(socket, kind, content, parent=parent, ident=b'x')\n"
)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (
            "socket.send_multipart([b'x', b'<IDS|MSG>', b'', b'nope', b'{}', b'{}', b'{}'])",
            "completed",
        ),
        ("socket.send_multipart([b'rubbish'])", "completed"),
        ("socket.send_multipart([b'<IDS|MSG>'] * 9)", "completed"),
        ("send('invented', {'a': 1})", "completed"),
        ("send('stream', {})", "failed"),
        ("send('display_data', {'data': [1], 'metadata': 3})", "failed"),
        ("send('comm_open', {'comm_id': 'c'})", "failed"),
        ("send('error', {'ename': 'Shown', 'evalue': '', 'traceback': ['t']})", "failed"),
        ("send('error', {})", "failed"),
        ("send('status', {})", "failed"),
        ("send('execute_input', {'execution_count': 'many', 'code': ''})", "completed"),
        ("send('clear_output', {})", "completed"),
    ],
)
def test_odd_messages_never_break_the_runner(run, source, status):
    ran = run(make_notebook(SEND + source, "print('next')"))
    assert ran.finished.status == status
    if status == "failed":
        assert ran.finished.cell == 0
    assert ran.exit_code == 0


def test_deeply_nested_json_does_not_break_the_runner(run):
    source = (
        "import json\n"
        "header = json.dumps({'msg_type': 'display_data', 'msg_id': 'm'}).encode()\n"
        "mine = json.dumps({'msg_id': parent['header']['msg_id']}).encode()\n"
        "deep = b'[' * 200_000 + b']' * 200_000\n"
        'content = b\'{"metadata": {}, "data": {"application/json": \' + deep + b\'}}\'\n'
        "socket.send_multipart([b'x', b'<IDS|MSG>', b'', header, mine, b'{}', content])"
    )
    ran = run(make_notebook(SEND + source, "print('next')"))
    assert ran.finished.status == "completed"
    assert ran.text(1) == "next\n"


def test_output_widgets_take_their_outputs(run):
    source = (
        "try:\n    import ipywidgets as w\nexcept ImportError:\n    print('absent')\nelse:\n"
        "    out = w.Output()\n    with out: print('inside')\n    print('absent')"
    )
    ran = run(make_notebook(source))
    assert ran.finished.status == "completed"
    assert ran.text(0) == "absent\n"

"""Notebooks that come to their own end, well or badly."""

from __future__ import annotations

import re

import pytest

from harness.events import CellFinished, CellStarted, NotebookRefused, RunnerStarted, Sample
from tests.kernel.driver import make_notebook, processes_with

pytestmark = pytest.mark.kernel

IMAGES = "__results___files"


def test_a_notebook_passes_and_leaves_what_kaggle_leaves(run):
    notebook = make_notebook("print('hello')\n1 + 1", "import sys; print('oops', file=sys.stderr)")
    ran = run(notebook)
    assert ran.finished.status == "completed"
    assert ran.exit_code == 0
    assert ran.stderr == ""
    assert ran.statuses == {0: "ok", 1: "ok"}
    assert [event.execution_count for event in ran.all(CellFinished)] == [1, 2]
    assert ran.text(0) == "hello\n"
    assert ran.notebook.cells[0].outputs[1].data["text/plain"] == "2"
    assert ran.notebook.metadata.language_info.name == "python"
    assert {"stream_name": "stdout", "data": "hello\n"}.items() <= ran.log[0].items()
    assert ran.log[1]["stream_name"] == "stderr"
    assert "hello" in (ran.out / "__results__.html").read_text(encoding="utf-8")
    started = ran.one(RunnerStarted)
    assert started.cells == 2
    assert {"nbclient", "ipykernel", "nbconvert"} <= set(started.packages)
    assert list(ran.working.iterdir()) == []


def test_images_lie_beside_the_page(run):
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
        "rkJggg=="
    )
    source = (
        "import base64\nfrom IPython.display import Image, display\n"
        f"display(Image(base64.b64decode('{pixel}')))\n"
        f"display(Image(base64.b64decode('{pixel}')), metadata={{'filename': '../../evil'}})"
    )
    ran = run(make_notebook(source))
    assert ran.finished.status == "completed"
    images = [path.name for path in (ran.out / IMAGES).iterdir()]
    assert "__results___0_0.png" in images
    assert not [path for path in ran.out.parent.rglob("evil*") if path.parent.name != IMAGES]


def test_the_kernel_gets_its_environment_and_folder_and_nothing_else(run):
    source = (
        "import os, sys\nprint(os.getcwd())\n"
        "print(sorted(k for k in os.environ if k.startswith(('HARNESS', 'GITHUB', 'X_'))))"
    )
    ran = run(make_notebook(source), environment={"PATH": "/usr/bin:/bin", "X_MINE": "1"})
    assert ran.text(0).splitlines() == [str(ran.working), "['X_MINE']"]


def test_the_kernel_s_limits_are_set(run):
    source = (
        "import os, resource\nprint(len(os.sched_getaffinity(0)))\n"
        "print(resource.getrlimit(resource.RLIMIT_NPROC))\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "print(open('/proc/self/oom_score_adj').read())"
    )
    ran = run(make_notebook(source), cpus=[0], process_limit=2000)
    assert ran.text(0).split("\n")[:4] == ["1", "(2000, 2000)", "(0, 0)", "1000"]


def test_markdown_and_empty_cells_are_not_sent(run):
    notebook = make_notebook(
        "a = 1", " \n", {"source": "1/0", "metadata": {"tags": ["skip-execution"]}}, "a"
    )
    ran = run(notebook)
    assert ran.finished.status == "completed"
    assert ran.statuses == {0: "ok", 1: "skipped", 2: "skipped", 3: "ok"}
    assert [event.cell for event in ran.all(CellStarted)] == [0, 3]


def test_no_cells(run):
    assert run(make_notebook()).finished.status == "completed"


def test_the_first_exception_stops_the_run(run):
    ran = run(
        make_notebook(
            "a = 1", "def f():\n    raise ValueError('no\\n\\x1b[31mred')\nf()", "print('later')"
        )
    )
    last = ran.finished
    assert (last.status, last.cell, last.error_name) == ("failed", 1, "ValueError")
    assert last.error_value == "no\nred"
    assert last.traceback is not None
    assert "raise ValueError" in last.traceback
    assert "\x1b" not in last.traceback
    assert ran.statuses == {0: "ok", 1: "error"}
    assert "PapermillExecutionError" in "".join(entry["data"] for entry in ran.log)
    assert "ValueError" in (ran.out / "__results__.html").read_text(encoding="utf-8")


def test_asking_for_input_fails(run):
    assert run(make_notebook("input('name?')")).finished.error_name == "StdinNotImplementedError"


def test_forgiven_exit_ends_the_run_well(run):
    ran = run(make_notebook("import sys; sys.exit(0)", "1/0"))
    assert ran.finished.status == "completed"
    assert ran.statuses == {0: "exited"}


def test_a_forged_end_of_a_cell_does_not_hide_its_failure(run):
    source = (
        "k = get_ipython().kernel\n"
        "parent = k.get_parent() if hasattr(k, 'get_parent') else None\n"
        "idle = {'execution_state': 'idle'}\n"
        "k.session.send(k.iopub_socket, 'status', idle, parent=parent, ident=b's')\n"
        "raise RuntimeError('the truth')"
    )
    last = run(make_notebook(source)).finished
    assert (last.status, last.cell, last.error_name) == ("failed", 0, "RuntimeError")
    assert last.error_value == "the truth"


def test_a_source_with_half_a_surrogate_pair_fails(run):
    content = (
        b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": {"name": "python3", '
        b'"display_name": "P"}}, "cells": [{"cell_type": "code", "metadata": {}, "outputs": [], '
        b'"execution_count": null, "source": "print(\'\\ud800\')"}]}'
    )
    last = run(content).finished
    assert (last.status, last.cell) == ("failed", 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty_file"), (b"{}", "not_a_notebook"), (b"caf\xe9", "not_utf8"), (b"{", "not_json")],
)
def test_a_file_that_is_no_notebook_is_refused(run, content, reason):
    ran = run(content)
    assert ran.one(NotebookRefused).reason == reason
    assert ran.finished.status == "failed"
    assert ran.exit_code == 0
    assert not ran.all(RunnerStarted)


def test_the_memory_figure_is_right(run):
    source = (
        "import time, mmap\nflags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS\n"
        "block = mmap.mmap(-1, 2**30, flags=flags)\n"
        "for place in range(0, 2**30, 4096):\n    block[place] = 1\ntime.sleep(0.4)"
    )
    ran = run(make_notebook("import time; time.sleep(0.4)", source))
    before = max(sample.memory_bytes for sample in ran.all(Sample) if sample.cell == 0)
    peak = max(sample.memory_bytes for sample in ran.all(Sample) if sample.cell == 1)
    assert abs(peak - before - 2**30) < 0.03 * 2**30


def test_processor_time_and_processes_are_counted(run):
    source = (
        "import subprocess, time\nchild = subprocess.Popen(['sleep', '1'])\n"
        "until = time.process_time() + 0.7\nwhile time.process_time() < until: pass\nchild.wait()"
    )
    samples = run(make_notebook(source)).all(Sample)
    assert max(sample.processes for sample in samples) == 2
    assert samples[-1].cpu_time_s >= 0.7


def test_disk_use_is_measured(run):
    source = "import time\nopen('big', 'wb').write(bytes(5 * 2**20))\ntime.sleep(1.2)"
    ran = run(make_notebook(source))
    assert max(sample.disk_bytes for sample in ran.all(Sample)) >= 5 * 2**20


def test_handlers_at_exit_run_and_write(run):
    source = (
        "import atexit, pathlib\n"
        "atexit.register(lambda: pathlib.Path('submission.csv').write_text('id\\n'))"
    )
    ran = run(make_notebook(source))
    assert ran.finished.status == "completed"
    assert (ran.working / "submission.csv").read_text() == "id\n"


def test_what_is_left_behind_is_counted_and_ended(run):
    source = (
        "import subprocess\n"
        "for _ in range(3): subprocess.Popen(['sleep', '987654'], start_new_session=True)\n"
        "print(subprocess.Popen(['sh', '-c', 'sleep 987655 & exec sleep 987656']).pid)"
    )
    ran = run(make_notebook(source))
    assert ran.finished.status == "completed"
    # The kernel ends its own process group; what left that group stays.
    assert ran.finished.leftovers == 3

    assert processes_with("98765") == []


def test_500_cells_are_all_reported_and_saved(run):
    ran = run(make_notebook(*[f"print({number})" for number in range(500)]))
    assert ran.finished.status == "completed"
    assert list(ran.statuses) == list(range(500))
    assert ran.text(499) == "499\n"
    times = [event.time_s for event in ran.events]
    assert times == sorted(times)


def test_the_traceback_is_in_the_saved_notebook(run):
    ran = run(make_notebook("1/0"))
    (output,) = ran.notebook.cells[0].outputs
    assert output.ename == "ZeroDivisionError"
    assert re.search("division by zero", output.traceback[-1])

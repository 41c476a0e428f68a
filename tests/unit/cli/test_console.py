from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.console import Console, next_step, usage_line
from harness.events import CellFinished, CellStarted, Sample
from harness.result import Cause, Outcome
from harness.spec import Accelerator, EngineName, Limits, RunSpec, Submission

SPEC = RunSpec(
    notebook=Path("/nowhere/nb.ipynb"),
    name="nb",
    profile="cpu",
    accelerator=Accelerator(name="none", wanted=0, present=0),
    limits=Limits(wall_time_s=3600, memory_bytes=2**30, cpus=4, disk_bytes=10**9, shm_bytes=2**26),
    submission=Submission(file_name="submission.csv", competition=None, sample=None),
    engine=EngineName.DOCKER,
    runs=Path("/runs"),
    fidelity=("Packages: differ.",),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def verdict(stream, result, *, spec=SPEC):
    Console(json_mode=False, several=False, out=stream, err=io.StringIO()).verdict(spec, result)


def test_the_order_of_a_verdict(result):
    stream = io.StringIO()
    verdict(
        stream,
        result(
            Outcome.THREW_EXCEPTION,
            Cause.NETWORK_NEED,
            cell=3,
            summary="It wanted the network.",
            advice="harness stage …",
            evidence=("Asked for huggingface.co.",),
        ),
    )
    text = stream.getvalue()
    order = [
        "Notebook Threw Exception: nb.ipynb",
        "Cause: network_need, cell 3",
        "It wanted the network.",
        "Evidence:",
        "Asked for huggingface.co.",
        "memory",
        "enforced",
        "cgroup v1 memory.limit_in_bytes",
        "Differs from Kaggle:",
        "Packages: differ.",
        "Used: ",
        "Report: /runs/1-nb/report.json",
        "Next: harness stage",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert text.rstrip().splitlines()[-1].startswith("Next: ")


def test_no_escape_sequences_without_a_terminal(result):
    stream = io.StringIO()
    verdict(stream, result())
    assert "\x1b" not in stream.getvalue()


def test_colour_on_a_terminal(result):
    stream = Terminal()
    verdict(stream, result())
    assert "\x1b[" in stream.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(result, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    stream = Terminal()
    verdict(stream, result())
    assert "\x1b" not in stream.getvalue()


def test_without_unicode(result):
    stream = ascii_stream()
    verdict(stream, result(summary="naïve …"))
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "na\\xefve" in text
    assert "memory" in text


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]8;;http://x\x07link\x1b]8;;\x07",
        "\x9b2J",
        "[bold red]markup[/]",
        ":smile:",
        "\u202egnp.exe",
        "a\rb\bc\x00",
    ],
)
def test_foreign_text_cannot_act(result, text):
    stream = io.StringIO()
    verdict(stream, result(summary=text, advice=text, evidence=(text,)))
    shown = stream.getvalue()
    assert not {"\x1b", "\x9b", "\x07", "\x08", "\x00", "\r", "\u202e"} & set(shown)
    if text.startswith(("[", ":")):
        assert shown.count(text) == 3


def test_a_long_command_is_not_broken(result):
    stream = io.StringIO()
    advice = "harness stage folder:" + "/x" * 200 + " datasets/ada/words"
    verdict(stream, result(advice=advice))
    assert advice in stream.getvalue()


def test_usage_leaves_out_what_was_not_measured(result):
    usage = result().usage
    text = usage_line(SPEC, result())
    assert text == "1.5 s of 1 h, 1.0 s of CPU time, peak memory 256 MiB of 1.00 GiB."
    bare = replace(result(), usage=replace(usage, cpu_time_s=None, peak_memory_bytes=None))
    assert usage_line(SPEC, bare) == "1.5 s of 1 h."
    disk = replace(result(), usage=replace(usage, peak_disk_bytes=10**6))
    assert "working disk 977 KiB of 954 MiB" in usage_line(SPEC, disk)


def test_the_next_step(result, tmp_path):
    assert next_step(SPEC, result(advice="Do it.")) == "Do it."
    assert next_step(SPEC, result()) == "submit it, with the same sources attached."
    notebook = tmp_path / "nb.ipynb"
    (tmp_path / "kernel-metadata.json").write_text("{}")
    pushed = next_step(replace(SPEC, notebook=notebook), result())
    assert pushed == f"submit it: kaggle kernels push -p {tmp_path}"
    failed = result(Outcome.NOT_PROVEN)
    assert next_step(SPEC, failed) == "open /runs/1-nb/__results__.html"
    nowhere = result(Outcome.NOT_PROVEN, run_folder=None)
    assert "harness doctor" in next_step(SPEC, nowhere)


def run(err, *, several=False, json_mode=False):
    console = Console(json_mode=json_mode, several=several, out=io.StringIO(), err=err)
    listen = console.progress(SPEC)
    listen(CellStarted(time_s=1.0, cell=0))
    listen(
        Sample(
            time_s=2.0,
            memory_bytes=2**20,
            cache_bytes=None,
            cpu_time_s=0.0,
            disk_bytes=0,
            processes=1,
            cell=0,
        )
    )
    listen(CellFinished(time_s=3.0, cell=0, status="ok", wall_time_s=2.0))
    return err.getvalue()


def test_a_terminal_shows_the_running_cell_and_overwrites_it():
    text = run(Terminal())
    assert "running" in text
    assert text.endswith("\r\x1b[Kcell 0  ok            2.0 s   1.00 MiB\n")


@pytest.mark.parametrize("options", [{"several": True}, {"json_mode": True}])
def test_lines_only_where_lines_are_read(options):
    text = run(Terminal(), **options)
    assert "running" not in text
    assert "\x1b" not in text


def test_lines_only_without_a_terminal():
    assert run(io.StringIO()) == "cell 0  ok            2.0 s   1.00 MiB\n"


def test_several_runs_say_which_is_which():
    assert run(io.StringIO(), several=True).startswith("nb.ipynb: cell 0")

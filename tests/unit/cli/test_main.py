from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from harness.cli import main as main_module
from harness.errors import EngineError, PrerequisiteError


def test_without_arguments_there_is_help(command):
    called = command()
    assert called.code == 0
    assert "Usage: harness" in called.out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(command, flag):
    assert "verify" in command(flag).out
    assert "--memory" in command("verify", flag).out


def test_the_version(command):
    called = command("--version")
    assert called.code == 0
    assert called.out.startswith("harness ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("verfy",), "Did you mean 'verify'?"),
        (("zzzzz",), "There are verify, "),
        (("nb.ipynb",), "Did you mean 'harness verify nb.ipynb'?"),
        (("verify",), "Missing argument 'NOTEBOOK...'"),
        (("--hepl",), "--help"),
        (("verify", "nb.ipynb", "--memroy", "1GiB"), "--memory"),
        (("verify", "nb.ipynb", "--atach", "x"), "--attach"),
        (("verify", "nb.ipynb", "--time-limt", "x"), "--time-limit"),
        (("verify", "nb.ipynb", "--print-spce"), "--print-spec"),
        (("verify", "nb.ipynb", "--format", "jsno"), "Did you mean 'json'?"),
        (("verify", "nb.ipynb", "--memory"), "--memory"),
        (("verify", "nb.ipynb", "-j", "0"), "-j"),
        (("verify", "nb.ipynb", "-j", "two"), "-j"),
    ],
)
def test_a_typo_is_a_wrong_request_with_a_suggestion(command, arguments, text):
    command.notebook()
    called = command(*arguments)
    assert called.code == 2
    assert called.out == ""
    assert text in called.err
    assert "  Fix: " in called.err
    assert "Traceback" not in called.err


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--engine", "bubblewarp", "'bubblewrap'"),
        ("--profile", "gpu-t4", "'gpu-t4x2'"),
        ("--layout", "clasic", "'classic'"),
        ("--memory", "8G", "29GiB"),
        ("--time-limit", "9hours", "9h"),
        ("--grace", "10", "10s"),
        ("--disk", "20", "20GB"),
        ("--shm", "2 gigs", "2GiB"),
        ("--cpus", "four", "--cpus 4"),
        ("--processes", "many", "--processes 4096"),
        ("--attach", "a/b/c", "datasets/OWNER/SLUG"),
        ("--competition", "a/b/c", "SLUG"),
        ("--submission-file", "a/b.csv", "a name without a folder"),
        ("--sample", "none.csv", "Check the path"),
        ("--env", "A", "--env A=VALUE"),
        ("--env", "1=2", "NAME=VALUE"),
        ("--image", "mine:1", "docker pull"),
        ("--inputs", "nowhere", "Check the path"),
        ("--runs", "nb.ipynb", "--runs DIR"),
    ],
)
def test_a_wrong_value_of_every_option(command, option, value, text):
    command.notebook()
    if option == "--image":
        command.host = replace(command.host, docker_problem=None)
    called = command("verify", "nb.ipynb", option, value)
    assert called.code == (3 if option == "--image" else 2)
    assert option in called.err
    assert text in called.err
    assert command.specs == []


def test_a_misspelt_notebook(command):
    command.notebook("submit.ipynb")
    called = command("verify", "sumbit.ipynb")
    assert called.code == 2
    assert "Did you mean 'submit.ipynb'?" in called.err


def test_a_file_that_begins_with_a_dash(command):
    command.notebook("-x.ipynb")
    called = command("verify", "-x.ipynb")
    assert called.code == 2
    assert "'./-x.ipynb'" in called.err
    assert command("verify", "./-x.ipynb").code == 0
    assert command("verify", "--", "-x.ipynb").code == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PrerequisiteError("The image is missing.", fix="Build it."), 3),
        (EngineError("The engine broke.", fix="Look at it."), 3),
        (KeyboardInterrupt(), 130),
        (RuntimeError("oh"), 70),
        (EOFError("odd"), 70),
        (MemoryError(), 70),
    ],
)
def test_errors_become_exit_codes(command, error, code):
    command.notebook()
    command.results["nb.ipynb"] = error
    called = command("verify", "nb.ipynb")
    assert called.code == code
    assert "Traceback" not in called.err


def test_a_bug_leaves_a_log_with_versions(command):
    command.notebook()
    command.results["nb.ipynb"] = RuntimeError("oh")
    called = command("verify", "nb.ipynb")
    assert "The harness has a bug: RuntimeError: oh" in called.err
    (log,) = (command.folder / "state").rglob("*.log")
    assert str(log) in called.err
    text = log.read_text()
    assert "RuntimeError: oh" in text
    assert "Python 3." in text
    assert "click " in text
    assert "['verify', 'nb.ipynb']" in text


def test_debug_shows_the_traceback(command):
    command.notebook()
    command.results["nb.ipynb"] = RuntimeError("oh")
    assert "Traceback" in command("verify", "nb.ipynb", "--debug").err
    command.results["nb.ipynb"] = PrerequisiteError("No.", fix="Yes.")
    called = command("verify", "nb.ipynb", "--debug")
    assert "Traceback" in called.err
    assert called.err.rstrip().endswith("Fix: Yes.")


def test_what_is_foreign_in_an_error_cannot_act(command):
    called = command("verify", "\x1b[31mred\x1b[0m\n.ipynb")
    assert called.code == 2
    assert "\x1b" not in called.err
    assert len(called.err.splitlines()) == 2


def test_a_termination_is_an_interruption(command, monkeypatch):
    command.notebook()

    def terminate(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal did not arrive")

    monkeypatch.setattr("harness.verify.verify_notebook", terminate)
    before = signal.getsignal(signal.SIGTERM)
    called = command("verify", "nb.ipynb")
    assert called.code == 130
    assert "Interrupted." in called.err
    assert signal.getsignal(signal.SIGTERM) is before


def test_every_command_is_listed_with_a_line(command):
    out = command("-h").out
    for name, line in main_module.COMMANDS.items():
        assert name in out
        assert line.split()[0] in out

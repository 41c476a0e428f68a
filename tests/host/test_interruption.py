"""Ctrl-C, SIGTERM and `kill -9` at several moments: nothing is left, or the doctor removes it."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import psutil
import pytest

from tests.host.conftest import Place

INTERRUPTED = 130
LONG = """
    import subprocess

    child = subprocess.Popen(["sleep", "WORD"], start_new_session=True)
    child.wait()
"""


def _end(process: subprocess.Popen[bytes], *, timeout_s: float = 30.0) -> int:
    return process.wait(timeout=timeout_s)


def _assert_harness_error(place: Place, process: subprocess.Popen[bytes]) -> None:
    """The report says that nothing can be said about the notebook."""
    code = _end(process)
    report = json.loads((place.folder / "stdout").read_text())
    assert report["outcome"] == "Harness Error"
    assert report["cause"] in {"engine_failed", "runner_failed"}
    assert code == (3 if report["cause"] == "engine_failed" else 70)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_in_a_cell(place: Place, engine: str, number: signal.Signals):
    process = place.start(place.notebook("long", LONG), "--engine", engine)
    place.wait_for_word()
    began = time.monotonic()
    process.send_signal(number)
    assert _end(process) == INTERRUPTED
    assert time.monotonic() - began < 10
    assert "Traceback" not in (place.folder / "stderr").read_text()
    assert place.left() == {}


@pytest.mark.parametrize("delay_s", [0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0])
def test_ctrl_c_at_a_moment(place: Place, engine: str, delay_s: float):
    """From the first import to the last clearing away; a run that has ended by then passed."""
    notebook = place.notebook("short", "import time\ntime.sleep(0.3)")
    process = place.start(notebook, "--engine", engine)
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    code = _end(process)
    said = (place.folder / "stderr").read_text()
    # In the first moments Python itself is interrupted, before our first line runs.
    assert code in {INTERRUPTED, 0, -signal.SIGINT}, said
    if code == 0:
        assert (place.runs / "latest" / "report.json").exists()
        return
    if code == INTERRUPTED:
        assert "Traceback" not in said
    assert place.left() == {}


def test_ctrl_c_again_and_again(place: Place, engine: str):
    """Who is impatient gets the same: the second signal does not break the clearing away."""
    process = place.start(place.notebook("long", LONG), "--engine", engine)
    place.wait_for_word()
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert _end(process) in {INTERRUPTED, -signal.SIGINT}
    assert place.left() == {}


def test_ctrl_c_with_several_side_by_side(place: Place, engine: str):
    notebooks = [place.notebook(name, LONG) for name in ("one", "two", "three")]
    process = place.start(*notebooks, "--engine", engine, "-j", "2", "--memory", "500MiB")
    place.wait_for_word()
    process.send_signal(signal.SIGINT)
    assert _end(process) == INTERRUPTED
    assert place.left() == {}


def test_kill_of_the_harness(place: Place, engine: str):
    """No process outlives it, whatever the notebook did; the doctor finds and removes the rest."""
    stubborn = """
        import os, signal, subprocess

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; exec sleep WORD"],
                         start_new_session=True)
        while True:
            pass
    """
    process = place.start(place.notebook("stubborn", stubborn), "--engine", engine)
    place.wait_for_word()
    process.send_signal(signal.SIGKILL)
    _end(process)

    left = place.left()
    assert {"processes", "mounts", "containers"} & set(left) == set(), left

    if set(left) - {"files"} or any("scratch" in path for path in left.get("files", [])):
        assert "harness doctor --fix" in place.doctor().stdout
    fixed = place.doctor("--fix")
    assert "Traceback" not in fixed.stderr, fixed
    after = place.left()
    assert set(after) <= {"files"}, after
    assert [path for path in after.get("files", []) if "scratch/" in path] == []
    assert "harness doctor --fix" not in place.doctor().stdout


def test_next_run_after_a_kill(place: Place, engine: str):
    """What a killed run left does not disturb the next one."""
    process = place.start(place.notebook("long", LONG), "--engine", engine)
    place.wait_for_word()
    process.send_signal(signal.SIGKILL)
    _end(process)
    ended = place.verify(place.notebook("next", "print(1)"), "--engine", engine, "--format", "json")
    assert (ended.code, ended.report["outcome"]) == (0, "Passed"), ended


@pytest.mark.docker
def test_container_that_somebody_removes(place: Place):
    """The engine's failure is no verdict on the notebook."""
    process = place.start(place.notebook("long", LONG), "--engine", "docker", "--format", "json")
    place.wait_for_word()
    listed = subprocess.run(
        ["docker", "ps", "--format", '{{.ID}} {{.Label "kaggle-harness.owner"}}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pairs = [line.split() for line in listed.splitlines()]
    ours = [pair[0] for pair in pairs if pair[1:] and pair[1].startswith(f"{process.pid}:")]
    assert len(ours) == 1, listed
    subprocess.run(["docker", "rm", "--force", ours[0]], capture_output=True, check=True)
    _assert_harness_error(place, process)
    assert place.left().keys() <= {"files"}


@pytest.mark.sandbox
def test_sandbox_that_somebody_kills(place: Place):
    """SIGKILL from outside on the sandbox's own program: not the notebook's fault."""
    process = place.start(
        place.notebook("long", LONG), "--engine", "bubblewrap", "--format", "json"
    )
    place.wait_for_word()
    inside = psutil.Process(process.pid).children(recursive=True)
    sandboxes = [each for each in inside if each.name() == "bwrap"]
    assert sandboxes
    sandboxes[0].kill()
    _assert_harness_error(place, process)
    assert place.left().keys() <= {"files"}

from __future__ import annotations

import json

import pytest

from harness.result import Cause, Outcome
from harness.spec import EngineName

FAILED = (Outcome.THREW_EXCEPTION, Cause.EXCEPTION)


def test_a_pass(command):
    command.notebook()
    called = command("verify", "nb.ipynb")
    assert called.code == 0
    assert "Passed: nb.ipynb" in called.out
    assert called.out.rstrip().splitlines()[-1].startswith("Next: ")
    assert called.err.splitlines()[0].startswith("Engine bubblewrap: Docker is not used because")
    assert "cell 0  ok" in called.err


def test_what_does_not_pass_ends_with_1(command, result):
    command.notebook()
    command.results["nb.ipynb"] = result(*FAILED, cell=0, advice="Catch it.")
    called = command("verify", "nb.ipynb")
    assert called.code == 1
    assert "Notebook Threw Exception: nb.ipynb" in called.out
    assert "Cause: exception, cell 0 (from 0 over all cells)" in called.out
    assert called.out.rstrip().endswith("Next: Catch it.")


def test_flags_reach_the_spec(command):
    command.notebook()
    inputs = command.folder / "elsewhere" / "datasets" / "ada" / "words"
    inputs.mkdir(parents=True)
    (inputs / "x").write_text("x")
    called = command(
        *("verify", "nb.ipynb", "--engine", "bubblewrap", "--profile", "cpu"),
        *("--time-limit", "5min", "--memory", "2GiB", "--disk", "1GB", "--cpus", "1"),
        *("--shm", "64MiB", "--processes", "100", "--grace", "3s", "--layout", "classic"),
        *("--attach", "ada/words", "--submission-file", "out.parquet", "--env", "A=b=c"),
        *("--env", "B=", "--inputs", "elsewhere", "--runs", "there"),
    )
    assert called.code == 0
    (spec,) = command.specs
    limits = spec.limits
    assert spec.engine is EngineName.BUBBLEWRAP
    assert (spec.profile, spec.layout.value) == ("cpu", "classic")
    assert (limits.wall_time_s, limits.grace_s) == (300, 3)
    assert (limits.memory_bytes, limits.disk_bytes) == (2 * 2**30, 10**9)
    assert (limits.cpus, limits.processes, limits.shm_bytes) == (1, 100, 2**26)
    assert [str(each.mount) for each in spec.sources] == ["/kaggle/input/words"]
    assert spec.submission.file_name == "out.parquet"
    assert (spec.environment["A"], spec.environment["B"]) == ("b=c", "")
    assert spec.runs == command.folder / "there"


def test_the_environment_is_read(command, monkeypatch):
    command.notebook()
    monkeypatch.setenv("HARNESS_MEMORY", "3GiB")
    assert command("verify", "nb.ipynb").code == 0
    assert command.specs[0].limits.memory_bytes == 3 * 2**30


def test_json_alone_on_standard_output(command):
    command.notebook()
    called = command("verify", "nb.ipynb", "--format", "json")
    assert called.code == 0
    assert called.json["outcome"] == "Passed"
    assert "Engine bubblewrap" in called.err
    assert "cell 0  ok" in called.err


def test_json_of_several(command, result):
    for name in ("a.ipynb", "b.ipynb"):
        command.notebook(name)
    command.results["b.ipynb"] = result(*FAILED)
    called = command("verify", "a.ipynb", "b.ipynb", "--format", "json")
    assert called.code == 1
    assert [run["outcome"] for run in called.json["runs"]] == ["Passed", "Notebook Threw Exception"]


@pytest.mark.parametrize("jobs", ["1", "2", "9"])
def test_several_notebooks(command, result, jobs):
    names = ("a.ipynb", "deep/a.ipynb", "c.ipynb")
    for name in names:
        command.notebook(name)
    command.results["c.ipynb"] = result(*FAILED)
    called = command("verify", *names, "-j", jobs)
    assert called.code == 1
    assert len(command.specs) == 3
    assert "2 of 3 passed." in called.out
    assert "c.ipynb: cell 0  ok" in called.err


def test_one_wrong_request_stops_all_before_anything_runs(command):
    command.notebook("a.ipynb")
    called = command("verify", "a.ipynb", "missing.ipynb")
    assert called.code == 2
    assert command.specs == []


@pytest.mark.parametrize("name", ["a b.ipynb", "ünï.ipynb", "new\nline.ipynb", "[bold]x.ipynb"])
def test_names_with_odd_characters(command, name):
    command.notebook(name)
    called = command("verify", name)
    assert called.code == 0
    shown = " ".join(name.split())
    assert f"Passed: {shown}" in called.out


def test_the_spec_with_the_origin_of_each_value(command):
    command.notebook()
    called = command("verify", "nb.ipynb", "--memory", "2GiB", "--print-spec")
    assert called.code == 0
    assert command.specs == []
    row = next(line for line in called.out.splitlines() if line.strip().startswith("memory"))
    assert "2.00 GiB" in row
    assert "--memory" in row


def test_the_spec_as_json(command):
    command.notebook()
    called = command("verify", "nb.ipynb", "--print-spec", "--format", "json")
    assert called.json["spec"]["limits"]["cpus"] == 4
    assert called.json["spec"]["sources"] == []
    origins = {each["name"]: each["source"] for each in called.json["origins"]}
    assert origins["profile"] == "default"
    assert called.json["engine_reason"].startswith("Engine bubblewrap")
    called = command("verify", "nb.ipynb", "nb.ipynb", "--print-spec", "--format", "json")
    assert len(called.json["specs"]) == 2


@pytest.mark.usefixtures("_plan")
def test_a_dry_run_shows_the_plan_and_runs_nothing(command):
    command.notebook()
    called = command("verify", "nb.ipynb", "--dry-run")
    assert called.code == 0
    assert command.specs == []
    assert "Command: bwrap --unshare-all 'a b'" in called.out
    for text in ("/mirror", "/opt/mirror", "cgroup", "KAGGLE_KERNEL_RUN_TYPE"):
        assert text in called.out
    called = command("verify", "nb.ipynb", "--dry-run", "--format", "json")
    assert called.json["command"] == ["bwrap", "--unshare-all", "a b"]
    assert called.json["mounts"] == [{"source": "/mirror", "target": "/opt/mirror"}]


def test_setup_makes_what_is_missing_first(command, other_commands):
    command.notebook()
    assert command("verify", "nb.ipynb", "--setup").code == 0
    assert other_commands == [("mirror", True), ("stage", True)]
    other_commands.clear()
    command("verify", "nb.ipynb", "--setup", "--engine", "docker")
    assert other_commands == [("stage", True)]


def test_the_record_is_the_one_that_is_reported(command):
    command.notebook()
    called = command("verify", "nb.ipynb", "--format", "json")
    assert json.loads(called.out)["passed"] is True

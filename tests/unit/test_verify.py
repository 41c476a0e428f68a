"""The order of one verification, with an engine that does what the test says."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass, field

import pytest

from harness import verify
from harness.engine.base import Plan
from harness.errors import EngineError, PrerequisiteError
from harness.result import Cause, Outcome
from harness.spec import EngineName


@dataclass
class ScriptedEngine:
    """Keeps the Protocol's promises; what it does is written in its fields."""

    facts: object
    events: list
    fails: BaseException | None = None
    refuses: Exception | None = None
    output: dict[str, str] = field(default_factory=dict)
    name: EngineName = EngineName.BUBBLEWRAP

    def check(self, spec):
        if self.refuses:
            raise self.refuses

    def plan(self, spec):
        return Plan(command=(), mounts=(), limits={}, environment={})

    def run(self, spec, folders, on_event):
        (folders.scratch / "big").write_text("x")
        for event in self.events:
            on_event(event)
        if self.fails:
            raise self.fails
        for name, text in self.output.items():
            (folders.output / name).write_text(text)
        (folders.runner / "__notebook__.ipynb").write_text('{"cells": []}')
        (folders.runner / "log.json").write_text("[]")
        return self.facts


def test_a_pass_leaves_a_whole_run_folder(make_spec, facts, make_run):
    spec = make_spec()
    seen = []
    engine = ScriptedEngine(facts, make_run(), output={"answer.txt": "42"})
    result = verify.verify_notebook(spec, on_event=seen.append, engine=engine)
    assert result.verdict.outcome is Outcome.PASSED
    assert seen == engine.events
    folder = result.run_folder
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["__notebook__.ipynb", "log.json", "output", "report.json"]
    assert (folder / "output" / "answer.txt").read_text() == "42"
    assert (folder / "output" / "__notebook__.ipynb").read_text() == '{"cells": []}'
    assert json.loads((folder / "report.json").read_text())["outcome"] == "Passed"
    assert (spec.runs / "latest").resolve() == folder
    assert verify.exit_code([result]) == 0


def test_two_runs_in_one_second_have_two_folders(make_spec, facts, make_run):
    spec = make_spec()
    results = [
        verify.verify_notebook(spec, engine=ScriptedEngine(facts, make_run())) for _ in range(3)
    ]
    assert len({result.run_folder for result in results}) == 3
    assert (spec.runs / "latest").resolve() == results[-1].run_folder


def test_an_engine_that_breaks_is_a_harness_error_with_a_report(make_spec, facts, make_run):
    broken = EngineError("The engine went away.", fix="Start it again.")
    result = verify.verify_notebook(
        make_spec(), engine=ScriptedEngine(facts, make_run(finish=None), fails=broken)
    )
    assert result.verdict.outcome is Outcome.HARNESS_ERROR
    assert result.verdict.cause is Cause.ENGINE_FAILED
    assert result.verdict.advice == "Start it again."
    assert (result.run_folder / "report.json").exists()
    assert verify.exit_code([result]) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PrerequisiteError("No.", fix="Do.")])
def test_an_interrupted_run_leaves_no_folder(make_spec, facts, make_run, error):
    spec = make_spec()
    with pytest.raises(type(error)):
        verify.verify_notebook(spec, engine=ScriptedEngine(facts, make_run(), fails=error))
    assert list(spec.runs.iterdir()) == []


def test_a_machine_that_cannot_serve_is_left_untouched(make_spec, facts):
    spec = make_spec()
    refusal = PrerequisiteError("No image.", fix="Build it.")
    with pytest.raises(PrerequisiteError, match="No image"):
        verify.verify_notebook(spec, engine=ScriptedEngine(facts, [], refuses=refusal))
    assert not spec.runs.exists()


def test_a_full_disk_keeps_what_was_written(make_spec, facts, make_run, monkeypatch):
    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(verify.record, "write", full)
    spec = make_spec()
    engine = ScriptedEngine(facts, make_run(), output={"answer.txt": "42"})
    with pytest.raises(PrerequisiteError, match="disk is full"):
        verify.verify_notebook(spec, engine=engine)
    (folder,) = spec.runs.iterdir()
    assert (folder / "output" / "answer.txt").exists()


def test_runs_that_is_a_file(make_spec, facts):
    spec = make_spec()
    spec.runs.write_text("")
    with pytest.raises(PrerequisiteError, match="cannot be made") as caught:
        verify.verify_notebook(spec, engine=ScriptedEngine(facts, []))
    assert "--runs" in caught.value.fix


@pytest.mark.parametrize(
    ("outcome", "cause", "code"),
    [
        (Outcome.PASSED, Cause.NONE, 0),
        (Outcome.PASSED_WITHOUT_GPU, Cause.NONE, 0),
        (Outcome.THREW_EXCEPTION, Cause.EXCEPTION, 1),
        (Outcome.NOT_PROVEN, Cause.NEEDS_GPU, 1),
        (Outcome.HARNESS_ERROR, Cause.ENGINE_FAILED, 3),
        (Outcome.HARNESS_ERROR, Cause.RUNNER_FAILED, 70),
    ],
)
def test_exit_codes(outcome, cause, code):
    verdict = verify.Verdict(outcome=outcome, cause=cause, cell=None, summary="")
    usage = verify.Usage(
        wall_time_s=1.0,
        cpu_time_s=None,
        peak_memory_bytes=None,
        peak_memory_with_cache_bytes=None,
        peak_disk_bytes=None,
    )
    result = verify.RunResult(
        run_folder=None, started_at="", verdict=verdict, usage=usage, cells=(), limits=()
    )
    assert verify.exit_code([result]) == code

"""Every cause has a next step, and the step can be done."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from harness.events import CellFinished, CellStarted
from harness.judge.advice import Case, advise
from harness.judge.ending import Ending
from harness.judge.observed import observe
from harness.judge.verdict import judge
from harness.kaggle.handles import make_handle
from harness.result import Cause, Outcome
from harness.spec import AttachedSource, Layout, SourceKind

TITANIC = AttachedSource(
    kind=SourceKind.COMPETITION,
    handle="titanic",
    path=Path("/inputs/competitions/titanic"),
    mount=PurePosixPath("/kaggle/input/competitions/titanic"),
)


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.NONE])
def test_every_cause_has_advice(make_spec, facts, make_run, cause):
    ending = Ending(outcome=Outcome.THREW_EXCEPTION, cause=cause, cell=3, summary="x")
    advice = advise(Case(spec=make_spec(), ending=ending, seen=observe(make_run(), facts)))
    assert advice.strip()
    assert "\n" not in advice


@pytest.fixture
def failed(make_spec, facts, make_run, tmp_path):
    def run(name, value, *, traceback="", code="", spec=None):
        spec = spec or make_spec()
        cells = [{"cell_type": "code", "source": [line]} for line in ("", "", code)]
        spec.notebook.write_text(json.dumps({"cells": cells, "nbformat": 4}))
        events = make_run(
            CellStarted(time_s=10, cell=2),
            CellFinished(time_s=11, cell=2, status="error", wall_time_s=1),
            finish="failed",
            cell=2,
            error_name=name,
            error_value=value,
            traceback=traceback,
        )
        return judge(spec, events, facts, tmp_path)

    return run


HUB = "/x/site-packages/transformers/utils/hub.py in cached_files()\n"
OFFLINE = "We couldn't connect to 'https://huggingface.co' to load the files"


def test_model_of_the_hub(failed):
    verdict = failed(
        "OSError",
        OFFLINE,
        traceback=HUB,
        code='AutoModel.from_pretrained("google-bert/bert-base-uncased")',
    )
    assert verdict.cause is Cause.MISSING_MODEL
    handle = "google-bert/bert-base-uncased/transformers/default/1"
    for words in (
        "hf download google-bert/bert-base-uncased --local-dir bert-base-uncased",
        f"harness stage folder:bert-base-uncased {handle}",
        f'"{handle}" in model_sources',
        f'In cell 2 load "/kaggle/input/models/{handle}" instead of "google-bert/bert',
    ):
        assert words in verdict.advice
    assert "huggingface.co" in verdict.summary
    make_handle(SourceKind.MODEL, handle.split("/"))


def test_model_in_the_classic_layout(failed, make_spec):
    code = 'AutoModel.from_pretrained("a/b")'
    spec = replace(make_spec(), layout=Layout.CLASSIC)
    verdict = failed("OSError", OFFLINE, traceback=HUB, code=code, spec=spec)
    assert '"/kaggle/input/b/transformers/default/1"' in verdict.advice


def test_model_without_an_owner(failed):
    code = 'AutoModel.from_pretrained("bert-base-uncased")'
    advice = failed("OSError", OFFLINE, traceback=HUB, code=code).advice
    assert "harness stage folder:bert-base-uncased OWNER/bert-base-uncased/" in advice


def test_package(failed):
    advice = failed("ModuleNotFoundError", "No module named 'sentence_transformers'").advice
    assert "pip download -d wheels sentence-transformers" in advice
    assert "%pip install --no-index" in advice


def test_pip_in_a_cell(failed):
    value = "Command '['/opt/mirror/bin/python', '-m', 'pip', 'install', 'x']' returned non-zero"
    chain = "gaierror: [Errno -3] Temporary failure in name resolution"
    advice = failed("CalledProcessError", value, traceback=chain).advice
    assert "--no-index --find-links" in advice


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/kaggle/input/competitions/titanic/Train.csv", "titanic is attached, but has no Train"),
        (
            "/kaggle/input/competitions/titanik/train.csv",
            "read from /kaggle/input/competitions/tit",
        ),
        ("/kaggle/input/datasets/somebody/words/a.txt", '"somebody/words" in dataset_sources'),
        ("/kaggle/input/whatever/a.txt", "Mounted: /kaggle/input/competitions/titanic"),
    ],
)
def test_input(failed, make_spec, path, words):
    spec = replace(make_spec(), sources=(TITANIC,))
    verdict = failed("FileNotFoundError", f"[Errno 2] No such file: '{path}'", spec=spec)
    assert verdict.cause is Cause.MISSING_INPUT
    assert words in verdict.advice


def test_input_in_another_case(failed, make_spec, tmp_path):
    (tmp_path / "titanic" / "Data").mkdir(parents=True)
    (tmp_path / "titanic" / "Data" / "train.csv").touch()
    spec = replace(make_spec(), sources=(replace(TITANIC, path=tmp_path / "titanic"),))
    value = "[Errno 2] No such file: '../input/competitions/titanic/data/Train.csv'"
    advice = failed("FileNotFoundError", value, spec=spec).advice
    assert '"/kaggle/input/competitions/titanic/Data/train.csv"' in advice


def test_slowest_cell(make_spec, facts, make_run):
    ending = Ending(outcome=Outcome.NOTEBOOK_TIMEOUT, cause=Cause.WALL_TIME, cell=None, summary="")
    slow = CellFinished(time_s=20, cell=4, status="ok", wall_time_s=18)
    advice = advise(Case(spec=make_spec(), ending=ending, seen=observe(make_run(slow), facts)))
    assert "cell 4 faster: it took 18 s" in advice


def test_written_index(make_spec, facts, make_run, tmp_path):
    sample = tmp_path / "sample_submission.csv"
    sample.write_text("id,target\n1,0\n")
    output = tmp_path / "output"
    output.mkdir()
    (output / "submission.csv").write_text("Unnamed: 0,id,target\n0,1,0\n")
    spec = make_spec(competition="titanic", sample=sample)
    verdict = judge(spec, make_run(), facts, output)
    assert verdict.outcome is Outcome.SUBMISSION_FORMAT_ERROR
    assert "index=False" in verdict.advice


def test_submission_not_found_in_kaggles_words(make_spec, facts, make_run, tmp_path):
    verdict = judge(make_spec(competition="titanic"), make_run(), facts, tmp_path / "none")
    assert (verdict.outcome, verdict.cause) == (
        Outcome.SUBMISSION_NOT_FOUND,
        Cause.SUBMISSION_MISSING,
    )
    assert verdict.kaggle_message == "Submission file not found: submission.csv"

from __future__ import annotations

import pytest

from harness.config.submission import find_sample
from harness.errors import RequestError


def test_no_competition_expects_nothing(project):
    submission = project.ask().spec.submission
    assert (submission.competition, submission.sample) == (None, None)
    assert submission.file_name == "submission.csv"


@pytest.mark.parametrize(
    "name",
    [
        "sample_submission.csv",
        "sampleSubmission.csv",
        "SampleSubmission.csv",
        "sample-submission.csv",
        "sample_submission.csv.gz",
        "sample_submission.parquet",
    ],
)
def test_the_sample_is_found(project, name):
    project.stage("competitions/titanic", files=("train.csv", name))
    submission = project.ask().spec.submission
    assert submission.competition == "titanic"
    assert submission.sample == project.folder / "inputs/competitions/titanic" / name
    assert submission.file_name == (
        "submission.parquet" if name.endswith(".parquet") else "submission.csv"
    )


def test_csv_is_preferred(tmp_path):
    for name in ("sample_submission.parquet", "sampleSubmission.csv", "sample_submission.csv.gz"):
        (tmp_path / name).write_text("x")
    assert find_sample(tmp_path).name == "sampleSubmission.csv"


@pytest.mark.parametrize("name", ["my_sample_submission_old.csv", "submission.csv", "sample.csv"])
def test_what_is_no_sample(tmp_path, name):
    (tmp_path / name).write_text("x")
    assert find_sample(tmp_path) is None


def test_a_missing_folder_has_none(tmp_path):
    assert find_sample(tmp_path / "missing") is None


def test_a_sample_by_name(project):
    (project.folder / "mine.csv").write_text("x")
    project.stage("competitions/titanic")
    assert project.ask(sample="mine.csv").spec.submission.sample == project.folder / "mine.csv"


def test_a_misspelt_sample_gets_a_suggestion(project):
    (project.folder / "mine.csv").write_text("x")
    with pytest.raises(RequestError) as caught:
        project.ask(sample="mnie.csv")
    assert "'mine.csv'" in caught.value.fix


def test_none_means_that_no_submission_is_expected(project):
    project.stage("competitions/titanic", files=("sample_submission.csv",))
    spec = project.ask(submission_file="none").spec
    assert (spec.submission.competition, spec.submission.sample) == (None, None)
    assert spec.limits.wall_time_s == 12 * 3600
    assert len(spec.sources) == 1

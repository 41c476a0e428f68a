from __future__ import annotations

import pytest

from harness.kaggle.outcomes import MEANING, kaggle_message
from harness.result import Cause, Outcome


@pytest.mark.parametrize(
    ("outcome", "cause", "text"),
    [
        (Outcome.NOTEBOOK_TIMEOUT, Cause.WALL_TIME, "exceeded the max allowed execution duration"),
        (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.KERNEL_MEMORY, "more memory than is available"),
        (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.CHILD_MEMORY, "more memory than is available"),
        (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.DISK_FULL, "[Errno 28] No space left on device"),
        (Outcome.THREW_EXCEPTION, Cause.NETWORK_NEED, "unhandled error while rerunning your code"),
        (Outcome.SUBMISSION_NOT_FOUND, Cause.SUBMISSION_MISSING, "not found: submission.parquet"),
    ],
)
def test_known_texts(outcome, cause, text):
    assert text in kaggle_message(outcome, cause, submission_file="submission.parquet")


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.NOT_PROVEN, Outcome.HARNESS_ERROR])
def test_where_no_text_is_known_there_is_none(outcome):
    assert kaggle_message(outcome, Cause.NONE, submission_file="submission.csv") is None


def test_every_class_of_kaggle_has_a_meaning():
    ours = {
        Outcome.PASSED,
        Outcome.PASSED_WITHOUT_GPU,
        Outcome.NOT_PROVEN,
        Outcome.HARNESS_ERROR,
    }
    assert set(MEANING) == set(Outcome) - ours

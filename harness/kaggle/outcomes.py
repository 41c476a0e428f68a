"""Kaggle's own texts for what can happen to a run, with where each was read.

Where no text of Kaggle's is known the table has none: a made-up line would not be recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.result import Cause, Outcome

# Kaggle's explanation of each class, shortened.
# Source: Kaggle, "Code Competitions - Errors & Debugging Tips", read 2026-11.
MEANING: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.NOTEBOOK_TIMEOUT: "The rerun took longer than the competition allows.",
        Outcome.EXCEEDED_ALLOWED_COMPUTE: (
            "The notebook broke a constraint of the session: more memory or disk than there is."
        ),
        Outcome.THREW_EXCEPTION: (
            "The notebook hit an unhandled error; the hidden data may differ in size and form."
        ),
        Outcome.INFERENCE_SERVER_ERROR: (
            "The evaluation server lacked an endpoint, crashed, or answered too slowly."
        ),
        Outcome.INFERENCE_SERVER_NEVER_STARTED: (
            "The gateway could not reach the notebook's inference server in time."
        ),
        Outcome.SUBMISSION_NOT_FOUND: (
            "The run finished, but the expected file is not in its output."
        ),
        Outcome.SUBMISSION_FORMAT_ERROR: (
            "The submission file has the wrong rows, columns or types, or invalid values."
        ),
    }
)

# What a user reads on the notebook's page or in the API's failure_message.
# Source: texts quoted in public notes and logs, read 2026-11; "unhandled error" is
# error_description of the submissions API, read 2026-11.
_TIME = "Your notebook was stopped because it exceeded the max allowed execution duration."
_MEMORY = "Your notebook tried to allocate more memory than is available."
_EXCEPTION = (
    "Your notebook hit an unhandled error while rerunning your code. Note that the hidden dataset "
    "can be larger/smaller/different than the public dataset"
)
_DISK = "OSError: [Errno 28] No space left on device"

_BY_CAUSE: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.WALL_TIME: _TIME,
        Cause.KERNEL_MEMORY: _MEMORY,
        Cause.CHILD_MEMORY: _MEMORY,
        Cause.DISK_FULL: _DISK,
    }
)


def kaggle_message(outcome: Outcome, cause: Cause, *, submission_file: str) -> str | None:
    """Give the line that Kaggle shows for an outcome.

    Args:
        outcome: The class.
        cause: What lies behind it.
        submission_file: Name of the expected file, which one of the texts quotes.

    Returns:
        None where Kaggle's text is not known.
    """
    if cause in _BY_CAUSE:
        return _BY_CAUSE[cause]
    if outcome is Outcome.THREW_EXCEPTION:
        return _EXCEPTION
    if outcome is Outcome.SUBMISSION_NOT_FOUND:
        # Source: seen by users for a parquet file, in a public note, read 2026-11.
        return f"Submission file not found: {submission_file}"
    return None

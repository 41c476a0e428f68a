"""Is the submission file there, under its name, in its folder, and of the sample's form?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.judge.compare import Finding, compare
from harness.judge.table import NotComparableError, UnreadableError
from harness.result import Cause
from harness.spec import Submission
from harness.text import one_line

_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".csv.zip", ".zip", ".json")
_WORD = "submission"
_FILES_LOOKED_AT = 20_000


def check_submission(
    submission: Submission, output: Path
) -> tuple[Finding | None, tuple[str, ...]]:
    """Judge the submission file of a run that came to its end.

    Args:
        submission: What the competition expects.
        output: Files of /kaggle/working; regular files and folders only.

    Returns:
        What is wrong, or None; and warnings. Without a competition nothing is required.
    """
    if submission.competition is None:
        return None, ()
    path = output / submission.file_name
    if not _is_regular_file(path):
        return _absent(submission, output), ()
    if path.stat().st_size == 0:
        return Finding(Cause.SUBMISSION_EMPTY, "The submission file is empty."), ()
    try:
        return compare(path, submission.sample)
    except UnreadableError as error:
        return Finding(
            Cause.SUBMISSION_UNREADABLE,
            f"{submission.file_name} cannot be read.",
            (one_line(str(error)),),
        ), ()
    except NotComparableError as error:
        return None, (f"{submission.file_name} is observed, not compared: {error}.",)


def _absent(submission: Submission, output: Path) -> Finding:
    name = submission.file_name
    wanted = f"/kaggle/working/{name}"
    found = _candidates(name, output)
    if not found:
        return Finding(Cause.SUBMISSION_MISSING, f"The run left no {wanted}.")
    return Finding(
        Cause.SUBMISSION_ELSEWHERE,
        f"The run left no {wanted}, but /kaggle/working/{one_line(found[0])}.",
        tuple(f"Found: /kaggle/working/{one_line(each)}" for each in found[:5]),
    )


def _candidates(name: str, output: Path) -> list[str]:
    """Files that may have been meant, best first.

    The same name in another folder, the name in another case, then files called a submission, at
    the top first.
    """
    ranked = []
    for path in _walk(output):
        relative = path.relative_to(output)
        folded = relative.name.casefold()
        if relative.name == name:
            rank = 0
        elif folded == name.casefold():
            rank = 1
        elif _WORD in folded and "sample" not in folded and folded.endswith(_SUFFIXES):
            rank = 2
        else:
            continue
        ranked.append((rank, len(relative.parts), str(relative)))
    return [name for _, _, name in sorted(ranked)]


def _walk(output: Path) -> Iterator[Path]:
    looked_at = 0
    for folder, folders, files in os.walk(output):
        folders.sort()
        for name in sorted(files):
            looked_at += 1
            if looked_at > _FILES_LOOKED_AT:
                return
            path = Path(folder, name)
            if _is_regular_file(path):
                yield path


def _is_regular_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        # Not there, or not to be looked at: then it is no submission.
        return False

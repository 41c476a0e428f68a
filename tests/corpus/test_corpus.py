"""Every notebook of the corpus, on every engine, through the real command line."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.conftest import Wrong
from tests.corpus.expectation import Expectation, corpus
from tests.corpus.verification import Verification

# (engine, notebook): why this engine cannot give the right verdict. Strict: a closed gap shows.
KNOWN_GAPS: dict[tuple[str, str], str] = {}

ENGINES = {"bubblewrap": pytest.mark.sandbox, "docker": pytest.mark.docker}
SPOKEN = ("summary", "advice", "evidence", "warnings", "kaggle_message")


def _cases() -> list[Any]:
    """Engine and notebook, each marked with what the engine needs and with a known gap."""
    cases = []
    for engine, needs in ENGINES.items():
        for expected in corpus():
            marks = [needs]
            if reason := KNOWN_GAPS.get((engine, expected.name)):
                marks.append(pytest.mark.xfail(reason=reason, strict=True))
            name = f"{engine}-{expected.name}"
            cases.append(pytest.param(engine, expected, marks=marks, id=name))
    return cases


def _assert_files_are_the_callers(folder: Path) -> None:
    """Everything that a run left is a plain file or folder of ours, that nobody else can use."""
    for path in [folder, *folder.rglob("*")]:
        found = path.lstat()
        if path.parent == folder and path.name == "latest":
            continue  # our own link to the newest run
        assert stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode), path
        assert found.st_uid == os.getuid(), (path, found.st_uid)
        assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH), path


@pytest.mark.parametrize(("engine", "expected"), _cases())
def test_verdict(
    engine: str, expected: Expectation, verification: Verification, wrong: Wrong
) -> None:
    done = verification.of(engine, expected)
    ended, report = done.ended, done.ended.report
    got = f"{report['outcome']} / {report['cause']} / {report['cell']}"
    spoken = json.dumps({name: report.get(name) for name in SPOKEN}, ensure_ascii=False)
    silent = [text for text in expected.mentions if text not in spoken]
    right = (
        report["outcome"] == expected.outcome
        and report["cause"] == expected.cause
        and expected.accepts_cell(report["cell"])
        and ended.code == expected.exit_code
        and report["passed"] == expected.outcome.passed
        and not silent
    )
    if not right:
        wrong(engine, expected, got + (f" (not said: {silent})" if silent else ""), done.seconds)
    assert right, f"{expected.purpose}\n{got}, exit code {ended.code}\n{spoken}\n{ended.stderr}"
    if done.runs.exists():
        _assert_files_are_the_callers(done.runs)
        shutil.rmtree(done.runs)  # a few hundred MiB in all

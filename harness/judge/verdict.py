"""The judgement on one run: outcome in Kaggle's words, cause, evidence, and what to do next.

Pure but for what it reads: the submission in the run's output; the notebook, whose code may name
what an exception does not; and names of files in an attached source, to suggest the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.events import Event
from harness.judge.advice import Case, advise
from harness.judge.ending import Ending, ending_of
from harness.judge.observed import Observed, observe
from harness.judge.sources import cell_sources
from harness.judge.submission import check_submission
from harness.judge.warnings import warnings_of
from harness.kaggle.outcomes import kaggle_message
from harness.result import Cause, ExitFacts, Outcome, Verdict
from harness.spec import RunSpec

_NOT_FOUND = frozenset({Cause.SUBMISSION_MISSING, Cause.SUBMISSION_ELSEWHERE})


def judge(spec: RunSpec, events: Sequence[Event], facts: ExitFacts, output: Path) -> Verdict:
    """Judge one run.

    Args:
        spec: What was asked.
        events: All events of the runner.
        facts: What the engine saw from outside.
        output: The files of /kaggle/working, checked: regular files and folders only.

    Returns:
        The worst outcome of those that hold.
    """
    seen = observe(events, facts)
    extra: tuple[str, ...] = ()
    ending = ending_of(spec, seen, cell_sources(spec.notebook))
    if ending is None:
        ending, extra = _completed(spec, seen, output)
    return Verdict(
        outcome=ending.outcome,
        cause=ending.cause,
        cell=ending.cell,
        summary=ending.summary,
        kaggle_message=kaggle_message(
            ending.outcome, ending.cause, submission_file=spec.submission.file_name
        ),
        advice=advise(Case(spec=spec, ending=ending, seen=seen)),
        evidence=ending.evidence,
        warnings=(*extra, *warnings_of(spec, seen, ending.cause)),
    )


def _completed(spec: RunSpec, seen: Observed, output: Path) -> tuple[Ending, tuple[str, ...]]:
    """Every cell ran: the submission decides, then the accelerator."""
    finding, warnings = check_submission(spec.submission, output)
    if finding is not None:
        is_absent = finding.cause in _NOT_FOUND
        return Ending(
            outcome=Outcome.SUBMISSION_NOT_FOUND if is_absent else Outcome.SUBMISSION_FORMAT_ERROR,
            cause=finding.cause,
            cell=None,
            summary=finding.summary,
            evidence=finding.evidence,
        ), warnings
    ran = sum(event.status != "skipped" for event in seen.finishes.values())
    evidence = [f"{ran} code cell(s) ran without an error output."]
    if spec.submission.competition is not None:
        evidence.append(_submission_evidence(spec, warnings))
    accelerator = spec.accelerator
    if accelerator.wanted and not accelerator.present:
        return Ending(
            outcome=Outcome.PASSED_WITHOUT_GPU,
            cause=Cause.NONE,
            cell=None,
            summary=f"The notebook ran to its end, but without the {accelerator.name} of Kaggle.",
            evidence=(*evidence, "This run had no GPU, so nothing is proven about code for it."),
        ), warnings
    return Ending(
        outcome=Outcome.PASSED,
        cause=Cause.NONE,
        cell=None,
        summary="The notebook ran to its end.",
        evidence=tuple(evidence),
    ), warnings


def _submission_evidence(spec: RunSpec, warnings: tuple[str, ...]) -> str:
    name, sample = spec.submission.file_name, spec.submission.sample
    if any("not compared" in warning for warning in warnings):
        return f"{name} is there."
    if sample is None:
        return f"{name} is there and holds rows; no sample is attached to compare it with."
    return f"{name} agrees with {sample.name} in columns, rows, ids and nulls."

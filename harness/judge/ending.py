"""What ended the run, if it was not the notebook's own last cell.

Each question below is asked in the order of `Outcome`, worst first. A limit is blamed only on
evidence: an event of the watcher, a counter of the memory killer, the host's clock. Exit code 137
and SIGKILL alone are none.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from harness.events import LimitReached
from harness.judge.death import cause_of_death
from harness.judge.exceptions import classify
from harness.judge.failure import Failure
from harness.judge.frames import cell_failing_lines
from harness.judge.observed import Observed
from harness.result import Cause, Outcome
from harness.spec import RunSpec
from harness.text import one_line, plain
from harness.units import format_duration, format_size

# Kaggle names memory and disk as allowed compute, not processes: a failed fork is an exception.
_EXCEPTION_OUTCOMES = {Cause.DISK_FULL: Outcome.EXCEEDED_ALLOWED_COMPUTE}
_INVALID = {
    "empty_file": "The notebook file is empty.",
    "not_json": "The notebook file is not JSON.",
    "not_utf8": "The notebook file is not UTF-8.",
    "not_a_notebook": "The file is JSON but not a notebook.",
    "no_kernel": "The notebook names no kernel that can be started.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a run ended, before advice and Kaggle's words are added.

    Attributes:
        failure: The exception, where it was one.
    """

    outcome: Outcome
    cause: Cause
    cell: int | None
    summary: str
    evidence: tuple[str, ...] = ()
    failure: Failure | None = None


def ending_of(spec: RunSpec, seen: Observed, sources: Sequence[str] = ()) -> Ending | None:
    """Say what ended the run, or None when every cell ran to its end.

    Args:
        spec: What was asked.
        seen: What was observed.
        sources: Code of all cells, in order, empty strings for others; may be empty itself.
    """
    return (
        _broken_harness(spec, seen)
        or _timeout(spec, seen)
        or _memory(seen)
        or _disk(seen)
        or _refusal(seen)
        or _death(seen)
        or _exception(spec, seen, sources)
    )


def _broken_harness(spec: RunSpec, seen: Observed) -> Ending | None:
    """The runner or the engine failed, so nothing can be said about the notebook."""
    if seen.failed is not None:
        last = one_line(plain(seen.failed.detail).strip().rpartition("\n")[2])
        return _harness(Cause.RUNNER_FAILED, f"The runner itself broke: {last}", seen)
    if seen.refused is not None:
        return None
    if engine := _engine_problem(spec, seen):
        return _harness(Cause.ENGINE_FAILED, engine, seen)
    is_at_a_limit = bool(seen.limits or seen.memory_kills)
    if seen.finished is None and not (is_at_a_limit or seen.facts.hard_stopped):
        problem = "The sandbox ended although the runner had not come to its end."
        return _harness(Cause.RUNNER_FAILED, problem, seen)
    if seen.finished is not None and seen.finished.status == "stopped" and not is_at_a_limit:
        problem = "The runner stopped the notebook without a limit."
        return _harness(Cause.RUNNER_FAILED, problem, seen)
    return None


def _engine_problem(spec: RunSpec, seen: Observed) -> str | None:
    if seen.started is None:
        return "The sandbox ended before the runner had begun."
    present = spec.accelerator.present
    if seen.started.gpus < present:
        return f"{present} GPU(s) were to be passed in, and {seen.started.gpus} are seen inside."
    return None


def _harness(cause: Cause, summary: str, seen: Observed) -> Ending:
    facts = seen.facts
    evidence = [f"Exit code of the sandbox: {facts.exit_code}; signal: {facts.signal}."]
    if seen.memory_kills:
        evidence.append(f"The memory killer ended {seen.memory_kills} process(es).")
    if tail := plain(facts.stderr_tail).strip():
        evidence.append(f"The sandbox said: {one_line(tail[-1000:], most=1000)}")
    return Ending(
        outcome=Outcome.HARNESS_ERROR,
        cause=cause,
        cell=seen.running,
        summary=summary,
        evidence=tuple(evidence),
    )


def _timeout(spec: RunSpec, seen: Observed) -> Ending | None:
    """The runner's clock stopped the run, or the host's clock did and the runner was late."""
    allowed = spec.limits.wall_time_s
    reached = seen.limits.get("wall_time")
    was_in_time = seen.finished is not None and seen.finished.time_s <= allowed
    if reached is None and (not seen.facts.hard_stopped or was_in_time):
        return None
    cell = reached.cell if reached is not None and reached.cell is not None else seen.blamed
    where = "Between cells" if cell is None else f"During cell {cell}"
    evidence = []
    if reached is not None:
        evidence.append(f"The runner's clock: {format_duration(reached.used)} used.")
    if seen.facts.hard_stopped:
        evidence.append(
            "It did not stop when interrupted; the host ended it after "
            f"{format_duration(seen.facts.wall_time_s)}."
        )
    return Ending(
        outcome=Outcome.NOTEBOOK_TIMEOUT,
        cause=Cause.WALL_TIME,
        cell=cell,
        summary=f"{where} the time limit of {format_duration(allowed)} was reached.",
        evidence=tuple(evidence),
    )


def _memory(seen: Observed) -> Ending | None:
    """The memory killer's counter went up, or the watcher saw memory past the limit."""
    kills, reached = seen.memory_kills or 0, seen.limits.get("memory")
    if not kills and reached is None:
        return None
    in_child = _was_in_child(seen, reached)
    cell = seen.kill_cell if kills else None
    cell = cell if cell is not None else (reached.cell if reached is not None else None)
    cell = cell if cell is not None else seen.blamed
    where = "Between cells" if cell is None else f"During cell {cell}"
    who = "a process that the notebook started" if in_child else "the notebook's kernel"
    evidence = []
    if kills:
        evidence.append(f"The memory killer's counter says: {kills} process(es) ended.")
    if reached is not None:
        evidence.append(
            f"The watcher saw {format_size(reached.used)} of {format_size(reached.allowed)} in use."
        )
    if in_child and not kills:
        evidence.append("Other processes than the kernel were running, so one of them is blamed.")
    return Ending(
        outcome=Outcome.EXCEEDED_ALLOWED_COMPUTE,
        cause=Cause.CHILD_MEMORY if in_child else Cause.KERNEL_MEMORY,
        cell=cell,
        summary=f"{where} {who} went past the memory limit.",
        evidence=tuple(evidence),
    )


def _was_in_child(seen: Observed, reached: LimitReached | None) -> bool:
    """Whether another process than the kernel is to blame, by the best evidence there is."""
    died, finished = seen.died, seen.finished
    if died is not None:
        # Killed, or gone for a reason of its own while the killer took somebody else?
        was_killed = died.signal == signal.SIGKILL or died.exit_code == 128 + signal.SIGKILL
        return bool(seen.memory_kills) and not was_killed
    if seen.memory_kills and finished is not None and finished.status != "stopped":
        return True  # the kernel lived on and came to an end of its own
    had_children = _had_children(seen, reached)
    return bool(seen.memory_kills) if had_children is None else had_children


def _had_children(seen: Observed, reached: LimitReached | None) -> bool | None:
    """Whether more processes ran just before the end than before the first cell.

    Returns:
        None where there is no sample between the two.
    """
    ends = [reached.time_s if reached is not None else None, seen.kill_s]
    end_s = min((each for each in ends if each is not None), default=float("inf"))
    start_s = seen.first_start_s if seen.first_start_s is not None else float("inf")
    before = [sample for sample in seen.samples if sample.time_s <= start_s]
    during = [sample for sample in seen.samples if start_s < sample.time_s <= end_s]
    if not during:
        return None
    counts = [sample.processes for sample in during]
    return counts[-1] > (before[-1].processes if before else min(counts))


def _disk(seen: Observed) -> Ending | None:
    """The watcher saw /kaggle/working past its limit."""
    reached = seen.limits.get("disk")
    if reached is None:
        return None
    cell = reached.cell if reached.cell is not None else seen.blamed
    where = "Between cells" if cell is None else f"During cell {cell}"
    return Ending(
        outcome=Outcome.EXCEEDED_ALLOWED_COMPUTE,
        cause=Cause.DISK_FULL,
        cell=cell,
        summary=f"{where} /kaggle/working went past its limit of {format_size(reached.allowed)}.",
        evidence=(
            f"The watcher saw {format_size(reached.used)} of {format_size(reached.allowed)}.",
        ),
    )


def _refusal(seen: Observed) -> Ending | None:
    """The notebook could not be run at all."""
    refused = seen.refused
    if refused is None:
        return None
    detail = one_line(refused.detail)
    if refused.reason == "language":
        return Ending(
            outcome=Outcome.NOT_PROVEN,
            cause=Cause.UNSUPPORTED_LANGUAGE,
            cell=None,
            summary="The notebook is not in Python, and only Python is emulated.",
            evidence=(detail,),
        )
    return Ending(
        outcome=Outcome.THREW_EXCEPTION,
        cause=Cause.INVALID_NOTEBOOK,
        cell=None,
        summary=_INVALID.get(refused.reason, "The notebook cannot be run."),
        evidence=(detail,),
    )


def _death(seen: Observed) -> Ending | None:
    """The kernel's process went away by itself."""
    if seen.died is None or (seen.finished is not None and seen.finished.status == "completed"):
        return None
    cause, summary, evidence = cause_of_death(seen.died, seen.memory_kills)
    return Ending(
        outcome=_EXCEPTION_OUTCOMES.get(cause, Outcome.THREW_EXCEPTION),
        cause=cause,
        cell=seen.died.cell if seen.died.cell is not None else seen.blamed,
        summary=summary,
        evidence=evidence,
    )


def _exception(spec: RunSpec, seen: Observed, sources: Sequence[str]) -> Ending | None:
    """An exception, or an error among the outputs at the end."""
    if seen.finished is None or seen.finished.status != "failed":
        return None
    failure = _failure(spec, seen, sources)
    cause, summary = classify(failure)
    evidence = [
        one_line(f"The exception: {failure.error_name}: {failure.error_value}".rstrip(": "))
    ]
    if line := next(reversed(cell_failing_lines(failure.traceback)), ""):
        evidence.append(f"At the line: {one_line(line)}")
    if failure.asked:
        evidence.append(f"Names looked up during the cell: {', '.join(failure.asked)}.")
    if shown := _why_shown(seen, failure):
        if cause is Cause.EXCEPTION:
            cause, summary = Cause.ERROR_OUTPUT, shown
        else:
            evidence.append(_sentence(shown))
    return Ending(
        outcome=_outcome_of_exception(spec, cause),
        cause=cause,
        cell=failure.cell,
        summary=_sentence(summary),
        evidence=tuple(evidence),
        failure=failure,
    )


def _outcome_of_exception(spec: RunSpec, cause: Cause) -> Outcome:
    if cause is Cause.NEEDS_GPU and spec.accelerator.wanted > spec.accelerator.present:
        return Outcome.NOT_PROVEN
    return _EXCEPTION_OUTCOMES.get(cause, Outcome.THREW_EXCEPTION)


def _failure(spec: RunSpec, seen: Observed, sources: Sequence[str]) -> Failure:
    finished = seen.finished
    assert finished is not None  # noqa: S101 - only called once it is known to be there
    cell = finished.cell
    told = seen.finishes.get(cell) if cell is not None else None
    name = finished.error_name or (told.error_name if told is not None else None)
    value = finished.error_value or (told.error_value if told is not None else None)
    return Failure(
        error_name=plain(name or "an error").rpartition(".")[2],
        error_value=plain(value or "").strip(),
        traceback=plain(finished.traceback or ""),
        cell=cell,
        asked=seen.asked_in(cell),
        no_gpu=_has_fewer_gpus(spec),
        sources=() if cell is None else tuple(sources[: cell + 1]),
    )


def _has_fewer_gpus(spec: RunSpec) -> bool:
    return spec.accelerator.present == 0 or spec.accelerator.present < spec.accelerator.wanted


def _why_shown(seen: Observed, failure: Failure) -> str | None:
    """Say it when the cell with the error did not stop the run: the output alone counts then."""
    told = seen.finishes.get(failure.cell) if failure.cell is not None else None
    if told is None:
        return None
    if told.status in {"ok", "exited"}:
        return (
            f"Cell {failure.cell} itself ended well, but its output holds the error "
            f"{failure.error_name}, and any error output fails the run"
        )
    if told.status == "error" and (seen.last_start or 0) > told.cell:
        return (
            f"Cell {failure.cell} was allowed to raise {failure.error_name} and later cells ran, "
            "but any error output fails the run"
        )
    return None


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."

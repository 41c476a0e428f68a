"""What came of a run: frozen values from the engine's facts to the final verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.events import Event


class Outcome(StrEnum):
    """Kaggle's classes and ours, declared worst first: when several hold, the first counts.

    Source: Kaggle, "Code Competitions - Errors & Debugging Tips", read 2026-11.
    """

    HARNESS_ERROR = "Harness Error"
    NOTEBOOK_TIMEOUT = "Notebook Timeout"
    EXCEEDED_ALLOWED_COMPUTE = "Notebook Exceeded Allowed Compute"
    THREW_EXCEPTION = "Notebook Threw Exception"
    INFERENCE_SERVER_ERROR = "Notebook Inference Server Error"
    INFERENCE_SERVER_NEVER_STARTED = "Notebook Inference Server Never Started"
    SUBMISSION_NOT_FOUND = "Submission CSV Not Found"
    SUBMISSION_FORMAT_ERROR = "Submission Scoring Error"
    NOT_PROVEN = "Not Proven"
    PASSED_WITHOUT_GPU = "Passed without GPU"
    PASSED = "Passed"

    @property
    def passed(self) -> bool:
        """Whether the command line returns 0 for it."""
        return self in (Outcome.PASSED, Outcome.PASSED_WITHOUT_GPU)


class Cause(StrEnum):
    """Why, finer than Kaggle tells. One page of the reference explains each."""

    NONE = "none"
    WALL_TIME = "wall_time"
    KERNEL_MEMORY = "kernel_memory"
    CHILD_MEMORY = "child_memory"
    DISK_FULL = "disk_full"
    PROCESS_LIMIT = "process_limit"
    EXCEPTION = "exception"
    MISSING_MODEL = "missing_model"
    NETWORK_NEED = "network_need"
    MISSING_INPUT = "missing_input"
    READ_ONLY_INPUT = "read_only_input"
    MISSING_PACKAGE = "missing_package"
    SYNTAX_ERROR = "syntax_error"
    SYSTEM_EXIT = "system_exit"
    ERROR_OUTPUT = "error_output"
    KERNEL_EXITED = "kernel_exited"
    KERNEL_SIGNAL = "kernel_signal"
    SEGFAULT = "segfault"
    INVALID_NOTEBOOK = "invalid_notebook"
    UNSUPPORTED_LANGUAGE = "unsupported_language"
    SUBMISSION_MISSING = "submission_missing"
    SUBMISSION_ELSEWHERE = "submission_elsewhere"
    SUBMISSION_EMPTY = "submission_empty"
    SUBMISSION_COLUMNS = "submission_columns"
    SUBMISSION_ROWS = "submission_rows"
    SUBMISSION_IDS = "submission_ids"
    SUBMISSION_NULLS = "submission_nulls"
    SUBMISSION_UNREADABLE = "submission_unreadable"
    NEEDS_GPU = "needs_gpu"
    ENGINE_FAILED = "engine_failed"
    RUNNER_FAILED = "runner_failed"


class Enforcement(StrEnum):
    """How a limit was kept."""

    ENFORCED = "enforced"
    WATCHED = "watched"
    OBSERVED = "observed"
    NOT_EMULATED = "not emulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcedLimit:
    """One row of the enforcement table.

    Attributes:
        name: `wall_time`, `memory`, `cpus`, `disk`, `shm`, `processes`, `network`, `inputs`.
        allowed: For a person, e.g. `29.0 GiB`; for network `none`, for inputs `read-only`.
        how: How it was kept.
        mechanism: What kept it, e.g. `cgroup v1 memory.limit_in_bytes = memsw`.
    """

    name: str
    allowed: str
    how: Enforcement
    mechanism: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitFacts:
    """What the engine saw from outside; the judge's other half beside the events.

    Attributes:
        exit_code: Of the sandbox, or None when a signal ended it or it is not known.
        signal: That signal, or None.
        hard_stopped: The host ended it because the wall time and the grace had passed.
        memory_kills: The cgroup's counter read by the host, None where there is no own cgroup.
        memory_peak_bytes: The cgroup's own peak read by the host, or None.
        wall_time_s: From the sandbox's start to its end, by the host's clock.
        stderr_tail: Last lines of the sandbox's own standard error: why it did not start, say.
        limits: The enforcement table, read back while the sandbox lived.
    """

    exit_code: int | None
    signal: int | None
    hard_stopped: bool
    memory_kills: int | None
    memory_peak_bytes: int | None
    wall_time_s: float
    stderr_tail: str
    limits: tuple[EnforcedLimit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources that the run used.

    Attributes:
        wall_time_s: From the start of the sandbox to its end.
        cpu_time_s: None when there was no sample.
        peak_memory_bytes: Highest sample of anonymous and shared memory; None without samples.
        peak_memory_with_cache_bytes: The cgroup's own peak; None where it has none.
        peak_disk_bytes: Highest sample of /kaggle/working; None without samples.
    """

    wall_time_s: float
    cpu_time_s: float | None
    peak_memory_bytes: int | None
    peak_memory_with_cache_bytes: int | None
    peak_disk_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One code cell as it went.

    Attributes:
        index: From 0 over all cells of the notebook.
        status: As in `CellFinished`, or `not run`.
        wall_time_s: Seconds; None when it was not run.
        peak_memory_bytes: Highest sample during it; None when it was shorter than the sampling.
    """

    index: int
    status: str
    wall_time_s: float | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement on one run.

    Attributes:
        outcome: In Kaggle's words.
        cause: Ours, finer.
        cell: Cell to blame, from 0 over all cells, or None.
        summary: One sentence: what happened and on what evidence.
        kaggle_message: The line that Kaggle would show, or None when it is not known.
        advice: The next step: a command or a line to change. Empty for a plain pass.
        evidence: Observations that the verdict rests on, one sentence each.
        warnings: What did not change the outcome but deserves a look.
    """

    outcome: Outcome
    cause: Cause
    cell: int | None
    summary: str
    kaggle_message: str | None = None
    advice: str = ""
    evidence: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything about one run that a report shows.

    Attributes:
        run_folder: `runs/STAMP-NAME/`, or None when the run did not get that far.
        started_at: UTC, ISO 8601 with seconds.
        events: Every event, in the order they came.
    """

    run_folder: Path | None
    started_at: str
    verdict: Verdict
    usage: Usage
    cells: tuple[CellResult, ...]
    limits: tuple[EnforcedLimit, ...]
    events: tuple[Event, ...] = field(default=(), repr=False)

"""One concrete next step for each cause: a command to run or a line to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.judge.ending import Ending
from harness.judge.exceptions import package_of
from harness.judge.hub import model_of
from harness.judge.observed import Observed
from harness.judge.sources import nearest_file
from harness.kaggle.handles import Handle
from harness.kaggle.layout import handle_of_mount, mount_path
from harness.kaggle.nearest import nearest
from harness.result import Cause, Outcome
from harness.spec import RunSpec, SourceKind
from harness.units import format_duration, format_size

# Fields of kernel-metadata.json. Source: Kaggle/kaggle-cli docs/kernels_metadata.md, read 2026-11.
_FIELDS = {
    SourceKind.COMPETITION: "competition_sources",
    SourceKind.DATASET: "dataset_sources",
    SourceKind.MODEL: "model_sources",
    SourceKind.NOTEBOOK: "kernel_sources",
}
_PIP = re.compile(r"\bpip3?['\", ]+install\b")
_NO_HANDLE_CHARACTER = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What advice is given on."""

    spec: RunSpec
    ending: Ending
    seen: Observed

    @property
    def cell(self) -> str:
        """`cell 3`, or words for no cell."""
        return "the notebook" if self.ending.cell is None else f"cell {self.ending.cell}"


def advise(case: Case) -> str:
    """Say what to do next; nothing for a plain pass."""
    return _STEPS[case.ending.cause](case)


def _none(case: Case) -> str:
    if case.ending.outcome is Outcome.PASSED_WITHOUT_GPU:
        return (
            "To prove the GPU code too, run it on a machine with an NVIDIA GPU: "
            "harness verify --engine docker NOTEBOOK"
        )
    return ""


def _wall_time(case: Case) -> str:
    slowest = max(
        case.seen.finishes.values(), key=lambda event: (event.wall_time_s, event.cell), default=None
    )
    step = f"Make {case.cell} faster, or let it do less."
    if slowest is not None and case.ending.cell is None:
        step = f"Make cell {slowest.cell} faster: it took {format_duration(slowest.wall_time_s)}."
    return f"{step} Try another limit with --time-limit; Kaggle's own does not move."


def _kernel_memory(case: Case) -> str:
    limit = format_size(case.spec.limits.memory_bytes)
    return (
        f"Hold less at once in {case.cell}: smaller batches, smaller types, `del` before the next "
        f"load. The limit is {limit}, swap included, and /dev/shm counts."
    )


def _child_memory(case: Case) -> str:
    limit = format_size(case.spec.limits.memory_bytes)
    return (
        f"Start fewer or smaller processes in {case.cell} (num_workers, n_jobs, Pool): all "
        f"together have {limit}."
    )


def _disk_full(case: Case) -> str:
    limit = format_size(case.spec.limits.disk_bytes)
    return f"Write less in {case.cell}: /kaggle/working holds {limit}. Remove what is not needed."


def _process_limit(case: Case) -> str:
    return (
        f"Start fewer processes or threads in {case.cell}: "
        f"{case.spec.limits.processes} may run at one time."
    )


def _exception(case: Case) -> str:
    text = case.ending.failure.text if case.ending.failure is not None else ""
    if any(words in text for words in ("shared memory", "Bus error", "dev/shm/")):
        size = format_size(case.spec.limits.shm_bytes)
        return f"Put less into /dev/shm in {case.cell} (fewer DataLoader workers): it holds {size}."
    if "MemoryError" in text or "OutOfMemoryError" in text:
        return f"Ask for less memory at once in {case.cell}."
    return f"Correct {case.cell}; its traceback is in __notebook__.ipynb of the run folder."


def _missing_model(case: Case) -> str:
    failure = case.ending.failure
    model = model_of(failure) if failure is not None else None
    if model is not None and "://" in model:
        return (
            f"Download {model} where there is a network and stage its folder: harness stage "
            f"folder:PATH datasets/OWNER/weights. Attach OWNER/weights, and load the file from "
            f"/kaggle/input in {case.cell}."
        )
    torch_hub = _is_torch_hub(case)
    handle = _model_handle(model, "pytorch" if torch_hub else "transformers")
    mount = mount_path(handle, case.spec.layout)
    folder = handle.parts[1] if model is not None else "PATH"
    old = f' instead of "{model}"' if model is not None else ""
    fetch = (
        f"Download {model or 'the model'} where there is a network and stage its folder:"
        if torch_hub or model is None
        else f"Where there is a network: hf download {model} --local-dir {folder}, then stage it:"
    )
    return (
        f"{fetch} harness stage folder:{folder} {handle}. "
        f'Attach it: "{handle}" in model_sources of kernel-metadata.json, or --attach {handle}. '
        f'In {case.cell} load "{mount}"{old}.'
    )


def _is_torch_hub(case: Case) -> bool:
    failure = case.ending.failure
    return failure is not None and "/torch/hub.py" in failure.messages


def _model_handle(model: str | None, framework: str) -> Handle:
    owner, _, name = (model or "OWNER/MODEL").rpartition("/")
    parts = (_NO_HANDLE_CHARACTER.sub("-", part) for part in (owner or "OWNER", name))
    return Handle(SourceKind.MODEL, (*parts, framework, "default", "1"))


def _network_need(case: Case) -> str:
    failure = case.ending.failure
    if failure is not None and _PIP.search("\n".join((failure.error_value, *failure.sources[-1:]))):
        return (
            f"Stage the wheels: pip download -d wheels PACKAGE, harness stage folder:wheels "
            f"datasets/OWNER/wheels. Attach OWNER/wheels, and in {case.cell} install with "
            "--no-index --find-links /kaggle/input/datasets/OWNER/wheels."
        )
    return (
        f"Fetch it where there is a network, stage the folder (harness stage folder:PATH "
        f"datasets/OWNER/SLUG), attach OWNER/SLUG, and read it from /kaggle/input in {case.cell}."
    )


def _missing_input(case: Case) -> str:
    failure = case.ending.failure
    path = failure.input_path() if failure is not None else None
    if path is None:
        return f"Correct the path in {case.cell}."
    for source in case.spec.sources:
        mount = str(source.mount)
        if path == mount or path.startswith(f"{mount}/"):
            inside = path.removeprefix(mount).strip("/")
            near = nearest_file(source.path, inside)
            if near is not None:
                return f'In {case.cell} write "{mount}/{near}": spelling and case have to agree.'
            return (
                f"{source.handle} is attached, but has no {inside}: compare {case.cell} with the "
                f"files in {source.path}."
            )
    handle = handle_of_mount(path)
    mounts = {str(source.mount): source for source in case.spec.sources}
    near = nearest("/".join(path.split("/")[: _depth(mounts)]), mounts, cutoff=0.75)
    if near is not None:
        return f"In {case.cell} read from {near}, where {mounts[near].handle} is mounted."
    if handle is not None:
        return (
            f"Stage it, if it is not in inputs/ yet: harness stage folder:PATH {handle.qualified}. "
            f'Attach it: "{handle}" in {_FIELDS[handle.kind]} of kernel-metadata.json, or '
            f"--attach {handle.qualified}."
        )
    listed = ", ".join(sorted(mounts)) or "none"
    return f"Attach the source that {case.cell} reads, or correct its path. Mounted: {listed}."


def _depth(mounts: Mapping[str, object]) -> int:
    return max((mount.count("/") + 1 for mount in mounts), default=4)


def _read_only_input(case: Case) -> str:
    return f"In {case.cell} write to /kaggle/working, or copy the input there first."


def _missing_package(case: Case) -> str:
    failure = case.ending.failure
    package = (package_of(failure) if failure is not None else None) or "PACKAGE"
    name = package.partition(".")[0].replace("_", "-")
    return (
        f"Stage its wheels: pip download -d wheels {name}, harness stage folder:wheels "
        f"datasets/OWNER/wheels. Attach OWNER/wheels, and before {case.cell} run "
        f"%pip install --no-index --find-links /kaggle/input/datasets/OWNER/wheels {name}"
    )


def _syntax_error(case: Case) -> str:
    return f"Correct the syntax of {case.cell}."


def _system_exit(case: Case) -> str:
    return f"In {case.cell} leave with sys.exit(0), or without sys.exit: any other value fails."


def _error_output(case: Case) -> str:
    return (
        f"Let {case.cell} handle the exception with try/except and print it as text: a "
        "raises-exception tag or a displayed traceback leaves an error output, which fails the run."
    )


def _kernel_exited(case: Case) -> str:
    return f"Take os._exit, or what calls it, out of {case.cell}: the kernel has to stay alive."


def _kernel_signal(case: Case) -> str:
    return (
        f"Find who sends the signal in {case.cell}: os.kill, a shell command such as pkill, or a "
        "library's abort; the kernel's last words are in the evidence."
    )


def _segfault(case: Case) -> str:
    return (
        f"Find the native call in {case.cell}: put `import faulthandler; faulthandler.enable()` "
        "first, and compare the versions of the packages with Kaggle's."
    )


def _invalid_notebook(case: Case) -> str:
    return (
        f"Open {case.spec.notebook.name} in Jupyter, choose the Python 3 kernel and save it again."
    )


def _unsupported_language(_case: Case) -> str:
    return "Only Python notebooks can be proven here; this one has to be tried on Kaggle."


def _submission_missing(case: Case) -> str:
    name = case.spec.submission.file_name
    return (
        f'Write it in the last cell: frame.to_csv("/kaggle/working/{name}", index=False). Another '
        "name is set with --submission-file NAME."
    )


def _submission_elsewhere(case: Case) -> str:
    return f"Write to /kaggle/working/{case.spec.submission.file_name} instead, or move it there."


def _submission_empty(_case: Case) -> str:
    return "Make sure that the frame which is written holds a row for every row of the test set."


def _submission_columns(case: Case) -> str:
    if "'Unnamed" in case.ending.summary or "unexpected: ''" in case.ending.summary:
        return "Write without the index: frame.to_csv(..., index=False)."
    return "Take the columns from the sample: frame[sample.columns].to_csv(..., index=False)."


def _submission_rows(_case: Case) -> str:
    return "Predict every row of the test set, each once: start from the sample and fill it."


def _submission_ids(_case: Case) -> str:
    return "Take the ids from the sample or the test file as they are, and merge predictions by id."


def _submission_nulls(_case: Case) -> str:
    return "Fill missing predictions before writing: frame.fillna(...), or find where they arise."


def _submission_unreadable(_case: Case) -> str:
    return "Write the file with pandas: frame.to_csv(..., index=False) makes UTF-8 with commas."


def _needs_gpu(case: Case) -> str:
    accelerator = case.spec.accelerator
    if accelerator.wanted > accelerator.present:
        return (
            "Run it on a machine with an NVIDIA GPU (harness verify --engine docker NOTEBOOK), or "
            f'let {case.cell} go on without: device = "cuda" if torch.cuda.is_available() else '
            '"cpu".'
        )
    return (
        'Give the session a GPU: "enable_gpu": true in kernel-metadata.json, or --profile gpu-t4x2.'
    )


def _engine_failed(_case: Case) -> str:
    return "Run harness doctor: it checks what the engine needs on this machine."


def _runner_failed(_case: Case) -> str:
    return "Run again with --debug, and report the text if it comes back: this is not the notebook."


_STEPS: Mapping[Cause, Callable[[Case], str]] = MappingProxyType(
    {
        Cause.NONE: _none,
        Cause.WALL_TIME: _wall_time,
        Cause.KERNEL_MEMORY: _kernel_memory,
        Cause.CHILD_MEMORY: _child_memory,
        Cause.DISK_FULL: _disk_full,
        Cause.PROCESS_LIMIT: _process_limit,
        Cause.EXCEPTION: _exception,
        Cause.MISSING_MODEL: _missing_model,
        Cause.NETWORK_NEED: _network_need,
        Cause.MISSING_INPUT: _missing_input,
        Cause.READ_ONLY_INPUT: _read_only_input,
        Cause.MISSING_PACKAGE: _missing_package,
        Cause.SYNTAX_ERROR: _syntax_error,
        Cause.SYSTEM_EXIT: _system_exit,
        Cause.ERROR_OUTPUT: _error_output,
        Cause.KERNEL_EXITED: _kernel_exited,
        Cause.KERNEL_SIGNAL: _kernel_signal,
        Cause.SEGFAULT: _segfault,
        Cause.INVALID_NOTEBOOK: _invalid_notebook,
        Cause.UNSUPPORTED_LANGUAGE: _unsupported_language,
        Cause.SUBMISSION_MISSING: _submission_missing,
        Cause.SUBMISSION_ELSEWHERE: _submission_elsewhere,
        Cause.SUBMISSION_EMPTY: _submission_empty,
        Cause.SUBMISSION_COLUMNS: _submission_columns,
        Cause.SUBMISSION_ROWS: _submission_rows,
        Cause.SUBMISSION_IDS: _submission_ids,
        Cause.SUBMISSION_NULLS: _submission_nulls,
        Cause.SUBMISSION_UNREADABLE: _submission_unreadable,
        Cause.NEEDS_GPU: _needs_gpu,
        Cause.ENGINE_FAILED: _engine_failed,
        Cause.RUNNER_FAILED: _runner_failed,
    }
)

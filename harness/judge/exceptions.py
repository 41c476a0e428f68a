"""From an exception to its cause: a table of small rules, each on evidence.

Every rule says in its docstring what it takes for evidence and what must not match; the texts are
real ones, in tests/recorded. A rule returns one sentence of evidence, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.judge.failure import Failure
from harness.judge.frames import failing_lines, is_of_the_cell_itself
from harness.judge.gpu import needs_gpu
from harness.judge.hub import missing_model, network_need
from harness.result import Cause
from harness.text import one_line

Rule = Callable[[Failure], str | None]

_OS_ERRORS = frozenset({"OSError", "IOError", "EnvironmentError"})
_NO_SPACE = re.compile(
    r"\[Errno 28\] No space left on device|No space left on device \((?:os error )?28\)"
    r"|\[Errno 122\] Disk quota exceeded|Disk quota exceeded \(os error 122\)"
    # numpy does without the number. Source: tests/recorded, numpy 2.0.2.
    r"|^Not enough free space to write \d+ bytes|^\d+ requested and \d+ written"
)
_SHM = re.compile(r"dev/shm\b|shm_open|insufficient shared memory")
# torch's writer of checkpoints hides the error number. Source: tests/recorded, torch 2.13.0.
_TORCH_WRITER = re.compile(
    r"inline_container\.cc:\d+\] \. (?:unexpected pos|write)|file write failed"
)
_TORCH_STREAM = "basic_ios::clear: iostream error"
_FORK = re.compile(r"\b(?:os\.)?(?:_?fork|forkpty|_?fork_exec|posix_spawnp?)\(")
_WRITES = re.compile(
    r"\b(?:mkdir|makedirs|remove|unlink|rmdir|rmtree|rename|replace|copy\w*|move|touch|chmod|chown"
    r"|symlink|link|truncate|utime|to_\w+|save\w*|write\w*|dump)\("
    r"|\bopen\(.*['\"][rb]*[wax+]"
)
_NOT_FOUND = frozenset({"FileNotFoundError", "NotADirectoryError", "NotFoundError"})
_BAD_MODEL_PATH = re.compile(
    r"Repo id must be in the form|Repo id must use alphanumeric|Incorrect path_or_model_id"
    r"|does not appear to have a file named|Error no file named|Unrecognized model in "
    r"|Can't load (?:the )?\w[\w ]* (?:of|for) '|No such file or directory"
)
_NO_MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'")
_NO_DEPENDENCY = re.compile(
    r"Missing optional dependency '(?P<pandas>[\w.-]+)'"
    r"|No package metadata was found for (?P<metadata>[\w.-]+)"
    r"|requires the (?P<backend>[\w.-]+) library but it was not found"
    r"|(?:pip|conda) install (?:-\S+ )*`?(?P<pip>[A-Za-z][\w.-]*)"
)
# Packages that many distributions share: `google.cloud` missing means that nobody brought it.
_NAMESPACES = frozenset(
    {"google", "azure", "backports", "mpl_toolkits", "ruamel", "zope", "nvidia"}
)


def syntax_error(failure: Failure) -> str | None:
    """Evidence: a SyntaxError about the cell's own text, so its traceback has no call in it.

    Not: a SyntaxError from `eval`, `DataFrame.query`, `ast` or an imported module.
    """
    if failure.error_name not in {"SyntaxError", "IndentationError", "TabError"}:
        return None
    if not is_of_the_cell_itself(failure.traceback):
        return None
    return f"{failure.where} is not valid Python: {one_line(failure.error_value)}"


def system_exit(failure: Failure) -> str | None:
    """Evidence: SystemExit reached the kernel with something other than 0 or nothing at all.

    Not: `exit()` and `sys.exit(0)`, which the runner forgives as Kaggle does.
    """
    if failure.error_name != "SystemExit":
        return None
    return f"{failure.where} ended the notebook with SystemExit({one_line(failure.error_value)})."


def disk_full(failure: Failure) -> str | None:
    """Evidence: the system's error 28 or 122, or a writer's own form of it.

    It may be in an exception that this one follows from; torch's writer of checkpoints and numpy
    say it without the number.

    Not: the words in an exception of the notebook's own, inotify's limit, also number 28, nor
    /dev/shm, which is small on Kaggle too.
    """
    if "inotify" in failure.messages or _SHM.search(failure.text):
        return None
    in_chain = re.search(
        r"^OSError: \[Errno 28\] No space left on device", failure.traceback, re.MULTILINE
    )
    in_torch = _TORCH_WRITER.search(failure.error_value) and _TORCH_STREAM in failure.traceback
    if not (_NO_SPACE.search(failure.error_value) or in_chain or in_torch):
        return None
    return f"{failure.where} could not write: {one_line(failure.error_value)}"


def process_limit(failure: Failure) -> str | None:
    """Evidence: fork failed with EAGAIN at a line that forks, or a thread could not be started.

    Not: EAGAIN of a socket, a pipe or a file lock.
    """
    if failure.error_value == "can't start new thread":
        return f"{failure.where} could not start another thread."
    if failure.error_name != "BlockingIOError" or "[Errno 11]" not in failure.error_value:
        return None
    if not any(_FORK.search(line) for line in failing_lines(failure.traceback)[-1:]):
        return None
    return f"{failure.where} could not start another process: fork failed with EAGAIN."


def read_only_input(failure: Failure) -> str | None:
    """Evidence: "read-only file system" at a path under /kaggle/input.

    Or "permission denied" there, at a line that writes.

    Not: the same refusal anywhere else, nor a mounted file that was to be executed or read.
    """
    path, value = failure.input_path(), failure.error_value
    if path is None:
        return None
    is_denied = "[Errno 13]" in value or "[Errno 1]" in value or "Permission denied" in value
    is_writing = any(_WRITES.search(line) for line in failing_lines(failure.traceback))
    if "Read-only file system" not in value and not (is_denied and is_writing):
        return None
    return f"{failure.where} writes to {path}, and /kaggle/input is read-only."


def missing_input(failure: Failure) -> str | None:
    """Evidence: "no such file", or a loader's complaint, about a path under /kaggle/input.

    Not: a missing file elsewhere, nor a path that an exception merely mentions.
    """
    path = failure.input_path()
    if path is None:
        return None
    is_missing = failure.error_name in _NOT_FOUND or "[Errno 2]" in failure.error_value
    if not is_missing and not _BAD_MODEL_PATH.search(failure.error_value):
        return None
    return f"{failure.where} reads {path}, which is not there or not complete."


def missing_package(failure: Failure) -> str | None:
    """Evidence: Python, or a library that needs another, says which package it does not find.

    Not: a missing part of a package that is there (another version), nor the notebook's own
    ImportError.
    """
    package = package_of(failure)
    if package is None:
        return None
    return f"{failure.where} needs the package {package}, which is not installed."


def package_of(failure: Failure) -> str | None:
    """Name of the package that is missing: the module's name, or the distribution's."""
    if failure.error_name not in {"ModuleNotFoundError", "ImportError", "PackageNotFoundError"}:
        return None
    if match := _NO_MODULE.search(failure.error_value):
        top, dot, _ = match["name"].partition(".")
        return match["name"] if not dot or top in _NAMESPACES else None
    if match := _NO_DEPENDENCY.search(failure.error_value):
        return next(name for name in match.groups() if name).rstrip(".")
    return None


RULES: tuple[tuple[Cause, Rule], ...] = (
    (Cause.SYNTAX_ERROR, syntax_error),
    (Cause.SYSTEM_EXIT, system_exit),
    (Cause.NEEDS_GPU, needs_gpu),
    (Cause.DISK_FULL, disk_full),
    (Cause.PROCESS_LIMIT, process_limit),
    (Cause.READ_ONLY_INPUT, read_only_input),
    (Cause.MISSING_INPUT, missing_input),
    (Cause.MISSING_PACKAGE, missing_package),
    (Cause.MISSING_MODEL, missing_model),
    (Cause.NETWORK_NEED, network_need),
)


def classify(failure: Failure) -> tuple[Cause, str]:
    """Find the cause of an exception, with one sentence of evidence.

    Returns:
        The first rule of `RULES` that holds, else `Cause.EXCEPTION`.
    """
    for cause, rule in RULES:
        if evidence := rule(failure):
            return cause, evidence
    said = one_line(f"{failure.error_name}: {failure.error_value}".rstrip(": "))
    return Cause.EXCEPTION, f"{failure.where} raised {said}"

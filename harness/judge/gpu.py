"""Exceptions for want of a GPU."""

from __future__ import annotations

import re

from harness.judge.failure import Failure
from harness.judge.frames import failing_lines

# What torch, its friends and the CUDA runtime say. Source: tests/recorded for torch's CPU build;
# the others from the libraries' own code, read 2026-11.
_WORDS = re.compile(
    r"Torch not compiled with CUDA enabled"
    r"|Found no NVIDIA driver on your system|NVIDIA driver on your system is too old"
    r"|No CUDA GPUs are available|no CUDA-capable device is detected"
    r"|CUDA driver version is insufficient|CUDA_ERROR_NO_DEVICE|cudaErrorNoDevice"
    r"|cudaErrorInsufficientDriver|CudaSupportError"
    r"|CUDA device but torch\.cuda\.is_available\(\) is False"
    r"|doesn't have NCCL built in|ProcessGroupNCCL is only supported with GPUs"
    r"|\d+ active drivers \(\[\]\)"  # triton
    r"|No supported gpu backend found|Invalid CUDA 'device=|Failed to infer device type"
    r"|not compiled with (?:GPU|CUDA) support|GPU Tree Learner was not enabled"
    r"|mixed precision requires a GPU|NVML Shared Library Not Found|libcuda\.so\.1: cannot open"
    r"|libnvidia-ml\.so\.1: cannot open"
    r"|\"\w+_cpu\w*\" not implemented for '(?:Half|BFloat16)'"
)
# What notebooks say themselves: a GPU or CUDA, and that it is absent or needed.
_OWN_WORDS = re.compile(
    r"\b(?:CUDA|GPUs?|NVIDIA \w+)\b(?: device)?s? (?:is|are|was|were)? ?"
    r"(?:not (?:available|found|detected|enabled|present)|unavailable|missing|required|needed)"
    r"|\bno (?:CUDA|GPU|NVIDIA)\b[\w -]{0,20}?(?:found|available|detected|present)?"
    r"|\b(?:requires?|needs?) (?:a |an |at least one )?(?:CUDA|GPU|NVIDIA)\b",
    re.IGNORECASE,
)
_ASSERTED = re.compile(
    r"^assert\b.*(?:\bcuda\.(?:is_available|device_count|get_device)|\b(?:CUDA|GPUs?)\b"
    r"|\bgpus?\b(?!['\"]?\])|\.type\s*==\s*['\"]cuda)"
)
_TOOL = re.compile(r"(?:No such file or directory: |Command ).{0,4}nvidia-smi\b")
_ORDINAL = re.compile(r"invalid device ordinal")


def needs_gpu(failure: Failure) -> str | None:
    """Evidence: the run had no GPU, and the exception says that one is needed.

    It says so in the words of torch or CUDA, by an assertion whose line asks for CUDA, by a missing
    `nvidia-smi`, or in the notebook's own words.

    Not: running out of GPU memory, nor any of it where the run had its GPUs.
    """
    if not failure.no_gpu or "out of memory" in failure.error_value:
        return None
    value = failure.error_value
    if match := (_WORDS.search(value) or _ORDINAL.search(value) or _TOOL.search(value)):
        return f"{failure.where} needs a GPU and this run had none: {match.group()!r}."
    if failure.error_name == "AssertionError":
        line = next(reversed(failing_lines(failure.traceback)), "")
        if _ASSERTED.search(line):
            return f"{failure.where} asserts that there is a GPU, and this run had none: {line}"
        return None
    if match := _OWN_WORDS.search(value):
        return f"{failure.where} says that it needs a GPU; this run had none: {match.group()!r}."
    return None

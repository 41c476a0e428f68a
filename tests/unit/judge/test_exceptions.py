"""The table of rules against what real kernels really wrote (tests/recorded)."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from harness.judge.exceptions import RULES, classify
from harness.judge.failure import Failure
from harness.result import Cause
from harness.text import plain

RECORDED = Path(__file__).parents[2] / "recorded"


def _load_cases():
    spec = importlib.util.spec_from_file_location("recorded_cases", RECORDED / "cases.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.CASES


CASES = _load_cases()
KERNELS = sorted(path.stem for path in RECORDED.glob("ipykernel-*.json"))


def _records(kernel):
    recorded = json.loads((RECORDED / f"{kernel}.json").read_text(encoding="utf-8"))
    return {record["name"]: record for record in recorded["records"]}


RECORDS = {kernel: _records(kernel) for kernel in KERNELS}


def failure_of(kernel, case):
    record = RECORDS[kernel][case.name]
    return Failure(
        error_name=record["error_name"],
        error_value=plain(record["error_value"]),
        traceback=plain(record["traceback"]),
        cell=4,
        asked=case.asked,
        no_gpu=True,
        sources=(case.source,),
    )


def test_both_kernels_are_recorded():
    assert len(KERNELS) >= 2


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cause_of_a_recorded_exception(kernel, case):
    cause, evidence = classify(failure_of(kernel, case))
    assert (cause, evidence[:6]) == (Cause(case.expected), "Cell 4")


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_case_is_recorded(kernel):
    assert set(RECORDS[kernel]) == {case.name for case in CASES}


def test_at_least_as_many_must_not_match_as_there_are_rules():
    plain_cases = [case for case in CASES if case.expected == "exception"]
    assert len(plain_cases) >= 2 * len(RULES)
    assert {case.expected for case in CASES} == {cause.value for cause, _ in RULES} | {"exception"}

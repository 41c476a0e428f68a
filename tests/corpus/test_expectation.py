"""The corpus itself is well-formed: a notebook without a clear expectation proves nothing."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from harness.result import Cause, Outcome
from tests.corpus.expectation import INPUTS, NOTEBOOKS, Expectation, corpus

CORPUS = corpus()
IDS = [expected.name for expected in CORPUS]
# Causes that no notebook can bring about: they are failures of the host.
HOST_CAUSES = {Cause.ENGINE_FAILED, Cause.RUNNER_FAILED}


def test_is_large_enough():
    assert len(CORPUS) >= 55


def test_every_purpose_is_there_once():
    counted = Counter(expected.purpose for expected in CORPUS)
    assert [purpose for purpose, count in counted.items() if count > 1] == []


def test_every_cause_that_a_notebook_can_bring_about_is_covered():
    assert set(Cause) - HOST_CAUSES - {expected.cause for expected in CORPUS} == set()


def test_no_sidecar_is_without_its_notebook():
    names = {path.name.removesuffix(".expect.json") for path in NOTEBOOKS.glob("*.expect.json")}
    assert names <= set(IDS)


@pytest.mark.parametrize("expected", CORPUS, ids=IDS)
def test_name_says_what_comes_of_it(expected: Expectation):
    prefix = expected.name.partition("_")[0]
    assert prefix in {"pass", "fail", "submission", "invalid", "gpu", "hostile"}
    if prefix in {"pass", "fail"}:
        assert expected.outcome.passed == (prefix == "pass")
    if prefix == "invalid":
        assert expected.cause in {Cause.INVALID_NOTEBOOK, Cause.UNSUPPORTED_LANGUAGE}


@pytest.mark.parametrize("expected", CORPUS, ids=IDS)
def test_expectation_agrees_with_itself(expected: Expectation):
    assert expected.purpose.endswith(".")
    assert (expected.cause is Cause.NONE) == expected.outcome.passed
    assert expected.papermill in {"pass", "fail", None}
    assert expected.papermill == "fail" or expected.papermill_cell is None
    if expected.outcome is Outcome.PASSED:
        assert expected.cell is None
    if isinstance(expected.cell, int):
        cells = json.loads(expected.notebook.read_text(encoding="utf-8"))
        cells = cells["worksheets"][0]["cells"] if "worksheets" in cells else cells["cells"]
        assert cells[expected.cell]["cell_type"] == "code"


@pytest.mark.parametrize("expected", CORPUS, ids=IDS)
def test_attaches_only_fixtures(expected: Expectation):
    folders = {path.relative_to(INPUTS).as_posix() for path in INPUTS.rglob("*") if path.is_dir()}
    for handle in expected.attach:
        kind = {0: "competitions", 1: "datasets", 4: "models"}[handle.count("/")]
        assert f"{kind}/{handle}" in folders


@pytest.mark.parametrize("expected", CORPUS, ids=IDS)
def test_is_light(expected: Expectation):
    assert expected.notebook.stat().st_size < 8_000
    limit = dict(zip(expected.options, expected.options[1:], strict=False)).get(
        "--time-limit", "30s"
    )
    assert int(re.fullmatch(r"(\d+)s", limit)[1]) <= 120

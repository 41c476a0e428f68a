"""The verdict is about what happened, not about the order in which it was told."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.events import (
    CellFinished,
    CellStarted,
    KernelDied,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    RunnerFailed,
    RunnerFinished,
    RunnerStarted,
    Sample,
)
from harness.judge.verdict import judge
from harness.result import Outcome

TEXT = st.text(max_size=40)
CELLS = st.one_of(st.none(), st.integers(0, 3))
NUMBERS = st.one_of(st.none(), st.integers(0, 3))
TIMES = st.floats(0, 100, allow_nan=False)
EVENTS = st.one_of(
    st.builds(CellStarted, time_s=TIMES, cell=st.integers(0, 3)),
    st.builds(
        CellFinished,
        time_s=TIMES,
        cell=st.integers(0, 3),
        status=st.sampled_from(["ok", "error", "exited", "stopped", "skipped"]),
        wall_time_s=TIMES,
        error_name=st.one_of(st.none(), TEXT),
        error_value=st.one_of(st.none(), TEXT),
    ),
    st.builds(
        Sample,
        time_s=TIMES,
        memory_bytes=st.integers(0, 2**31),
        cache_bytes=st.none(),
        cpu_time_s=TIMES,
        disk_bytes=st.integers(0, 2**31),
        processes=st.integers(1, 5),
        cell=CELLS,
    ),
    st.builds(NetworkAttempt, time_s=TIMES, name=TEXT, cell=CELLS),
    st.builds(
        LimitReached,
        time_s=TIMES,
        limit=st.sampled_from(["wall_time", "memory", "disk"]),
        used=TIMES,
        allowed=TIMES,
        cell=CELLS,
    ),
    st.builds(MemoryKill, time_s=TIMES, killed=st.integers(0, 2), cell=CELLS),
    st.builds(
        KernelDied,
        time_s=TIMES,
        cell=CELLS,
        exit_code=st.one_of(st.none(), st.integers(0, 255)),
        signal=st.one_of(st.none(), st.integers(1, 64)),
        stderr_tail=TEXT,
    ),
    st.builds(NotebookRefused, time_s=TIMES, reason=TEXT, detail=TEXT),
    st.builds(RunnerFailed, time_s=TIMES, detail=TEXT),
    st.builds(
        RunnerFinished,
        time_s=TIMES,
        status=st.sampled_from(["completed", "failed", "stopped"]),
        cell=CELLS,
        error_name=st.one_of(st.none(), TEXT),
        error_value=st.one_of(st.none(), TEXT),
        traceback=st.one_of(st.none(), TEXT),
        memory_kills=NUMBERS,
    ),
    st.builds(
        RunnerStarted,
        time_s=TIMES,
        cells=st.integers(0, 4),
        python=st.just("3.11"),
        packages=st.just({}),
        gpus=st.just(0),
    ),
)
# A runner tells one event at a time, so no two have the same time.
RUNS = st.lists(EVENTS, max_size=15, unique_by=lambda event: event.time_s)
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)


@given(events=RUNS, seed=st.randoms(use_true_random=False), stopped=st.booleans())
@ANY
def test_verdict_does_not_depend_on_the_order(make_spec, facts, tmp_path, events, seed, stopped):
    shuffled = list(events)
    seed.shuffle(shuffled)
    told = replace(facts, hard_stopped=stopped)
    spec = make_spec(gpus=(2, 0))
    assert judge(spec, events, told, tmp_path) == judge(spec, shuffled, told, tmp_path)


@given(events=RUNS, kills=NUMBERS)
@ANY
def test_no_limit_is_blamed_without_evidence(make_spec, facts, tmp_path, events, kills):
    told = replace(facts, memory_kills=kills, exit_code=137)
    verdict = judge(make_spec(), events, told, tmp_path)
    names = {event.limit for event in events if isinstance(event, LimitReached)}
    counters = [kills] + [
        event.killed if isinstance(event, MemoryKill) else event.memory_kills
        for event in events
        if isinstance(event, MemoryKill | RunnerFinished)
    ]
    if verdict.outcome is Outcome.NOTEBOOK_TIMEOUT:
        assert "wall_time" in names
    if verdict.cause in {"kernel_memory", "child_memory"}:
        assert "memory" in names or any(counters)


@given(events=RUNS)
@ANY
def test_no_text_of_the_verdict_can_act(make_spec, facts, tmp_path, events):
    verdict = judge(make_spec(), events, facts, tmp_path)
    texts = [verdict.summary, verdict.advice, *verdict.evidence, *verdict.warnings]
    for text in texts:
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_are_declared_worst_first(outcome):
    order = list(Outcome)
    assert order[0] is Outcome.HARNESS_ERROR
    assert order[-1] is Outcome.PASSED
    assert outcome.passed == (order.index(outcome) >= order.index(Outcome.PASSED_WITHOUT_GPU))

"""Figures of a run: what was not measured is None, never 0."""

from dataclasses import replace

from harness.events import CellFinished, CellStarted, RunnerFinished, Sample
from harness.judge.usage import cells_of, usage_of


def sample(time_s, memory, cell):
    return Sample(
        time_s=time_s,
        memory_bytes=memory,
        cache_bytes=None,
        cpu_time_s=time_s / 2,
        disk_bytes=memory * 2,
        processes=1,
        cell=cell,
    )


def test_without_samples_nothing_is_known(facts):
    usage = usage_of([], facts)
    assert usage.wall_time_s == 3.0
    assert (usage.cpu_time_s, usage.peak_memory_bytes, usage.peak_disk_bytes) == (None,) * 3
    assert usage.peak_memory_with_cache_bytes is None


def test_peaks(facts):
    events = [sample(2, 50, 0), sample(1, 90, 1), RunnerFinished(3, "completed", None)]
    usage = usage_of(
        [*events, RunnerFinished(3, "completed", memory_peak_bytes=500)],
        replace(facts, memory_peak_bytes=700),
    )
    assert (usage.cpu_time_s, usage.peak_memory_bytes, usage.peak_disk_bytes) == (1.0, 90, 180)
    assert usage.peak_memory_with_cache_bytes == 700


def test_cells_of_a_failed_run():
    events = [
        CellStarted(1.0, 1),
        sample(1.5, 50, 1),
        sample(1.6, 40, 1),
        CellFinished(2.0, 1, "ok", 1.0),
        CellStarted(2.0, 3),
        sample(5.0, 10, 3),
    ]
    cells = cells_of(events, 6)
    assert [(cell.index, cell.status) for cell in cells] == [
        (1, "ok"),
        (3, "stopped"),
        (4, "not run"),
        (5, "not run"),
    ]
    assert [cell.peak_memory_bytes for cell in cells] == [50, 10, None, None]
    assert [cell.wall_time_s for cell in cells] == [1.0, 3.0, None, None]


def test_cells_not_run_are_code_where_that_is_known():
    assert [cell.index for cell in cells_of([], 4, {0, 2})] == [0, 2]


def test_cells_of_a_completed_run_leave_text_out():
    events = [CellFinished(2.0, 0, "ok", 1.0), RunnerFinished(3.0, "completed")]
    assert [cell.index for cell in cells_of(events, 9)] == [0]

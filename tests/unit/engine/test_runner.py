"""The job that the runner is given, and its events read from bytes that may be anything."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import runner
from harness.engine.runner import MAX_LINE_BYTES, EngineChoices, EventReader, Tail
from harness.events import CellStarted, RunnerFinished, Sample, encode
from harness.inside.job import read_job

EVENTS = [
    CellStarted(0.5, 0),
    Sample(1.0, 10, None, 0.1, 5, 2, 0),
    RunnerFinished(2.0, "failed", cell=1, error_name="ValueError", error_value="ä\n"),
]
STREAM = "".join(encode(event) + "\n" for event in EVENTS).encode()
CHOICES = EngineChoices(
    kernel_prefix=("/usr/bin/bwrap", "--"), watch_memory=True, cpus=(0, 2), process_limit=100
)


class TestJob:
    def test_the_runner_reads_what_the_host_writes(self, tmp_path, make_spec):
        spec = make_spec(environment={"A": "b"})
        runner.write_job(tmp_path / "job.json", spec, CHOICES)
        job = read_job(tmp_path / "job.json")
        assert job.environment == {"A": "b"}
        assert job.kernel_prefix == ("/usr/bin/bwrap", "--")
        assert (job.wall_time_s, job.grace_s) == (spec.limits.wall_time_s, spec.limits.grace_s)
        assert job.memory_bytes == spec.limits.memory_bytes
        assert (job.cpus, job.process_limit, job.watch_memory) == ((0, 2), 100, True)
        assert (str(job.working), str(job.out)) == ("/kaggle/working", "/harness/out")
        assert job.sole
        assert job.name_server

    def test_the_sandbox_gets_three_things_of_the_package(self):
        targets = [str(target) for _, target in runner.package_mounts()]
        assert targets == [
            "/harness/lib/harness/__init__.py",
            "/harness/lib/harness/events.py",
            "/harness/lib/harness/inside",
        ]
        assert all(source.exists() for source, _ in runner.package_mounts())


class TestEventReader:
    @given(st.lists(st.integers(0, len(STREAM)), max_size=8))
    def test_events_do_not_depend_on_where_the_bytes_are_cut(self, cuts):
        reader, events = EventReader(), []
        edges = [0, *sorted(cuts), len(STREAM)]
        for start, end in pairwise(edges):
            events += reader.feed(STREAM[start:end])
        assert events + reader.close() == EVENTS
        assert reader.strangers == 0

    @given(st.binary(max_size=500))
    def test_anything_else_is_counted_and_never_raises(self, noise):
        reader = EventReader()
        events = reader.feed(noise + b"\n" + STREAM)
        assert events[-len(EVENTS) :] == EVENTS

    @pytest.mark.parametrize(
        "line",
        [
            b"Traceback (most recent call last):",
            b"[]",
            b"null",
            b'{"event": "no_such"}',
            b'{"event": ["list"]}',
            b'{"event": "cell_started"}',
            b'{"event": "cell_started", "time_s": 1, "cell": 0, "more": 1}',
            b"\xff\xfe",
            b"[" * 100_000,
        ],
    )
    def test_strange_lines(self, line):
        reader = EventReader()
        assert reader.feed(line + b"\n") == []
        assert reader.strangers == 1
        assert reader.stranger_tail

    def test_a_line_without_end_takes_bounded_memory(self):
        reader = EventReader()
        for _ in range(40):
            assert reader.feed(b"x" * (MAX_LINE_BYTES // 10)) == []
        assert len(reader._rest) <= MAX_LINE_BYTES
        assert reader.feed(b"\n" + STREAM) == EVENTS
        assert reader.strangers == 1

    def test_an_event_that_was_cut_short_by_the_bound_is_none(self):
        reader = EventReader()
        padded = json.dumps({"event": "cell_started", "time_s": 0, "cell": 0}).encode()
        assert reader.feed(b" " * MAX_LINE_BYTES + padded + b"\n") == []

    def test_a_last_event_without_line_end_counts(self):
        reader = EventReader()
        reader.feed(STREAM.rstrip(b"\n"))
        assert reader.close() == EVENTS[-1:]


class TestTail:
    def test_keeps_the_last_lines(self):
        tail = Tail()
        tail.feed(b"".join(b"line %d\n" % number for number in range(1000)) + b"rest")
        lines = tail.text.splitlines()
        assert lines[-2:] == ["line 999", "rest"]
        assert len(lines) == runner.MAX_TAIL_LINES + 1

    @given(st.lists(st.binary(max_size=3000), max_size=30))
    def test_is_bounded(self, parts):
        tail = Tail()
        for part in parts:
            tail.feed(part)
        allowed = (runner.MAX_TAIL_LINES + 1) * (runner.MAX_TAIL_LINE_CHARACTERS + 1)
        assert len(tail.text) <= allowed

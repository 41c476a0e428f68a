"""Process tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inside import processes
from harness.inside.processes import Population, ProcessState, descendants, parse_stat

STAT = (
    "{pid} ({name}) S 7 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 5 0 100 1000 200 1 1 1 0 0 0 0\n"
)


def state(pid: int, parent: int, letter: str = "S") -> ProcessState:
    return ProcessState(pid=pid, name="p", state=letter, parent=parent, cpu_ticks=0, threads=1)


@given(st.text(st.characters(exclude_characters="\0\n"), max_size=15))
def test_any_name_is_read(name):
    found = parse_stat(STAT.format(pid=12, name=name))
    assert (found.pid, found.name, found.state, found.parent) == (12, name, "S", 7)
    assert (found.cpu_ticks, found.threads) == (100, 5)


@pytest.mark.parametrize("text", ["", "1 (a) S 2", "x"])
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match="not a stat line"):
        parse_stat(text)


TABLE = {each.pid: each for each in (
    state(1, 0), state(10, 1), state(11, 10), state(12, 11), state(13, 10), state(20, 13),
    state(21, 1), state(22, 11, "Z"),
)}  # fmt: skip


def test_descendants_are_found_at_any_depth():
    assert descendants(10, TABLE) == {11, 12, 13, 20, 22}
    assert descendants(20, TABLE) == set()


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setattr(processes, "all_processes", lambda: dict(TABLE))
    monkeypatch.setattr(processes.os, "getpid", lambda: 10)


@pytest.mark.usefixtures("table")
def test_in_a_sandbox_all_but_init_and_the_runner_are_the_notebook():
    population = Population(sole=True)
    population.helper = lambda: 13
    assert {each.pid for each in population.alive()} == {11, 12, 21}
    assert population.own() == {10, 13, 20}


@pytest.mark.usefixtures("table")
def test_outside_of_one_only_descendants_are():
    population = Population(sole=False)
    population.helper = lambda: 13
    assert {each.pid for each in population.alive()} == {11, 12}


@pytest.mark.usefixtures("table")
def test_outside_of_a_sandbox_nobody_else_is_ever_killed(monkeypatch):
    killed = []
    monkeypatch.setattr(processes.os, "kill", lambda pid, _: killed.append(pid))
    monkeypatch.setattr(processes.time, "sleep", lambda _: None)
    Population(sole=False).end()
    assert set(killed) == {11, 12, 13, 20}


@pytest.mark.usefixtures("table")
def test_in_a_sandbox_what_outruns_a_list_is_killed_all_at_once(monkeypatch):
    killed = []
    monkeypatch.setattr(processes.os, "kill", lambda pid, _: killed.append(pid))
    monkeypatch.setattr(processes.time, "sleep", lambda _: None)
    Population(sole=True).end()
    assert -1 in killed
    assert killed.index(-1) >= 4
    assert not {1, 10} & set(killed)

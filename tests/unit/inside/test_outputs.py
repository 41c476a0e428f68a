"""What a cell may keep of its output."""

from __future__ import annotations

import json

import pytest

from harness.inside.outputs import OutputBudget, is_forgiven
from harness.inside.wire import RawMessage

CELL_BYTES = 10_000


class Budget(OutputBudget):
    """A budget that notes when it cut."""

    def __init__(self, *, captured: bool = False) -> None:
        self.cuts: list[int] = []
        super().__init__(CELL_BYTES, is_captured=lambda _: captured, when_cut=self.cuts.append)
        self.begin_cell()


def raw(kind: str, content: object) -> RawMessage:
    return RawMessage(
        kind, "r1", {"msg_type": kind, "msg_id": "m"}, {"msg_id": "r1"}, b"{}",
        json.dumps(content).encode(), [],
    )  # fmt: skip


def stream(text: str, name: str = "stdout") -> RawMessage:
    return raw("stream", {"name": name, "text": text})


def display(size: int, display_id: str | None = None, kind: str = "display_data") -> RawMessage:
    return raw(
        kind,
        {
            "data": {"text/plain": "x" * size},
            "metadata": {},
            "transient": {"display_id": display_id} if display_id else {},
        },
    )


def kept_text(budget: OutputBudget, messages: list[RawMessage]) -> str:
    admitted = [budget.admit(message) for message in messages]
    return "".join(message["content"]["text"] for message in admitted if message is not None)


def test_short_output_is_kept_whole():
    budget = Budget()
    assert kept_text(budget, [stream("one\n"), stream("two\n", "stderr")]) == "one\ntwo\n"
    assert not budget.cut


def test_a_stream_is_kept_up_to_the_limit_and_reported_once():
    budget = Budget()
    text = kept_text(budget, [stream("x" * 1000)] * 100)
    assert CELL_BYTES * 0.9 < len(text) <= CELL_BYTES
    assert len(budget.cuts) == 1
    assert budget.cut


def test_one_huge_line_keeps_its_start():
    budget = Budget()
    assert kept_text(budget, [stream("y" * 1_000_000)]) == "y" * CELL_BYTES
    assert len(budget.cuts) == 1


def test_many_empty_outputs_are_not_free():
    budget = Budget()
    kept = [budget.admit(display(0)) for _ in range(CELL_BYTES)]
    assert sum(1 for message in kept if message is not None) < CELL_BYTES / 200


def test_the_next_cell_starts_again():
    budget = Budget()
    kept_text(budget, [stream("x" * 20_000)])
    budget.begin_cell()
    assert not budget.cut
    assert kept_text(budget, [stream("more")]) == "more"


def test_a_whole_run_is_bounded_too():
    budget = Budget()
    kept = 0
    for _ in range(100):
        budget.begin_cell()
        kept += len(kept_text(budget, [stream("x" * 20_000)]))
    assert kept <= 16 * CELL_BYTES


def test_an_error_is_kept_when_nothing_is_left():
    budget = Budget()
    kept_text(budget, [stream("x" * 20_000)])
    error = {"ename": "ValueError", "evalue": "v" * 200_000, "traceback": ["t" * 200_000, "end"]}
    message = budget.admit(raw("error", error))
    assert message is not None
    assert message["content"]["ename"] == "ValueError"
    assert len(message["content"]["evalue"]) == 100_000
    assert message["content"]["traceback"][-1] == "end"
    assert sum(map(len, message["content"]["traceback"])) <= 100_001


def test_an_error_of_another_form_is_made_one():
    message = Budget().admit(raw("error", {"ename": 3, "traceback": "no list"}))
    assert message is not None
    assert message["content"] == {"ename": "3", "evalue": "", "traceback": []}


def test_a_failing_error_survives_a_flood_of_forgiven_ones():
    budget = Budget()
    forgiven = raw("error", {"ename": "SystemExit", "evalue": "0", "traceback": []})
    kept = [budget.admit(forgiven) for _ in range(1500)]
    assert sum(1 for message in kept if message is not None) == 1000
    failing = raw("error", {"ename": "ValueError", "evalue": "", "traceback": []})
    assert budget.admit(failing) is not None


def test_a_progress_display_that_redraws_itself_is_never_cut():
    budget = Budget()
    assert budget.admit(display(500, "bar")) is not None
    for _ in range(200):
        assert budget.admit(display(500, "bar", "update_display_data")) is not None
    assert not budget.cut


def test_clearing_gives_the_room_back():
    budget = Budget()
    for _ in range(50):
        assert budget.admit(display(5000)) is not None
        assert budget.admit(raw("clear_output", {"wait": True})) is not None
    assert not budget.cut


def test_clearing_a_widget_gives_nothing_back():
    budget = Budget(captured=True)
    for _ in range(50):
        budget.admit(display(5000))
        budget.admit(raw("clear_output", {"wait": False}))
    assert budget.cut


def test_a_widget_may_be_updated_for_ever():
    budget = Budget()
    update = raw("comm_msg", {"comm_id": "c", "data": {"state": {"value": 3}}})
    assert all(budget.admit(update) is not None for _ in range(5000))
    assert not budget.cut


def test_the_state_of_all_widgets_is_bounded():
    budget = Budget()
    kept = 0
    for number in range(9000):
        state = {f"k{number}": "x" * 9000}
        message = budget.admit(raw("comm_msg", {"comm_id": "c", "data": {"state": state}}))
        kept += message is not None
    assert kept * 9000 <= 64 * 2**20
    assert budget.cut


@pytest.mark.parametrize("kind", ["status", "execute_input", "clear_output"])
def test_what_is_never_kept_passes_when_nothing_is_left(kind):
    budget = Budget()
    kept_text(budget, [stream("x" * 20_000)])
    assert budget.admit(raw(kind, {"execution_state": "idle"})) is not None


def test_an_unknown_kind_is_dropped():
    assert Budget().admit(raw("invented", {"a": 1})) is None


@pytest.mark.parametrize(
    ("name", "value", "forgiven"),
    [
        ("SystemExit", "0", True),
        ("SystemExit", "", True),
        ("SystemExit", "None", False),
        ("SystemExit", "2", False),
        ("SystemExit", "0.0", False),
        ("ValueError", "0", False),
    ],
)
def test_which_error_papermill_forgives(name, value, forgiven):
    assert is_forgiven(name, value) is forgiven

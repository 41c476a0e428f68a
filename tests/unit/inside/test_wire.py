"""Messages from a kernel that may send anything."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inside.wire import (
    PARSED_BYTES,
    parse_message,
    parse_reply,
    split_message,
    stream_start,
)

DELIMITER = b"<IDS|MSG>"


def frames(kind: str = "stream", content: object = None, parent: str = "r1") -> list[bytes]:
    return [
        b"topic",
        DELIMITER,
        b"signature",
        json.dumps({"msg_type": kind, "msg_id": "m1"}).encode(),
        json.dumps({"msg_id": parent}).encode(),
        b"{}",
        json.dumps({} if content is None else content).encode(),
    ]


def test_a_message_is_taken_apart():
    raw = split_message([*frames("stream", {"name": "stdout", "text": "é"}), b"buffer"])
    assert raw is not None
    assert (raw.type, raw.parent_id, raw.buffers) == ("stream", "r1", [b"buffer"])
    message = parse_message(raw)
    assert message is not None
    assert message["content"] == {"name": "stdout", "text": "é"}
    assert message["parent_header"] == {"msg_id": "r1"}
    assert bytes(message["buffers"][0]) == b"buffer"


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [b"no delimiter"] * 8,
        frames()[:-1],
        [*frames()[:3], b"not json", *frames()[4:]],
        [*frames()[:3], b"[]", *frames()[4:]],
        [*frames()[:3], b"{}", *frames()[4:]],
        [*frames()[:3], b'{"msg_type": 3}', *frames()[4:]],
        [*frames()[:4], b'{"msg_id": []}', *frames()[5:]],
        [*frames()[:3], b'{"msg_type": "' + b"x" * 2**20 + b'"}', *frames()[4:]],
        [*frames()[:3], b"\xff\xfe", *frames()[4:]],
    ],
)
def test_a_malformed_message_is_dropped(broken):
    assert split_message(broken) is None


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_frames_are_read_without_an_error(parts):
    for candidate in (parts, [DELIMITER, *parts], [b"", DELIMITER, b"", *parts]):
        raw = split_message(candidate)
        if raw is not None:
            parse_message(raw)


@pytest.mark.parametrize("content", [b"", b"nope", b"[1]", b"[" * 100_000, b"\xff"])
def test_a_malformed_content_is_dropped(content):
    raw = split_message([*frames()[:-1], content])
    assert raw is not None
    assert parse_message(raw) is None
    assert parse_reply(raw) is None


@pytest.mark.parametrize("content", [{}, {"status": None}, {"status": 3}])
def test_a_reply_without_a_status_is_dropped(content):
    raw = split_message(frames("execute_reply", content))
    assert raw is not None
    assert parse_reply(raw) is None


def test_a_huge_failing_reply_is_outlined():
    content = {"status": "error", "ename": "ValueError", "evalue": "x" * (PARSED_BYTES + 1)}
    raw = split_message(frames("execute_reply", content))
    assert raw is not None
    reply = parse_reply(raw)
    assert reply is not None
    assert reply["content"]["status"] == "error"
    assert reply["content"]["ename"] == "ValueError"
    assert len(reply["content"]["evalue"]) < 100


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=texts, wanted=st.integers(0, 40), ascii_only=st.booleans())
def test_the_start_of_a_stream_is_read_exactly(text, wanted, ascii_only):
    content = json.dumps({"name": "stderr", "text": text}, ensure_ascii=ascii_only).encode()
    assert stream_start(content, wanted) == ("stderr", text[:wanted])


@given(text=texts, cut=st.integers(0, 200))
def test_the_start_of_a_cut_stream_is_a_start_of_its_text(text, cut):
    content = json.dumps({"name": "stdout", "text": text}).encode()[: 20 + cut]
    start = stream_start(content, 1000)
    assert start is None or text.startswith(start[1][:-1])


def test_a_stream_of_another_form_has_no_start():
    assert stream_start(b'{"text": "a", "name": "stdout"}', 5) is None
    assert stream_start(b'{"name": "secret", "text": "a"}', 5) is None

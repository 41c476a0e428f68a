"""Packets of the name server that knows no name."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inside.sink import failure_response, queried_name


def query(*labels: bytes, kind: int = 1, identity: int = 7, flags: int = 0x0100) -> bytes:
    header = struct.pack("!6H", identity, flags, 1, 0, 0, 1)
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return header + name + struct.pack("!2H", kind, 1) + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def test_the_name_is_read_in_lower_case():
    assert queried_name(query(b"HuggingFace", b"co")) == "huggingface.co"


def test_odd_bytes_are_written_as_numbers():
    assert queried_name(query(b"a\x1b[31m\xff b")) == r"a\027[31m\255\032b"


def test_the_answer_is_a_server_failure_with_the_question():
    packet = query(b"a", b"b", identity=0x1234, kind=28)
    answer = failure_response(packet)
    identity, flags, questions, answers, authorities, additional = struct.unpack("!6H", answer[:12])
    assert (identity, questions, answers, authorities, additional) == (0x1234, 1, 0, 0, 0)
    assert flags & 0x8000, "a response"
    assert flags & 0x000F == 2, "SERVFAIL"
    assert flags & 0x0100, "recursion desired, as asked"
    assert answer[12:] == packet[12 : 12 + 5 + 4]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0" * 11,
        query(b"a", flags=0x8180),
        struct.pack("!6H", 1, 0x100, 0, 0, 0, 0),
        query(b"a")[:14],
        query(b"a")[:16],
        struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
        struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\x3f" + b"a" * 5,
        struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 9 + b"\0\0\1\0\1",
    ],
)
def test_what_is_no_query_gets_no_answer(packet):
    with pytest.raises(ValueError, match=r"."):
        queried_name(packet)
    with pytest.raises(ValueError, match=r"."):
        failure_response(packet)


@given(st.binary(max_size=80))
def test_any_packet_is_answered_or_refused(packet):
    try:
        answer = failure_response(packet)
    except ValueError:
        return
    assert len(answer) <= len(packet)


@given(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=3))
def test_any_name_is_read_as_printable_text(labels):
    name = queried_name(query(*labels))
    assert name.isascii()
    assert name.isprintable()

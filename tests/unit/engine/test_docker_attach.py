"""The engine's stream told apart, however it is cut."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from harness.engine.docker.attach import STDERR, STDOUT, Demultiplexer


def frame(stream, content):
    return struct.pack(">BxxxI", stream, len(content)) + content


@given(
    frames=st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40))),
    cut=st.integers(min_value=1, max_value=64),
)
def test_any_cut_gives_the_same_streams(frames, cut):
    wire = b"".join(frame(*each) for each in frames)
    demultiplexer = Demultiplexer()
    got = {STDOUT: b"", STDERR: b""}
    for start in range(0, len(wire), cut):
        for stream, piece in demultiplexer.feed(wire[start : start + cut]):
            got[stream] += piece
    for stream, joined in got.items():
        assert joined == b"".join(content for number, content in frames if number == stream)


def test_a_large_frame_is_handed_on_before_its_end():
    demultiplexer = Demultiplexer()
    header = struct.pack(">BxxxI", STDOUT, 2**31)
    assert demultiplexer.feed(header + b"begin") == [(STDOUT, b"begin")]
    assert demultiplexer.feed(b"more") == [(STDOUT, b"more")]

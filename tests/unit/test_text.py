"""What a notebook prints cannot act."""

from hypothesis import given
from hypothesis import strategies as st

from harness.text import one_line, plain


def test_escapes():
    assert plain("\x1b[31mred\x1b[0m") == "red"
    assert plain("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c") == "abc"
    assert plain("a\x9b31mb\x1bPq\x1b\\c\x1b") == "abc"
    assert plain("10%\r20%\r\nend\n\tx") == "10%\n20%\nend\n\tx"
    assert plain("a\u202eb\u2066c\x00\x7f\x85") == "abc"
    assert plain("\ud800") == "\ufffd"


@given(st.text(st.characters(), max_size=200))
def test_any_text_is_harmless_and_can_be_written(text):
    made = plain(text)
    made.encode("utf-8")
    assert all(
        character in "\n\t" or character.isprintable() or ord(character) > 159 for character in made
    )
    assert plain(made) == made


@given(st.text(max_size=500), st.integers(1, 100))
def test_one_line(text, most):
    line = one_line(text, most=most)
    assert len(line) <= most
    assert "\n" not in line

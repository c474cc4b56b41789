"""Scripts as values: pieces, derived stop reasons, and the same body however it is split."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.scripted import Call, Pause, Raw, Say, Script, Start, Step, Think
from claude_code_router.scripted.play import streamed
from claude_code_router.scripted.render_anthropic import AnthropicRenderer
from claude_code_router.scripted.render_openai_chat import OpenAIChatRenderer
from claude_code_router.scripted.script import pieces

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Say, st.text(), st.integers(1, 5)),
    st.builds(Think, st.text(), st.text("ab="), st.integers(1, 5)),
    st.builds(Call, st.text("abc", min_size=1), st.dictionaries(st.text(), st.text()), fragments=st.integers(1, 5)),
)


@given(st.text(), st.integers(0, 50))
def test_pieces_are_the_text(text: str, count: int) -> None:
    """Pieces should join to the text, be no more than asked for, and never be empty but for an empty text."""
    found = pieces(text, count)
    assert "".join(found) == text
    assert len(found) <= max(1, count)
    assert all(found) or found == [""]


@pytest.mark.parametrize(
    ("script", "stop", "verbatim"),
    [
        (Script(), "end_turn", False),
        (Script((Say("x"),)), "end_turn", False),
        (Script((Say("x"), Call("T", {}))), "tool_use", False),
        (Script((Call("T", {}),), stop="max_tokens"), "max_tokens", False),
        (Script((Pause(1), Raw(b"x"))), "end_turn", True),
        (Script((Start(), Raw(b"x"))), "end_turn", False),
    ],
)
def test_what_follows_from_the_steps(script: Script, stop: str, verbatim: bool) -> None:
    """The stop reason and whether the dialect frames the body should follow from the steps, unless said."""
    assert (script.stop_reason, script.verbatim) == (stop, verbatim)


@given(st.lists(STEPS, max_size=4), st.integers(1, 40), st.booleans())
def test_a_split_changes_no_byte(steps: list[Step], split: int, chat: bool) -> None:
    """The body of a stream should be the same in one write an event and in writes of any size."""
    assert body(Script(tuple(steps)), chat) == body(Script(tuple(steps), split=split), chat)


def body(script: Script, chat: bool) -> bytes:
    """The chunked body put together again."""
    renderer = (
        OpenAIChatRenderer(script, model="m", tag="t", usage_wanted=True)
        if chat
        else AnthropicRenderer(script, model="m", tag="t")
    )
    written = b"".join(output for output in streamed(script, renderer) if isinstance(output, bytes))
    _, _, left = written.partition(b"\r\n\r\n")
    parts = []
    while (size := re.match(rb"([0-9a-f]+)\r\n", left)) is not None:
        length = int(size[1], 16)
        parts.append(left[size.end() : size.end() + length])
        left = left[size.end() + length + 2 :]
    assert left == b""
    return b"".join(parts)

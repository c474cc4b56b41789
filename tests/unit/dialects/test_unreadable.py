"""JSON with broken characters."""

from __future__ import annotations

import pytest

from claude_code_router.core.reply import TextDelta
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import decode_reply
from claude_code_router.dialects.unreadable import mend


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (b'"\\ud83d"', b'"\\ufffd"'),
        (b'"a\\uDE00b"', b'"a\\ufffdb"'),
        (b'"\\ud83d\\ude00"', b'"\\ud83d\\ude00"'),
        (b'"\\ud83d\\ud83d\\ude00"', b'"\\ufffd\\ud83d\\ude00"'),
        (b'"\\\\ud83d"', b'"\\\\ud83d"'),
        (b'"\xf0\x9f"', '"\ufffd"'.encode()),
        (b'"\\u00e9\xc3\xa9"', b'"\\u00e9\xc3\xa9"'),
    ],
)
def test_mend(text: bytes, mended: bytes) -> None:
    """Only what is no character changes."""
    assert mend(text) == mended


@pytest.mark.parametrize("half", [b"\\ud83d", b"\xf0\x9f"])
def test_half_a_character_does_not_end_the_answer(half: bytes) -> None:
    """A chunk or a request with half a character is read; the half becomes U+FFFD."""
    stream = (
        b'data: {"choices":[{"index":0,"delta":{"content":"a'
        + half
        + b'"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    assert TextDelta("a\ufffd") in decode_reply(stream, ChatQuirks())
    chat = decode_request(b'{"model":"m","messages":[{"role":"user","content":"a' + half + b'"}]}')
    assert chat.turns[0].parts[0].text == "a\ufffd"  # type: ignore[union-attr]

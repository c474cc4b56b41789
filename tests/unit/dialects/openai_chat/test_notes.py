"""Blocks that only Anthropic's servers understand, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import Opaque
from claude_code_router.dialects.openai_chat.notes import MAX_NOTE_CHARS, note


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"type": "compaction", "content": "We did X.", "signature": "s"},
            "[summary of the earlier conversation]\nWe did X.",
        ),
        (
            {
                "type": "web_fetch_tool_result",
                "content": {"url": "u", "content": {"type": "document", "source": {"type": "text", "data": "page"}}},
            },
            "[fetched page]\nurl: u\npage",
        ),
        (
            {"type": "code_execution_tool_result", "content": {"stdout": "out", "stderr": "", "return_code": 0}},
            "[code_execution_tool_result]\nout\nreturn_code: 0",
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            "[an image that only Anthropic's servers hold]\nfile_id: f",
        ),
        ({"type": "zork"}, "[zork]"),
    ],
)
def test_notes(block: dict[str, Any], words: str) -> None:
    """What a reader can use is told; ids, signatures and ciphers are not."""
    assert note(Opaque(block["type"], json.dumps(block))) == words


def test_long_notes_are_cut() -> None:
    """A cut says what it cut."""
    text = note(Opaque("compaction", json.dumps({"content": "x" * (MAX_NOTE_CHARS + 5)})))
    assert text.endswith("[cut: 5 more characters]")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_unreadable_blocks_are_named(text: str) -> None:
    """A block that cannot be read is still mentioned."""
    assert note(Opaque("zork", text)) == "[zork]"

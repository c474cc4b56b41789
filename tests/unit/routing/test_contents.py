"""Where in a conversation the things stand that routing asks about."""

from __future__ import annotations

import json
from typing import Any

from claude_code_router.routing import wire
from claude_code_router.routing.contents import Contents, look_through


def contents(*messages: dict[str, Any]) -> Contents:
    return look_through(wire.decode_body(json.dumps({"model": "m", "messages": messages}).encode()).messages)


def test_the_words_of_the_model_are_not_among_those_of_others() -> None:
    spoken = contents(
        {"role": "user", "content": "a string"},
        {"role": "assistant", "content": [{"type": "text", "text": "the model"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a file"}]},
        {"role": "system", "content": [{"type": "text", "text": "the client"}]},
    ).spoken
    assert [message.role for message in spoken] == ["user", "system"]


def test_a_tool_result_is_opened_only_where_it_may_hold_a_picture() -> None:
    plain = {"type": "tool_result", "tool_use_id": "t", "content": "text"}
    listed = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "text"}]}
    image = {"type": "image", "source": {"type": "base64", "data": "AAAA"}}
    found = contents({"role": "user", "content": [plain]}, {"role": "user", "content": [listed, image, plain]})
    assert [(place, block.type) for place, block in found.media] == [(1, "tool_result"), (1, "image")]


def test_settings_signatures_and_system_turns_are_seen_wherever_they_stand() -> None:
    found = contents(
        {"role": "user", "content": "hello", "output_config": {"effort": "low"}},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": "abcd"}]},
        {"role": "system", "content": "be brief"},
    )
    assert (len(found.settings), found.signature_bytes, found.system_turns) == (1, len('"abcd"'), True)
    assert contents({"role": "user", "content": "hello"}).system_turns is False

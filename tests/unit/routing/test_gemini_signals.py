"""Facts read off a Gemini client's request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.routing.signals import read_signals

IMAGE = {"inlineData": {"mimeType": "image/png", "data": "A" * 4000}}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}, "thoughtSignature": "A" * 4000}]}


def signals(*contents: Any, **fields: Any) -> Signals:
    body = {"contents": list(contents) or [{"parts": [{"text": "hi"}]}], **fields, "model": "auto", "stream": True}
    inbound = Inbound(
        id="r", path="/", query="", headers=(), header={}, body=json.dumps(body).encode(), received_at=0.0,
        dialect="gemini",
    )  # fmt: skip
    return read_signals(inbound).signals


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


CASES: list[tuple[str, Signals, dict[str, object]]] = [
    ("what is asked for", signals(generationConfig={"maxOutputTokens": 9}), {
        "model": "auto", "stream": True, "max_tokens": 9, "last_user_text": "hi", "turns": 1, "kind": "user"}),
    ("a level", signals(generationConfig={"thinkingConfig": {"thinkingLevel": "high"}}), {
        "thinking": "adaptive", "effort": "high"}),
    ("a budget, in the other spelling", signals(generation_config={"thinking_config": {"thinking_budget": 500}}), {
        "thinking": "enabled", "thinking_budget": 500}),
    ("none", signals(generationConfig={"thinkingConfig": {"thinkingBudget": 0}}), {"thinking": "disabled"}),
    ("a picture in the last turn", signals(user({"text": "look"}, IMAGE)), {
        "images": True, "image_in_last_turn": True}),
    ("one in an older turn", signals(user(IMAGE), {"role": "model", "parts": [{"text": "Seen."}]}, user({"text": "so?"})), {
        "images": True, "image_in_last_turn": False, "last_user_text": "so?"}),
    ("one in a result", signals(user({"text": "go"}), CALL, user({"functionResponse": {
        "name": "ls", "response": {"output": "x"}, "parts": [IMAGE]}})), {
            "image_in_last_turn": True, "kind": "tool_result", "tools_used": ("ls",), "tool_depth": 1}),
    ("an error", signals(user({"text": "go"}), CALL, user({"function_response": {"name": "ls", "response": {"error": "x"}}})), {
        "tool_errors": 1, "kind": "tool_result"}),
    ("a PDF", signals(user({"inline_data": {"mime_type": "application/pdf", "data": "A" * 400}})), {"pdf": True}),
    ("its tools", signals(tools=[{"functionDeclarations": [{"name": "ls"}]}, {"googleSearch": {}}]), {
        "tools": ("ls", "web_search"), "server_tools": ("web_search_20250305",), "search_aside": True, "kind": "user"}),
    ("search alone", signals(tools=[{"google_search": {}}]), {"search_aside": False, "kind": "web_search"}),
    ("a title", signals(generationConfig={"responseSchema": {"properties": {"title": {}}}}), {"kind": "title"}),
]  # fmt: skip


@pytest.mark.parametrize(("found", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_facts(found: Signals, wanted: dict[str, object]) -> None:
    """The same as of any other client."""
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_neither_pictures_nor_signatures_count_as_words() -> None:
    """Base64 is read as text by no model."""
    plain, big = signals(user({"text": "hi"})), signals(user({"text": "hi"}), CALL, user(IMAGE))
    assert big.tokens < plain.tokens + 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"m"}', b'{"contents":{}}', b'{"contents":[1]}'])
def test_what_is_no_request(body: bytes) -> None:
    """Is refused in a sentence."""
    inbound = Inbound(id="r", path="/", query="", headers=(), header={}, body=body, received_at=0.0, dialect="gemini")
    with pytest.raises(BadRequest, match=r"found|valid JSON|contents"):
        read_signals(inbound)

"""Corners of requests for the Responses API."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from tests.e2e.responses_rules import complaints

from claude_code_router.core.chat import ChatRequest, Thinking
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_text
from claude_code_router.dialects.openai_responses.quirks import ResponsesQuirks
from claude_code_router.dialects.openai_responses.reasoning import mint_item, opened_item
from claude_code_router.dialects.openai_responses.request import encode_request
from claude_code_router.dialects.provenance import mint

QUIRKS = ChatQuirks(
    files=True,
    responses=ResponsesQuirks(
        reasoning=lambda chat, model: {"effort": "high"}, encrypted_reasoning=True, web_search=True, cache_key=True
    ),
)
ORIGIN = "openai,gpt-6-sol"
ITEM = b'{"id":"rs_1","type":"reasoning","summary":[ ],"encrypted_content":"gAAAA"}'
HI = {"role": "user", "content": "hi"}
BASH = {
    "name": "Bash",
    "description": "runs",
    "input_schema": {"$schema": "x", "type": "object"},
    "defer_loading": True,
}
READ = {"name": "Read", "input_schema": {}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def body_of(*messages: Any, quirks: ChatQuirks = QUIRKS, **fields: Any) -> dict[str, Any]:
    raw = json.dumps({"model": "m", "messages": list(messages) or [HI], **fields}).encode()
    written = encode_request(decode_request(raw), "gpt-6-sol", quirks, ORIGIN)
    assert complaints(written) == []
    body: dict[str, Any] = json.loads(written)
    return body


def test_the_whole_of_it() -> None:
    """Instructions, flat tools that are not strict, the loaded ones last, nothing stored, the reasoning encrypted."""
    user_id = json.dumps({"device_id": "d", "session_id": "s-1"})
    body = body_of(
        system=[{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
        tools=[BASH, READ],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        max_tokens=3,
        metadata={"user_id": user_id},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
        stop_sequences=["x"],
        stream=True,
    )
    assert body == {
        "model": "gpt-6-sol",
        "instructions": "One.\n\nTwo.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "tools": [
            {"type": "function", "name": "Read", "parameters": {"type": "object", "properties": {}}, "strict": False},
            {
                "type": "function",
                "name": "Bash",
                "description": "runs",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "max_output_tokens": 16,
        "text": {"format": {"type": "json_schema", "name": "reply", "schema": {"type": "object"}, "strict": False}},
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": hashlib.sha256(b"s-1").hexdigest()[:32],
        "stream": True,
    }


def test_system_turns_keep_their_place() -> None:
    """What the system says in the middle is said there, by the developer; words of nobody are left out."""
    body = body_of(HI, {"role": "system", "content": "now"}, {"role": "system", "content": []})
    assert [item["role"] for item in body["input"]] == ["user", "developer"]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "Read"}, {"type": "function", "name": "Read"}),
        ({"type": "tool", "name": "web_search"}, {"type": "web_search"}),
        ({"type": "tool", "name": "nobody"}, "auto"),
    ],
)
def test_tool_choice(choice: dict[str, Any], wanted: object) -> None:
    """By name where it can be, the hosted search by its type."""
    assert body_of(tools=[READ, SEARCH], tool_choice=choice)["tool_choice"] == wanted


def test_search() -> None:
    """Asked for where the server has it, with its sources; left out elsewhere, and the choice with it."""
    body = body_of(tools=[SEARCH], tool_choice={"type": "auto"})
    assert body["tools"] == [{"type": "web_search"}]
    assert "web_search_call.action.sources" in body["include"]
    assert (
        not {"tools", "tool_choice", "include"}
        & body_of(tools=[SEARCH], tool_choice={"type": "auto"}, quirks=ChatQuirks()).keys()
    )


def test_results_hold_pictures_and_errors() -> None:
    """A picture stays in its call's output; a failure is told in front of the words."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
    pdf = {
        "type": "document",
        "title": "a",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="},
    }
    calls = [{"type": "tool_use", "id": f"c{n}", "name": "Read", "input": {}} for n in range(3)]
    results = [
        {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True},
        {"type": "tool_result", "tool_use_id": "c0", "content": [{"type": "text", "text": "see"}, image]},
    ]
    body = body_of(HI, {"role": "assistant", "content": calls}, {"role": "user", "content": [*results, pdf]})
    outputs = {item["call_id"]: item["output"] for item in body["input"] if item["type"] == "function_call_output"}
    assert outputs == {
        "c0": [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": "data:image/png;base64,QQ=="},
        ],
        "c1": "Error: no",
        "c2": "[no result]",
    }
    assert body["input"][-1]["content"][0]["filename"] == "a.pdf"


def test_the_owner_can_do_without_summaries() -> None:
    """`customparams` is asked before we ask for one."""
    quirks = ChatQuirks(responses=QUIRKS.responses, extra_body={"reasoning": {"summary": None}})
    assert body_of(quirks=quirks)["reasoning"] == {"effort": "high", "summary": None}


def test_reasoning_goes_back_byte_for_byte() -> None:
    """To the same target alone; never one that is damaged, nor the last of a reply that was broken off."""
    signature = mint_item(ITEM, ORIGIN)
    assert opened_item(Thinking(signature=signature), ORIGIN) == ITEM
    assert opened_item(Thinking(signature=signature), "openai,gpt-6-astra") is None
    for other in (
        "",
        "EqQB",
        mint_text(),
        mint("responses", "{"),
        mint("responses", '{"origin":"openai,gpt-6-sol","item":5}'),
    ):
        assert opened_item(Thinking(signature=other), ORIGIN) is None
    thinking = {"type": "thinking", "thinking": "", "signature": signature}
    said = {"role": "assistant", "content": [thinking, {"type": "text", "text": "so"}]}
    broken = {"role": "assistant", "content": [thinking]}
    raw = json.dumps({"model": "m", "messages": [HI, said, HI, broken, HI]}).encode()
    written = encode_request(decode_request(raw), "gpt-6-sol", QUIRKS, ORIGIN)
    assert written.count(ITEM) == 1
    assert complaints(written) == []


def test_what_only_anthropic_can_do() -> None:
    """A conversation that Anthropic's servers hold cannot go elsewhere; nor can an empty one."""
    with pytest.raises(BadRequest):
        body_of(thread={"type": "create"})
    with pytest.raises(BadRequest):
        encode_request(ChatRequest(model="m"), "m", QUIRKS)

"""The scripted Gemini, judged by Google's own SDK, and our dialect against both."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from google import genai
from google.genai import errors, types

from claude_code_router.core.reply import BlockStarted, ReplyEnded, TextDelta, UsageKnown
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.gemini.reply import decode_reply
from claude_code_router.dialects.gemini.request import encode_request
from claude_code_router.dialects.gemini.signatures import mint_signature
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.scripted.script import Call, Fault, Say, Script, ScriptUsage, Search, Think
from claude_code_router.scripted.upstream import Upstream

Answer = TypeVar("Answer")
MODEL = "gemini-3.1-pro"
USAGE = ScriptUsage(input_tokens=10, cache_read_tokens=5, output_tokens=9, reasoning_tokens=4)
SCRIPT = Script(
    (Think("Hm."), Say("Let me see."), Call("Read", {"path": "ä"}, id="c1"), Call("Read", {"path": "b"}, id="c2")),
    usage=USAGE,
)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the SDK's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def client(url: str) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))


async def asked(ask: Callable[[genai.Client], Answer], script: Script) -> tuple[Answer, Upstream]:
    async with Upstream(script) as up:
        return await asyncio.to_thread(ask, client(up.url)), up


def camel(value: Any) -> Any:
    """The SDK writes some names with underscores, which Google's JSON reader takes as well."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): camel(inner) for key, inner in value.items()}
    return [camel(inner) for inner in value] if isinstance(value, list) else value


async def test_the_sdk_reads_a_whole_reply() -> None:
    """Its parts, its finish and its counts are what the script says."""
    reply, up = await asked(lambda c: c.models.generate_content(model=MODEL, contents="Go"), SCRIPT)
    parts = (reply.candidates or [])[0].content.parts or []  # type: ignore[union-attr]
    assert [(part.text, part.thought) for part in parts[:2]] == [("Hm.", True), ("Let me see.", None)]
    assert [call.args for call in reply.function_calls or ()] == [{"path": "ä"}, {"path": "b"}]
    assert parts[2].thought_signature
    assert not parts[3].thought_signature
    assert reply.usage_metadata is not None
    assert (reply.usage_metadata.prompt_token_count, reply.usage_metadata.thoughts_token_count) == (15, 4)
    assert up.seen[0].dialect == "gemini"


async def test_the_sdk_reads_a_stream() -> None:
    """Chunk by chunk, with the search's sources."""
    script = Script((Say("Found.", chunks=2), Search("q", (("A", "https://a"),))))
    chunks, _ = await asked(lambda c: list(c.models.generate_content_stream(model=MODEL, contents="Go")), script)
    assert "".join(chunk.text or "" for chunk in chunks) == "Found."
    grounded = [
        c.candidates[0].grounding_metadata for c in chunks if c.candidates and c.candidates[0].grounding_metadata
    ]
    assert [one.web_search_queries for one in grounded] == [["q"]]


async def test_the_sdk_reads_an_error() -> None:
    """Code, status and message."""
    script = Script((Fault("rate_limit_error", "Slower."),), status=429)
    with pytest.raises(errors.ClientError, match="RESOURCE_EXHAUSTED") as caught:
        await asked(lambda c: c.models.generate_content(model=MODEL, contents="Go"), script)
    assert caught.value.message == "Slower."


async def test_the_sdk_says_what_we_say() -> None:
    """One conversation through Google's SDK and through our dialect: the same contents, tools and settings on the wire."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    signature = "c2lnbmVk"
    call = types.FunctionCall(id="t1", name="Read", args={"path": "a"})
    answer = types.FunctionResponse(id="t1", name="Read", response={"output": "words"})
    contents = [
        types.Content(role="user", parts=[types.Part(text="Go")]),
        types.Content(role="model", parts=[types.Part(function_call=call, thought_signature=b"signed")]),
        types.Content(role="user", parts=[types.Part(function_response=answer), types.Part(text="and?")]),
    ]
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        max_output_tokens=100,
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH),
        tools=[
            types.Tool(
                function_declarations=[
                    types.FunctionDeclaration(name="Read", description="Reads.", parameters_json_schema=schema)
                ]
            )
        ],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    _, up = await asked(lambda c: c.models.generate_content(model=MODEL, contents=contents, config=config), SCRIPT)
    ours = {
        "model": "claude-x",
        "system": "Be brief.",
        "max_tokens": 100,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "tool_choice": {"type": "any"},
        "tools": [{"name": "Read", "description": "Reads.", "input_schema": schema}],
        "messages": [
            {"role": "user", "content": "Go"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": mint_signature(MODEL, signature, "call")},
                    {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "a"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "words"},
                    {"type": "text", "text": "and?"},
                ],
            },
        ],
    }
    sent: dict[str, Any] = json.loads(encode_request(decode_request(json.dumps(ours).encode()), MODEL, ChatQuirks()))
    theirs = camel(up.seen[0].json)
    theirs.get("systemInstruction", {}).pop("role", None)
    assert sent == theirs


async def test_our_dialect_reads_both_forms_alike() -> None:
    """A reply in one body and in a stream become the same reply."""
    streamed, _ = await asked(lambda c: list(c.models.generate_content_stream(model=MODEL, contents="Go")), SCRIPT)
    body = "[" + ",".join(chunk.model_dump_json(exclude_none=True, by_alias=True) for chunk in streamed) + "]"
    events = decode_reply(body.encode(), None, MODEL)
    assert [event.kind for event in events if isinstance(event, BlockStarted)] == [
        "thinking", "text", "thinking", "tool_call", "tool_call",
    ]  # fmt: skip
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Let me see."
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageKnown)] == [9]
    assert isinstance(events[-1], ReplyEnded)

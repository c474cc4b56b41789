"""Requests in Ollama's own form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.ollama_chat.request import encode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_text
from claude_code_router.providers.build import ProviderEntry, build_provider

QUIRKS = ChatQuirks(reasoning_replay="reasoning")
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}


def chat(*messages: Any, **fields: Any) -> ChatRequest:
    return decode_request(json.dumps({"model": "m", "messages": list(messages), **fields}).encode())


def written(*messages: Any, quirks: ChatQuirks = QUIRKS, model: str = "qwen3-coder", **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_request(chat(*messages, **fields), model, quirks))
    return body


def test_a_conversation() -> None:
    """Pictures beside the text, arguments as objects, reasoning as `thinking`, results with their call's id."""
    body = written(
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": mint_text()},
                {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "ls"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a", "is_error": True}]},
        system="Be good.",
        tools=[{"name": "Bash", "input_schema": {"type": "object"}}],
        stream=True,
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": "look", "images": ["QQ=="]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "c1", "function": {"name": "Bash", "arguments": {"command": "ls"}}}],
        },
        {"role": "tool", "content": "Error: a", "tool_call_id": "c1", "tool_name": "Bash"},
    ]
    assert body["stream"] is True
    assert [tool["function"]["name"] for tool in body["tools"]] == ["Bash"]


def test_what_it_cannot_hold_is_told() -> None:
    """Pictures by URL are not fetched there."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    body = written({"role": "user", "content": [{"type": "text", "text": "look"}, picture]})
    assert body["messages"][0]["content"] == "look\n\n[image omitted: https://x.example/a.png]"


def test_options() -> None:
    """Limits and sampling go into `options`; a schema is the `format`; no tools when none may be called."""
    schema = {"type": "object", "properties": {}}
    body = written(
        {"role": "user", "content": "hi"},
        max_tokens=500,
        temperature=0.5,
        top_k=4,
        stop_sequences=["x"],
        output_config={"format": {"type": "json_schema", "schema": schema}},
        tools=[{"name": "Bash", "input_schema": {"type": "object"}}],
        tool_choice={"type": "none"},
    )
    assert body["options"] == {"num_predict": 500, "temperature": 0.5, "top_k": 4, "stop": ["x"], "num_ctx": 65536}
    assert body["format"] == schema
    assert "tools" not in body


@pytest.mark.parametrize(("size", "window"), [(10, 65536), (250_000, 131_072), (2_000_000, 131_072)])
def test_the_window_holds_the_prompt(size: int, window: int) -> None:
    """What does not fit would be cut off without a word, so the window doubles, as far as the model's own."""
    body = written({"role": "user", "content": "x" * size}, model="nobody-knows-it")
    assert body["options"]["num_ctx"] == window


def test_the_owners_window_wins() -> None:
    """`customparams` with `options` says how large it is."""
    quirks = ChatQuirks(extra_body={"options": {"num_ctx": 32768}, "keep_alive": "1h"})
    body = written({"role": "user", "content": "x" * 500_000}, quirks=quirks)
    assert body["options"]["num_ctx"] == 32768
    assert body["keep_alive"] == "1h"


@pytest.mark.parametrize(
    ("model", "thinking", "think"),
    [
        ("qwen3:8b", {"type": "enabled", "budget_tokens": 9000}, True),
        ("qwen3:8b", {"type": "disabled"}, False),
        ("gpt-oss:20b", {"type": "enabled", "budget_tokens": 9000}, "high"),
        ("qwen2.5-coder", {"type": "enabled", "budget_tokens": 9000}, None),
    ],
)
def test_thinking(model: str, thinking: dict[str, Any], think: object) -> None:
    """A switch, a level for gpt-oss, nothing for models that cannot think: they would refuse to be asked."""
    entry = ProviderEntry(name="p", api_base_url="http://localhost:11434/api/chat")
    provider, _ = build_provider(entry, "Providers[0]")
    body = written({"role": "user", "content": "hi"}, quirks=provider.quirks_for(model), model=model, thinking=thinking)
    assert body.get("think") == think


def test_what_only_anthropic_can_do() -> None:
    """A conversation that Anthropic's servers hold cannot go elsewhere."""
    with pytest.raises(BadRequest):
        encode_request(chat({"role": "user", "content": "hi"}, thread={"type": "create"}), "m", QUIRKS)
    with pytest.raises(BadRequest):
        encode_request(ChatRequest(model="m"), "m", QUIRKS)

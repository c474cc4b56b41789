"""What Claude Code sends, as each vendor's Anthropic endpoint gets it. The rules are the vendors', written down apart from the
quirks that are to satisfy them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import exchange_for
from claude_code_router.dialects.anthropic_messages.near_relay import adapt
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayQuirks
from claude_code_router.providers.build import ProviderEntry, build_provider
from claude_code_router.providers.headers import upstream_headers
from claude_code_router.providers.preset import Preset, load_presets
from claude_code_router.providers.provider import Provider
from claude_code_router.routing.signals import read_signals

CLAUDE = ("anthropic", "azure")
"""They serve Claude as Anthropic does."""
HOSTED = ("bedrock", "bedrock_mantle", "vertex")
"""They serve Claude in wrappings of their own."""
GATEWAYS = ("openrouter", "vercel")
"""They serve Claude too, and translate for the others."""
OTHERS = [p for p in load_presets().values() if "anthropic" in p.endpoints and p.name not in CLAUDE + HOSTED]
TEXT_ONLY = {"deepseek": "deepseek-v4-pro", "minimax": "MiniMax-M2.5"}
TOP = {"model", "max_tokens", "messages", "system", "tools", "tool_choice", "metadata", "stream", "stop_sequences", "thinking",
       "temperature", "top_p", "top_k", "output_config"}  # fmt: skip
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
MARK = {"type": "ephemeral", "ttl": "1h"}


def claude_codes_own() -> bytes:
    """A later turn of Claude Code 2.1.330, with everything that its newest features send."""
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}, IMAGE]},
            {"role": "system", "content": "env", "output_config": {"effort": "high"}},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": "EqQB"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "ToolSearch",
                        "input": {},
                        "caller": {"type": "direct"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "tool_reference", "tool_name": "CronList"}, IMAGE],
                        "cache_control": MARK,
                    }
                ],
            },
            {"role": "system", "content": [{"type": "text", "text": "left", "cache_control": MARK}]},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": MARK},
        ],
        "tools": [
            {"name": "Bash", "description": "runs", "input_schema": {"type": "object"}, "type": "custom"},
            {"name": "DeferredToolPlaceholder", "input_schema": {"type": "object"}, "defer_loading": True},
            {"name": "CronList", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        "metadata": {"user_id": "u"},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "safeguards": [{"type": "dangerous_tool_use"}],
        "output_config": {"effort": "high"},
        "stream": True,
    }
    return json.dumps(body).encode()


BODY = claude_codes_own()
HEADERS = [
    (b"anthropic-beta", b"context-management-2025-06-27,effort-2025-11-24"),
    (b"anthropic-version", b"2023-06-01"),
]


def built(preset: Preset) -> Provider:
    entry = ProviderEntry(name="p", api_base_url=preset.endpoints["anthropic"], api_key="k", preset=preset.name)
    return build_provider(entry, "Providers[0]")[0]


def blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            yield block
            yield from block["content"] if isinstance(block.get("content"), list) else ()


@pytest.mark.parametrize("preset", OTHERS, ids=lambda preset: preset.name)
def test_other_makers_get_the_dialect_of_2025(preset: Preset) -> None:
    """No word that only Anthropic's own servers understand; calls, results and texts are all there."""
    provider = built(preset)
    model = TEXT_ONLY.get(preset.name, "other-model")
    body = json.loads(adapt(BODY, provider.relay_for(model)))
    assert body.keys() <= TOP
    assert [block["text"] for block in body["system"]] == ["You are Claude Code."]
    assert {message["role"] for message in body["messages"]} == {"user", "assistant"}
    assert all(message.keys() == {"role", "content"} for message in body["messages"])
    own = [tool for tool in body["tools"] if "type" not in tool]
    assert [tool["name"] for tool in own] == ["Bash", "CronList"]
    assert all(tool.keys() <= {"name", "description", "input_schema"} for tool in own)
    kinds = {block["type"] for block in blocks(body)}
    assert kinds <= {"text", "image", "thinking", "tool_use", "tool_result"}
    assert ("image" in kinds) == (preset.name not in TEXT_ONLY)
    assert all(block.get("cache_control", {"type": "ephemeral"}) == {"type": "ephemeral"} for block in blocks(body))
    assert body.get("thinking", {}).keys() <= {"type", "budget_tokens"}
    said = json.dumps(body["messages"])
    assert all(word in said for word in ("env", "left", "Loaded tools: CronList", "toolu_1"))
    if preset.name not in GATEWAYS:
        assert not any(name == "anthropic-beta" for name, _ in upstream_headers(provider, HEADERS))


@pytest.mark.parametrize(
    "preset", [p for p in load_presets().values() if p.name in CLAUDE], ids=lambda preset: preset.name
)
def test_claude_gets_the_clients_own_bytes(preset: Preset) -> None:
    """Not even copied, and the beta header with them."""
    provider = built(preset)
    assert adapt(BODY, provider.relay_for("claude-opus-5-5")) is BODY
    assert any(name == "anthropic-beta" for name, _ in upstream_headers(provider, HEADERS))


def test_claude_behind_a_gateway_keeps_what_is_claudes() -> None:
    """Signed thinking and prompt caches live there too."""
    for preset in OTHERS:
        if preset.name in GATEWAYS:
            assert adapt(BODY, built(preset).relay_for("anthropic/claude-opus-5.5")) is BODY


def test_a_gateway_without_a_preset_gets_the_clients_own_bytes() -> None:
    """Nothing is known of it, and most of them stand in front of Claude."""
    provider, _ = build_provider(
        ProviderEntry(name="p", api_base_url="https://gateway.example/v1/messages"), "Providers[0]"
    )
    assert adapt(BODY, provider.relay_for("m")) is BODY


@pytest.mark.parametrize("preset", OTHERS, ids=lambda preset: preset.name)
def test_every_change_is_known_from_somewhere(preset: Preset) -> None:
    """Source with date, and fields that exist."""
    changes = [*preset.relay, *(rule.change for rule in preset.relay_rules)]
    assert changes
    for change in changes:
        assert "20" in change.source
        assert change.fields.keys() <= set(RelayQuirks.__struct_fields__)
        change.apply(NOTHING)


CHAT = {
    "model": "gpt-6.1-sol",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "hi"},
                                     {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]},
        {"role": "assistant", "content": None, "thinking_blocks": [{"type": "redacted_thinking", "data": "x"}],
         "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "it is gone"},
        {"role": "user", "content": "left"},
        {"role": "system", "content": "env"},
    ],
    "tools": [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}, "strict": True}}],
    "reasoning_effort": "high",
    "web_search_options": {},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {
        "type": "object", "properties": {}, "additionalProperties": False, "required": []}}},
    "max_completion_tokens": 500_000,
    "stream": True,
}  # fmt: skip
RESPONSES = {
    "model": "gpt-6.1-sol",
    "instructions": "Be kind.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"},
                                     {"type": "input_image", "image_url": "data:image/png;base64,QQ=="}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "call_1", "name": "search", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "it is gone"},
        {"role": "developer", "content": "env"},
        {"role": "user", "content": "left"},
    ],
    "tools": [{"type": "function", "name": "search", "parameters": {"type": "object"}}, {"type": "web_search"}],
    "reasoning": {"effort": "high"},
    "max_output_tokens": 500_000,
    "stream": True,
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "asked"), [("openai_chat", CHAT), ("openai_responses", RESPONSES)])
@pytest.mark.parametrize("preset", OTHERS, ids=lambda preset: preset.name)
def test_other_makers_get_no_more_from_a_translation(preset: Preset, dialect: ClientDialect, asked: Any) -> None:
    """What they must not receive from Claude Code, they do not from an OpenAI client either."""
    provider = built(preset)
    model = TEXT_ONLY.get(preset.name, "other-model")
    inbound = Inbound(
        id="req_1", path="", query="", headers=((b"openai-beta", b"x"),), header={}, body=json.dumps(asked).encode(),
        received_at=0.0, dialect=dialect,
    )  # fmt: skip
    exchange = exchange_for(inbound, read_signals(inbound).signals, Target("p", model), provider)
    body, relay = json.loads(exchange.request.body), provider.relay_for(model)
    assert body.keys() <= TOP
    own = [tool for tool in body["tools"] if "type" not in tool]
    assert [tool["name"] for tool in own] == ["search"]
    assert all(tool.keys() <= {"name", "description", "input_schema", "cache_control"} for tool in own)
    hosted = [tool["type"] for tool in body["tools"] if "type" in tool]
    assert all(kind.startswith(relay.server_tools or ("\0",)) for kind in hosted)
    assert {message["role"] for message in body["messages"]} == {"user", "assistant"}
    kinds = {block["type"] for block in blocks(body)}
    assert kinds <= {"text", "image", "tool_use", "tool_result"}
    assert ("image" in kinds) == relay.images
    marks = [block for block in [*blocks(body), *body["system"], *body["tools"]] if "cache_control" in block]
    assert bool(marks) == (relay.cache_control != "drop")
    if relay.thinking is not None:
        assert body.get("thinking", {}).get("type") in (None, *relay.thinking)
    if relay.effort == ():
        assert "effort" not in body.get("output_config", {})
    if not relay.output_format:
        assert "format" not in body.get("output_config", {})
    said = json.dumps(body["messages"])
    assert all(word in said for word in ("hi", "env", "left", "it is gone"))
    assert {name for name, _ in exchange.request.headers} <= {
        "content-type", "anthropic-version", "x-api-key", "authorization"
    }  # fmt: skip

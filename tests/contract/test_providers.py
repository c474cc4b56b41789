"""Every preset keeps its promises, and a rich request obeys each vendor's strictness.

The rules are those of the vendors, written down here independently of the quirks that are to satisfy them (sources: LiteLLM
1.109.1's adapters, the vendors' API references; 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, product
from typing import Any

import msgspec
import pytest

from claude_code_router.core.chat import (
    ChatRequest,
    Image,
    Opaque,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_text
from claude_code_router.dialects.openai_chat.request import encode_request
from claude_code_router.providers.build import ProviderEntry, build_provider
from claude_code_router.providers.endpoint import find_preset
from claude_code_router.providers.preset import Preset, load_presets
from claude_code_router.providers.provider import Provider

Body = dict[str, Any]
PRESETS = tuple(load_presets().values())
RESPONSES = tuple(preset for preset in PRESETS if "openai_responses" in preset.endpoints)
CHAT_PRESETS = tuple(preset for preset in PRESETS if "openai_chat" in preset.endpoints)

LONG_NAME = "mcp__a_server_with_a_long_name__a_tool_whose_name_is_longer_than_sixty_four_characters"
SCHEMA = msgspec.Raw(
    b'{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","type":"object","additionalProperties":false,'
    b'"properties":{"strict":{"type":"boolean"},"n":{"type":"integer","exclusiveMinimum":0},'
    b'"map":{"type":"object","propertyNames":{"pattern":"^a"},"additionalProperties":{"type":"string"}}},"required":["n"]}'
)
FORMAT = msgspec.Raw(
    b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
)

ENDINGS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "ollama_chat": "/api/chat",
    "gemini": "/models/",
}
MODELS: Mapping[str, tuple[str, ...]] = {
    "azure": ("gpt-5.6-sol", "gpt-6-sol", "my-deployment"),
    "cerebras": ("gpt-oss-120b", "zai-glm-4.7", "llama-3.3-70b"),
    "dashscope": ("qwen3-max", "qwen3-coder-plus", "qwen3-32b", "qwen3-vl-plus"),
    "deepseek": ("deepseek-v4-pro", "deepseek-chat", "deepseek-reasoner"),
    "gemini": ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3.8-flash", "gemini-2.0-flash"),
    "groq": ("openai/gpt-oss-120b", "qwen/qwen3-32b", "llama-3.3-70b-versatile", "meta-llama/llama-4-scout-17b"),
    "lmstudio": ("openai/gpt-oss-20b", "qwen2.5-coder-7b"),
    "minimax": ("MiniMax-M2.5", "MiniMax-M3"),
    "mistral": ("mistral-large-latest", "devstral-2512", "mistral-small-2603", "magistral-medium-latest"),
    "modelscope": ("Qwen/Qwen3-235B-A22B", "Qwen/Qwen3-VL-235B", "deepseek-ai/DeepSeek-V3.2"),
    "moonshot": ("kimi-k2.6", "kimi-k3", "kimi-k2-0905-preview", "kimi-k2-thinking"),
    "ollama": ("qwen2.5-coder", "gpt-oss:20b", "qwen3:8b"),
    "openai": ("gpt-4.1", "gpt-5", "gpt-5.1", "gpt-5.6-sol", "gpt-6-sol", "gpt-6-astra", "o3", "gpt-5-chat-latest"),
    "openrouter": (
        "anthropic/claude-sonnet-4.5",
        "openai/gpt-5",
        "qwen/qwen3-max",
        "deepseek/deepseek-r1",
        "mistralai/devstral-2512",
    ),
    "siliconflow": (
        "Qwen/Qwen3-32B",
        "moonshotai/Kimi-K2-Instruct",
        "zai-org/GLM-4.6",
        "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",
    ),
    "vercel": ("anthropic/claude-sonnet-4.5", "openai/gpt-4.1"),
    "vllm": ("qwen3-32b", "gpt-oss-120b"),
    "volcengine": ("doubao-seed-1-6-250615", "deepseek-v3-2-251201", "ep-20250101-x"),
    "xai": ("grok-4-0709", "grok-3-mini", "grok-code-fast-1"),
    "zai": ("glm-4.6", "glm-4.5-air", "glm-4.6v", "glm-5.2", "glm-5.3"),
}


def rich(
    thinking: str, effort: str, choice: ToolChoice | None, *, stream: bool, tools: bool = True, schema: bool = False
) -> ChatRequest:
    """All that Claude Code may send in one request."""
    offered = (
        Tool(name="Bash", description="runs", schema=SCHEMA),
        Tool(name=LONG_NAME),
        Tool(name="web_search", server_type="web_search_20250305"),
    )
    return ChatRequest(
        model="asked",
        system=(Text("x-anthropic-billing-header: cc_version=1"), Text("You are helpful.", cached=True)),
        turns=(
            Turn("user", (Text("look"), Image(media_type="image/png", data="aGk="), Text("closely", cached=True))),
            Turn("system", (Text("a reminder in the middle"),)),
            Turn(
                "assistant",
                (
                    Thinking(text="claude's own", signature="EpcB" + "A" * 60),
                    ToolCall(id="toolu_01", name="Bash", input='{"command":"ls"}'),
                    ToolCall(id="toolu_02", name=LONG_NAME, input=""),
                ),
            ),
            Turn(
                "user",
                (
                    ToolResult(call_id="toolu_01", parts=(Text("a"), Image(media_type="image/png", data="aGk="))),
                    ToolResult(call_id="toolu_02", parts=(Text("no"),), is_error=True),
                    Text("and now?"),
                ),
            ),
            Turn(
                "assistant",
                (
                    Thinking(text="another's", signature=mint_text()),
                    Text("hm"),
                    Opaque("server_tool_use", '{"type":"server_tool_use","id":"s","name":"web_search","input":{}}'),
                    ToolCall(id="functions.Bash:7", name="Bash", input="{}"),
                ),
            ),
            Turn("user", (ToolResult(call_id="functions.Bash:7", parts=()),)),
        ),
        tools=offered if tools else (),
        tool_choice=choice if tools else None,
        max_tokens=128_000,
        temperature=1.0,
        top_p=0.9,
        top_k=40,
        stop=("a", "b", "c", "d", "e", "f"),
        stream=stream,
        thinking=thinking,
        thinking_budget=31_999 if thinking == "enabled" else None,
        effort=effort,
        json_schema=FORMAT if schema else None,
        user_id='{"device_id":"d","session_id":"s"}',
    )


def requests() -> Iterator[ChatRequest]:
    choices = (None, ToolChoice(parallel=False), ToolChoice(mode="any"), ToolChoice(mode="tool", name="Bash"))
    for thinking, effort, choice, stream in product(
        ("", "adaptive", "enabled", "disabled"), ("", "max"), choices, (True, False)
    ):
        yield rich(thinking, effort, choice, stream=stream)
    yield rich("adaptive", "high", None, stream=True, tools=False, schema=True)
    yield rich("adaptive", "high", None, stream=True, schema=True)


def built(preset: Preset) -> Provider:
    entry = ProviderEntry(name="p", api_base_url=preset.endpoints["openai_chat"], api_key="k", preset=preset.name)
    return build_provider(entry, "Providers[0]")[0]


REQUESTS = tuple(requests())
CASES = [(preset, model) for preset in CHAT_PRESETS for model in MODELS[preset.name]]


# --- what holds everywhere ---


def parts_of(body: Body) -> Iterator[Body]:
    for message in body["messages"]:
        if isinstance(message.get("content"), list):
            yield from message["content"]


def calls_of(body: Body) -> Iterator[Body]:
    for message in body["messages"]:
        yield from message.get("tool_calls", ())


def functions_of(body: Body) -> list[dict[str, Any]]:
    return [tool for tool in body.get("tools", ()) if tool["type"] == "function"]


def schemas_of(body: Body) -> Iterator[Body]:
    for tool in functions_of(body):
        yield tool["function"]["parameters"]


def keywords(schema: object) -> Iterator[str]:
    """All keywords of a schema; names of properties are none."""
    if isinstance(schema, list):
        for inner in schema:
            yield from keywords(inner)
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            if key == "properties":
                for inner in value.values():
                    yield from keywords(inner)
            else:
                yield from keywords(value)


def generally(body: Body) -> None:
    assert {tool["type"] for tool in body.get("tools", ())} <= {"function", "web_search", "openrouter:web_search"}
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["function"]["name"]) for tool in functions_of(body))
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call["function"]["name"]) for call in calls_of(body))
    assert all(isinstance(msgspec.json.decode(call["function"]["arguments"]), dict) for call in calls_of(body))
    assert "strict" in next(schemas_of(body), {"properties": {"strict": 1}})["properties"], "a property is no keyword"
    assert "tool_choice" not in body or body.get("tools")
    assert "thinking" not in body or body["thinking"].keys() <= {"type", "keep"}, "budgets are Anthropic's"
    assert "claude's own" not in msgspec.json.encode(body).decode()
    assert not any(key.startswith("anthropic") or key in ("system", "metadata", "output_config") for key in body)
    for index, message in enumerate(body["messages"]):
        for offset, call in enumerate(message.get("tool_calls", ())):
            answer = body["messages"][index + 1 + offset]
            assert (answer["role"], answer["tool_call_id"]) == ("tool", call["id"])
        assert "tool_calls" not in message or message["tool_calls"], "an empty list is refused"


def shows_no_image_in_tool_messages(body: Body) -> None:
    """OpenAI's schema has text only there; Mistral's is the one that has images too."""
    contents = [message["content"] for message in body["messages"] if message["role"] == "tool"]
    assert all(isinstance(content, str) or all(part["type"] == "text" for part in content) for content in contents)


# --- what single vendors refuse ---


def openai(body: Body, model: str) -> None:
    assert "max_tokens" not in body
    assert not {"top_k", "thinking", "enable_thinking", "reasoning", "user"} & body.keys()
    assert not any("cache_control" in part for part in parts_of(body))
    assert not any("reasoning" in key for message in body["messages"] for key in message)
    assert len(body.get("stop", ())) <= 4
    if re.match(r"o\d|gpt-5(?!-chat)|gpt-6", model):
        assert not {"temperature", "top_p", "stop"} & body.keys()
    if not re.match(r"o\d|gpt-5|gpt-6", model) or "chat" in model:
        assert "reasoning_effort" not in body
    if re.match(r"gpt-5\.6|gpt-6-sol", model) and "tools" in body:
        assert body["reasoning_effort"] == "none"
    if re.match(r"gpt-6-astra", model):
        assert body.get("reasoning_effort") != "none"
    if model == "gpt-5":
        assert body.get("reasoning_effort", "low") in ("minimal", "low", "medium", "high")


def azure(body: Body, model: str) -> None:
    if model != "my-deployment":
        openai(body, model)
    assert "max_tokens" not in body


def groq(body: Body, model: str) -> None:
    assert not any(value is None for message in body["messages"] for value in message.values())
    assert not any("reasoning_content" in message for message in body["messages"])
    assert not any("cache_control" in part for part in parts_of(body))
    assert not ("response_format" in body and (body.get("stream") or "tools" in body))
    if "gpt-oss" in model:
        assert body.get("reasoning_effort", "low") in ("low", "medium", "high")
        assert "reasoning_format" not in body
    elif "qwen3" in model:
        assert body.get("reasoning_effort", "none") in ("none", "default")
    else:
        assert "reasoning_effort" not in body


def mistral(body: Body, model: str) -> None:
    allowed = {"model", "messages", "tools", "tool_choice", "max_tokens", "temperature", "top_p", "stop", "stream",
               "parallel_tool_calls", "response_format", "reasoning_effort"}  # fmt: skip
    assert body.keys() <= allowed, "unknown keys are a 422"
    assert body.get("tool_choice", "auto") in ("auto", "any", "none")
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"]) for call in calls_of(body))
    assert not {"$schema", "$id", "additionalProperties", "strict"} & set(keywords(list(schemas_of(body))))
    roles = [message["role"] for message in body["messages"]]
    assert ("tool", "user") not in list(pairwise(roles))
    assert all(message.keys() <= {"role", "content", "tool_calls", "tool_call_id"} for message in body["messages"])


def deepseek(body: Body, model: str) -> None:
    assert all(isinstance(message.get("content", ""), str) for message in body["messages"]), "text models take strings"
    for message in body["messages"]:
        if "tool_calls" in message:
            assert message["reasoning_content"], "must be passed back in thinking mode"
    assert body.get("response_format", {"type": "json_object"})["type"] == "json_object"
    if body.get("tool_choice", "auto") != "auto":
        assert body.get("thinking", {"type": "disabled"})["type"] == "disabled"
        assert "reasoning_effort" not in body
    if model == "deepseek-chat":
        assert body["max_tokens"] <= 8192


def moonshot(body: Body, model: str) -> None:
    choice = body.get("tool_choice", "auto")
    if model == "kimi-k2.6":
        assert choice in ("auto", "none") or body["thinking"] == {"type": "disabled"}
    elif model == "kimi-k3":
        assert choice in ("auto", "none", "required")
    else:
        assert choice in ("auto", "none")
    assert isinstance(body.get("reasoning_effort", ""), str)
    if model in ("kimi-k2.6", "kimi-k3"):
        assert not {"temperature", "top_p"} & body.keys()
    else:
        assert "thinking" not in body
        assert not list(parts_of(body)), "text-only models take strings"
    assert all(message["reasoning_content"] for message in body["messages"] if "tool_calls" in message)


def zai(body: Body, model: str) -> None:
    assert "max_completion_tokens" not in body
    cap = {"glm-4.6": 131_072, "glm-4.5-air": 98_304, "glm-4.6v": 16_384}.get(model, 131_072)
    if model == "glm-5.3":
        assert body.get("thinking", {"type": "enabled"})["type"] == "enabled", "1210"
        assert body.get("reasoning_effort", "low") in ("low", "high", "max")
    elif model == "glm-5.2":
        assert body.get("reasoning_effort", "high") in ("high", "max")
    else:
        assert "reasoning_effort" not in body
    assert body["max_tokens"] <= cap
    assert body.get("tool_choice", "auto") in ("auto", "none")
    assert len(body.get("stop", ())) <= 1
    assert body.get("response_format", {"type": "json_object"})["type"] == "json_object"


def dashscope(body: Body, model: str) -> None:
    if body.get("stream"):
        assert body["stream_options"] == {"include_usage": True}
    elif model == "qwen3-32b":
        assert body["enable_thinking"] is False, "open weights think only in streams"
    if "coder" in model:
        assert "enable_thinking" not in body
    if body.get("tool_choice", "auto") != "auto":
        assert not body.get("enable_thinking")


def modelscope(body: Body, model: str) -> None:
    if "VL" not in model:
        assert not list(parts_of(body))
    if model == "Qwen/Qwen3-235B-A22B" and not body.get("stream"):
        assert body["enable_thinking"] is False


def siliconflow(body: Body, model: str) -> None:
    if "Kimi" in model or "R1" in model:
        assert "enable_thinking" not in body, "400 for models that cannot switch"


def vllm(body: Body, model: str) -> None:
    assert [message["role"] for message in body["messages"]].count("system") == 1
    assert body["messages"][0]["role"] == "system"


def ollama(body: Body, model: str) -> None:
    for part in parts_of(body):
        if part["type"] == "image_url":
            assert part["image_url"]["url"].startswith("data:"), "no URLs"
    if model == "qwen2.5-coder":
        assert "reasoning_effort" not in body, "a model that cannot think refuses to be asked"
    if "gpt-oss" in model:
        assert body.get("reasoning_effort") != "none"


def gemini(body: Body, model: str) -> None:
    refused = {"$schema", "$id", "additionalProperties", "exclusiveMinimum", "propertyNames"}
    assert not refused & set(keywords(list(schemas_of(body))))
    if model.startswith("gemini-3"):
        signatures = [call["extra_content"]["google"]["thought_signature"] for call in calls_of(body)]
        assert all(signatures)
    if model != "gemini-2.5-flash":
        assert body.get("reasoning_effort") != "none"
    if model == "gemini-2.0-flash":
        assert "reasoning_effort" not in body


def cerebras(body: Body, model: str) -> None:
    assert "max_tokens" not in body
    assert not list(parts_of(body))
    assert "reasoning" not in body
    if "gpt-oss" in model:
        assert body.get("reasoning_effort", "low") in ("low", "medium", "high")


def minimax(body: Body, model: str) -> None:
    assert not {"parallel_tool_calls", "response_format", "reasoning_effort", "max_tokens"} & body.keys()
    assert body.get("tool_choice", "auto") in ("auto", "none")
    assert body["reasoning_split"] is True


def xai(body: Body, model: str) -> None:
    assert "stop" not in body
    assert model == "grok-3-mini" or "reasoning_effort" not in body
    assert body.get("reasoning_effort", "low") in ("low", "high")


def openrouter(body: Body, model: str) -> None:
    assert any("cache_control" in part for part in parts_of(body)) == ("claude" in model)
    assert len({"effort", "max_tokens"} & body.get("reasoning", {}).keys()) <= 1, "not both"
    assert body.get("reasoning", {}).get("effort") != "max"
    if model in ("openai/gpt-5", "deepseek/deepseek-r1"):
        assert body.get("reasoning", {}).get("enabled") is not False, "reasoning is mandatory there"
    assert body["usage"] == {"include": True}


def lmstudio(body: Body, model: str) -> None:
    assert body.get("tool_choice", "auto") in ("auto", "none", "required")


def volcengine(body: Body, model: str) -> None:
    assert "reasoning_effort" not in body
    assert not model.startswith("ep-") or "thinking" not in body


def vercel(body: Body, model: str) -> None:
    assert any("cache_control" in part for part in parts_of(body)) == ("claude" in model)


RULES: Mapping[str, Callable[[Body, str], None]] = {
    rule.__name__: rule
    for rule in (
        openai, groq, mistral, deepseek, moonshot, zai, dashscope, modelscope, siliconflow, vllm, ollama, gemini, cerebras,
        minimax, xai, openrouter, lmstudio, volcengine, vercel, azure,
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "model"), CASES, ids=lambda value: value.name if isinstance(value, Preset) else value
)
def test_rich_requests_obey_the_vendor(preset: Preset, model: str) -> None:
    """Whatever the client asks for, the body has nothing that this vendor is known to refuse."""
    quirks = built(preset).quirks_for(model)
    for chat in REQUESTS:
        body = msgspec.json.decode(encode_request(chat, model, quirks))
        generally(body)
        if quirks.user_after_tool:
            shows_no_image_in_tool_messages(body)
        RULES[preset.name](body, model)


def test_the_careful_middle_is_valid_too() -> None:
    """A gateway without a preset gets a body that the plain protocol allows."""
    for chat in REQUESTS:
        body = msgspec.json.decode(encode_request(chat, "m", ChatQuirks()))
        generally(body)
        shows_no_image_in_tool_messages(body)
        assert not {"thinking", "reasoning", "reasoning_effort", "enable_thinking", "top_k"} & body.keys()
        assert not any("cache_control" in part for part in parts_of(body))


# --- what every preset promises ---


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_is_complete(preset: Preset) -> None:
    """Its file has its name; its endpoints are complete and found again; every quirk names its source and date."""
    assert preset.endpoints or preset.native_urls
    assert preset.title
    for dialect, url in preset.endpoints.items():
        if preset.hosts or preset.loopback_ports:
            assert find_preset(url) is preset or dialect == "anthropic" or preset.loopback_ports
        assert url.endswith(ENDINGS[dialect] if not preset.hosting else ("/models/", "/model/"))
        entry = ProviderEntry(name="p", api_base_url=url, api_key="k", preset=preset.name)
        provider, problems = build_provider(entry, "Providers[0]")
        assert (provider.url, provider.dialect, problems) == (url, dialect, ())
    changes = [*preset.quirks, *(rule.change for rule in preset.model_rules)]
    for change in changes:
        assert re.search(r"20\d\d", change.source)
        change.apply(ChatQuirks())
        assert change.fields.keys() <= set(ChatQuirks.__struct_fields__)
    for rule in preset.model_rules:
        re.compile(rule.models)


def test_presets_do_not_overlap() -> None:
    """A host belongs to one vendor, and file and name agree."""
    hosts = [host for preset in PRESETS for host in preset.hosts]
    ports = [port for preset in PRESETS for port in preset.loopback_ports]
    assert len(hosts) == len(set(hosts))
    assert len(ports) == len(set(ports))
    assert not [(a, b) for a in hosts for b in hosts if a != b and a.endswith("." + b)]
    assert all(name == preset.name for name, preset in load_presets().items())
    assert set(MODELS) == set(RULES) == {preset.name for preset in CHAT_PRESETS}

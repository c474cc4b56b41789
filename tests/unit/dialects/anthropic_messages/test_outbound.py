"""A conversation of another dialect's client, as Claude takes it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from claude_code_router.catalog.cards import card
from claude_code_router.core.chat import (
    ChatRequest,
    Image,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from claude_code_router.dialects.anthropic_messages.outbound import encode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.provenance import mint

USER = Turn("user", (Text("hi"),))
TOOL = Tool(name="search", description="finds")


def body(chat: ChatRequest, model: str = "claude-opus-4-6") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_request(chat, model, ChatQuirks(), card(model)))
    return found


def chat(*turns: Turn, **fields: Any) -> ChatRequest:
    return ChatRequest(model="asked", turns=turns, **fields)


def test_a_required_limit() -> None:
    """max_tokens is required: without one from the client, a usual figure within the model's cap."""
    assert body(chat(USER))["max_tokens"] == 32_000
    assert body(chat(USER, max_tokens=500_000))["max_tokens"] == 128_000
    assert body(chat(USER, max_tokens=7))["max_tokens"] == 7


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "expected"),
    [
        ("claude-opus-4-6", "adaptive", "high", {"thinking": "adaptive", "effort": "high"}),
        ("claude-opus-4-6", "adaptive", "xhigh", {"thinking": "adaptive", "effort": "high"}),
        ("claude-opus-4-6", "disabled", "", {"thinking": "disabled"}),
        ("claude-opus-5-5", "disabled", "", {"effort": "low"}),
        ("claude-haiku-4-5", "adaptive", "max", {"thinking": "enabled", "budget": 16_384}),
        ("claude-opus-4-6", "", "", {}),
        ("some-model", "adaptive", "high", {}),
    ],
)
def test_effort_in_the_forms_of_the_model(model: str, thinking: str, effort: str, expected: dict[str, Any]) -> None:
    """Each model is told of thinking in a form that its card has, or not at all."""
    sent = body(chat(USER, thinking=thinking, effort=effort), model)
    told = sent.get("thinking", {})
    found = {
        "thinking": told.get("type"),
        "budget": told.get("budget_tokens"),
        "effort": sent.get("output_config", {}).get("effort"),
    }
    assert {name: value for name, value in found.items() if value is not None} == expected


def test_sampling_by_card() -> None:
    """Sampling goes to models that take it, on Claude's scale, one of the two; others get none."""
    assert body(chat(USER, temperature=1.7, top_p=0.5))["temperature"] == 1.0
    assert "top_p" not in body(chat(USER, temperature=1.7, top_p=0.5))
    newer = body(chat(USER, temperature=0.5, top_p=0.5, top_k=3), "claude-opus-5-5")
    assert not newer.keys() & {"temperature", "top_p", "top_k"}


def test_a_forced_tool_where_it_is_refused() -> None:
    """Models that refuse a forced tool are left to choose."""
    asked = chat(USER, tools=(TOOL,), tool_choice=ToolChoice(mode="any", parallel=False))
    assert body(asked, "claude-opus-4-6")["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert body(asked, "claude-opus-5-5")["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_thinking_of_its_own_comes_back_and_foreign_thinking_goes() -> None:
    """Claude's signed thinking is returned as it was; ours and unsigned is left out whole."""
    own = Thinking("I wonder.", signature="c2ln")
    foreign = (Thinking("foreign", signature=mint("text", "")), Thinking("unsigned"))
    sent = body(chat(USER, Turn("assistant", (own, *foreign, Text("Yes."))), USER))
    assert sent["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "I wonder.", "signature": "c2ln"},
        {"type": "text", "text": "Yes."},
    ]


def test_an_answer_of_foreign_thinking_alone() -> None:
    """A turn of which nothing is left says so: an empty one is refused."""
    sent = body(chat(USER, Turn("assistant", (Thinking("x", signature=mint("text", "")),)), USER))
    assert sent["messages"][1] == {"role": "assistant", "content": [{"type": "text", "text": "(no content)"}]}


def test_manual_thinking_stops_in_a_loop_without_thinking() -> None:
    """Models with budgets refuse a tool loop whose thinking is gone, so this request does not think."""
    loop = (USER, Turn("assistant", (ToolCall("c", "search", "{}"),)), Turn("user", (ToolResult("c", (Text("x"),)),)))
    assert "thinking" not in body(chat(*loop, thinking="adaptive", effort="high", tools=(TOOL,)), "claude-haiku-4-5")


def test_results_stand_first_and_every_call_has_one() -> None:
    """Results come before the user's words, a missing one is said to be missing, an orphan is told as text."""
    sent = body(
        chat(
            USER,
            Turn("assistant", (ToolCall("a.1", "search", '{"q":1}'), ToolCall("b", "search", "oops"))),
            Turn(
                "user",
                (Text("and then"), ToolResult("a.1", (Image(media_type="image/png", data="AA=="),), is_error=True)),
            ),
            Turn("user", (ToolResult("gone", (Text("old"),)),)),
            tools=(TOOL,),
        )
    )
    calls = sent["messages"][1]["content"]
    assert [(call["id"], call["input"]) for call in calls] == [("a_1", {"q": 1}), ("b", {"_raw": "oops"})]
    first, second, *rest = sent["messages"][2]["content"]
    assert (first["tool_use_id"], first["is_error"]) == ("a_1", True)
    assert first["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "AA=="}
    assert (second["tool_use_id"], second["content"]) == ("b", "[no result]")
    assert [block["text"] for block in rest] == ["and then", "[result of tool call gone]", "old"]


def test_later_system_messages() -> None:
    """They stay where they are with models that take them, and are reminders with the others."""
    turns = (USER, Turn("system", (Text("Hurry."),)), USER)
    assert [m["role"] for m in body(chat(*turns), "claude-opus-5-5")["messages"]] == ["user", "system", "user"]
    (only,) = body(chat(*turns), "claude-haiku-4-5")["messages"]
    assert only["content"][1]["text"] == "<system-reminder>\nHurry.\n</system-reminder>"


def test_the_conversation_ends_with_the_user() -> None:
    """A beginning of the answer is kept by models that go on from it; others are told to go on."""
    begun = chat(USER, Turn("assistant", (Text("Once "),)))
    assert body(begun, "claude-haiku-4-5")["messages"][-1]["content"] == [{"type": "text", "text": "Once"}]
    assert body(begun, "claude-opus-4-6")["messages"][-1]["content"] == [{"type": "text", "text": "Continue."}]


def test_a_schema_for_the_reply() -> None:
    """A strict schema is Claude's own output format; a loose one, or another model, gets it in words."""
    strict = msgspec.Raw(
        b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
    )
    loose = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')
    assert body(chat(USER, json_schema=strict))["output_config"]["format"]["type"] == "json_schema"
    assert "JSON Schema" in body(chat(USER, json_schema=loose))["system"][0]["text"]
    assert "JSON Schema" in body(chat(USER, json_schema=strict), "some-model")["system"][0]["text"]


def test_steps_of_an_agent_are_cached() -> None:
    """With tools, the prefix is marked for the cache at its three seams; a lone question is not."""
    marked = body(chat(USER, system=(Text("Be kind."),), tools=(TOOL,)))
    assert [marked[part][-1].get("cache_control") for part in ("tools", "system")] == [{"type": "ephemeral"}] * 2
    assert marked["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in json.dumps(body(chat(USER, system=(Text("Be kind."),))))

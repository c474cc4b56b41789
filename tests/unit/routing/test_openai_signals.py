"""What routing reads off chat/completions and Responses requests: the same facts as off Anthropic's, for the same rules."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from claude_code_router.core.decision import Choose, Pass
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import decide
from claude_code_router.routing.signals import Reading, read_signals
from claude_code_router.routing.table import RoutingTable

TABLE = RoutingTable(
    models={"p": ("a", "b", "c")},
    scenarios={
        "default": Target("p", "a"),
        "think": Target("p", "b"),
        "longContext": Target("p", "c"),
        "webSearch": Target("p", "search"),
        "image": Target("p", "eyes"),
    },
)  # fmt: skip


def reading(dialect: ClientDialect, body: dict[str, Any] | bytes, **header: str) -> Reading:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_signals(
        Inbound(id="r", path="/", query="", headers=(), header=header, body=data, received_at=0.0, dialect=dialect)
    )


def chat(said: Any = "hi", **fields: Any) -> Signals:
    body = {"model": "gpt-5.5", "messages": [{"role": "user", "content": said}], **fields}
    return reading("openai_chat", body).signals


def responses(said: Any = "hi", **fields: Any) -> Signals:
    return reading("openai_responses", {"model": "gpt-5.5", "input": said, **fields}).signals


SEARCH = {"type": "web_search"}
CODEX = (
    {"type": "local_shell"},
    {"type": "custom", "name": "apply_patch"},
    {"type": "function", "name": "update_plan"},
    {"type": "namespace", "name": "mcp"},
)
"""The client's own tools, of every kind."""
FUNCTION = {"type": "function", "function": {"name": "f"}}


def allowed(mode: str, *tools: dict[str, str]) -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": tools}


PICTURE = "data:image/png;base64," + base64.b64encode(b"\1" * 30_000).decode()


@pytest.mark.parametrize(
    ("signals", "target"),
    [
        (chat(), "a"),
        (responses(), "a"),
        (chat(reasoning_effort="high"), "b"),
        (chat(reasoning_effort="medium"), "a"),
        (responses(reasoning={"effort": "xhigh"}), "b"),
        (chat("word " * 80_000), "c"),
        (responses("word " * 80_000), "c"),
        (chat(web_search_options={}), "search"),
        (responses(tools=[{"type": "web_search"}]), "search"),
        (responses(tools=[SEARCH, {"type": "image_generation"}]), "search"),
        (responses(tools=[{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]), "a"),
        (responses(tools=[*CODEX, SEARCH]), "a"),
        (responses(tools=[*CODEX, SEARCH], tool_choice="auto"), "a"),
        (responses(tools=[*CODEX, SEARCH], tool_choice="required"), "a"),
        (responses(tools=[*CODEX, SEARCH], tool_choice={"type": "function", "name": "web_search_notes"}), "a"),
        (responses(tools=[*CODEX, SEARCH], tool_choice={"type": "web_search"}), "search"),
        (responses(tools=[*CODEX, SEARCH], tool_choice=allowed("required", SEARCH)), "search"),
        (responses(tools=[*CODEX, SEARCH], tool_choice=allowed("required", SEARCH, CODEX[0])), "a"),
        (responses(tools=[*CODEX, SEARCH], tool_choice=allowed("auto", SEARCH)), "a"),
        (chat(tools=[FUNCTION], web_search_options={}), "a"),
        (chat(tools=[FUNCTION], web_search_options={}, model="gpt-5-search-api"), "search"),
        (chat(tools=[FUNCTION], model="gpt-5-search-api"), "a"),
        (chat([{"type": "image_url", "image_url": {"url": PICTURE}}]), "eyes"),
        (responses([{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}]), "eyes"),
        (chat(model="p,b"), "b"),
        (responses(model="p/c"), "c"),
    ],
)
def test_the_classic_rules(signals: Signals, target: str) -> None:
    """Every rule decides for these clients as it does for Claude Code."""
    decision = decide(signals, TABLE)
    assert decision.route.first.model == target
    assert any(isinstance(verdict, Choose) for verdict in decision.verdicts)


def test_a_search_that_is_only_offered_is_named() -> None:
    """Why webSearch passes should be told; and Claude Code, which offers the search to who shall search, is not concerned."""
    passed = decide(responses(tools=[*CODEX, SEARCH]), TABLE).verdicts
    assert Pass("webSearch", "the web search only stands among the client's own tools") in passed
    tools = [{"name": "Bash"}, {"type": "web_search_20250305", "name": "web_search"}]
    body = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hi"}], "tools": tools}
    assert decide(reading("anthropic", body).signals, TABLE).rule == "webSearch"


def test_a_tool_loop() -> None:
    """The person's last words are found behind the results, which make the request a step of a loop."""
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "find it"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "found"},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    seen = chat(messages=messages, tools=tools, max_completion_tokens=5, stream=True, prompt_cache_key="thread")
    assert (seen.kind, seen.last_user_text, seen.tools, seen.turns) == ("tool_result", "find it", ("f",), 4)
    assert (seen.max_tokens, seen.stream, seen.session) == (5, True, "thread")
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "find it"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "found"},
    ]
    same = responses(items, tools=[{"type": "function", "name": "f"}], max_output_tokens=5, stream=True)
    assert (same.kind, same.last_user_text, same.tools, same.prompt_hash) == (
        seen.kind, seen.last_user_text, seen.tools, seen.prompt_hash,
    )  # fmt: skip


def test_sessions_by_header() -> None:
    """Codex names its thread in a header."""
    body = {"model": "m", "input": "hi", "prompt_cache_key": "other"}
    assert reading("openai_responses", body, session_id="thread").signals.session == "thread"


def test_pictures_are_no_text() -> None:
    """A picture in a data URL counts as a picture, not as its letters; sealed reasoning does not count as text either."""
    assert chat([{"type": "image_url", "image_url": {"url": PICTURE}}]).tokens < 1_000
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": base64.b64encode(b"\2" * 30_000).decode()}
    assert responses([sealed, {"role": "user", "content": "hi"}]).tokens < 1_000


@pytest.mark.parametrize(
    ("dialect", "body", "words"),
    [
        ("openai_chat", b"{", "not valid JSON"),
        ("openai_chat", b"[]", "found an array, expected an object"),
        ("openai_chat", b'{"messages":[]}', "model: found nothing"),
        ("openai_chat", b'{"model":"m"}', "messages: found nothing, expected an array"),
        ("openai_responses", b'{"model":"m","input":7}', "input: found a number"),
    ],
)
def test_refusals(dialect: ClientDialect, body: bytes, words: str) -> None:
    """What routing cannot read is refused in one sentence."""
    with pytest.raises(BadRequest, match=words):
        reading(dialect, body)

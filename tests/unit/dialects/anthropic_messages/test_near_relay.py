"""Requests for servers that speak Anthropic's dialect and are not Anthropic: what goes, and that all else stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.dialects.anthropic_messages.near_relay import adapt, nearest
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayQuirks
from claude_code_router.providers.relaying import OTHER_MODELS

OTHERS = OTHER_MODELS.apply(NOTHING)
BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"}
PROMPT = {"type": "text", "text": "You are helpful.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
RESULT = {"type": "tool_result", "tool_use_id": "t"}
TOOL = {"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def adapted(quirks: RelayQuirks, **fields: Any) -> dict[str, Any]:
    body = json.dumps({"model": "m", **fields}, indent=1).encode()
    found: dict[str, Any] = json.loads(adapt(body, quirks))
    assert found.pop("model") == "m"
    return found


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


CASES: list[tuple[str, RelayQuirks, dict[str, Any], dict[str, Any]]] = [
    ("the billing block", RelayQuirks(attribution=False), {"system": [BILLING, PROMPT]}, {"system": [PROMPT]}),
    ("the billing block alone", RelayQuirks(attribution=False), {"system": [BILLING]}, {"system": []}),
    ("a system text", RelayQuirks(attribution=False), {"system": "hi"}, {"system": "hi"}),
    (
        "both halves of a beta",
        RelayQuirks(betas=False),
        {
            "context_management": {"edits": []},
            "max_tokens": 5,
            "safeguards": [],
            "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "updates"},
            "output_config": {"effort": "high", "task_budget": {"total": 20000}},
        },
        {"max_tokens": 5, "thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "high"}},
    ),
    (
        "a refused field",
        RelayQuirks(drop_fields=frozenset({"metadata"})),
        {"metadata": {}, "stream": True},
        {"stream": True},
    ),
    (
        "members of tools",
        RelayQuirks(betas=False),
        {"tools": [{**TOOL, "type": "custom", "defer_loading": True}, {"name": "DeferredToolPlaceholder"}]},
        {"tools": [TOOL]},
    ),
    (
        "server tools, and a choice of one",
        RelayQuirks(server_tools=()),
        {"tools": [SEARCH, TOOL], "tool_choice": {"type": "tool", "name": "web_search"}},
        {"tools": [TOOL], "tool_choice": {"type": "auto"}},
    ),
    ("the only tool", RelayQuirks(server_tools=()), {"tools": [SEARCH], "tool_choice": {"type": "any"}}, {}),
    ("its own server tools", RelayQuirks(server_tools=("web_search_",)), {"tools": [SEARCH]}, {"tools": [SEARCH]}),
    (
        "adaptive as enabled",
        RelayQuirks(thinking=("enabled", "disabled")),
        {"max_tokens": 9000, "thinking": {"type": "adaptive"}},
        {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 8999}},
    ),
    (
        "no room to think",
        RelayQuirks(thinking=("enabled", "disabled")),
        {"thinking": {"type": "adaptive"}, "max_tokens": 64},
        {"max_tokens": 64},
    ),
    ("adaptive left out", RelayQuirks(thinking=()), {"thinking": {"type": "adaptive"}}, {}),
    ("always thinking", RelayQuirks(thinking=("enabled",)), {"thinking": {"type": "disabled"}}, {}),
    (
        "a level",
        RelayQuirks(effort=("low", "high")),
        {"output_config": {"effort": "xhigh"}},
        {"output_config": {"effort": "high"}},
    ),
    ("no effort", RelayQuirks(effort=()), {"output_config": {"effort": "high"}}, {}),
    (
        "no format",
        RelayQuirks(output_format=False),
        {"output_config": {"format": {}, "effort": "low"}},
        {"output_config": {"effort": "low"}},
    ),
    ("a limit", RelayQuirks(max_output_tokens=100), {"max_tokens": 128000}, {"max_tokens": 100}),
    (
        "cache marks, plain",
        RelayQuirks(cache_control="plain"),
        {"cache_control": {"type": "ephemeral"}, "system": [PROMPT], "messages": [user(text("a", cache_control=None))]},
        {"system": [{**PROMPT, "cache_control": {"type": "ephemeral"}}], "messages": [user(text("a"))]},
    ),
    (
        "cache marks, none",
        RelayQuirks(cache_control="drop"),
        {"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}], "messages": [user(text("a", cache_control={}))]},
        {"tools": [TOOL], "messages": [user(text("a"))]},
    ),
    (
        "system turns",
        RelayQuirks(system_turns=False),
        {
            "messages": [
                user(text("go")),
                {"role": "system", "content": [text("one"), text("two")], "output_config": {"effort": "low"}},
                {"role": "system", "content": "three"},
                {"role": "assistant", "content": "ok"},
                {"role": "system", "content": "four"},
                {"role": "user", "content": "and?"},
                {"role": "system", "content": []},
                {"role": "system", "content": "five"},
            ]
        },
        {
            "messages": [
                user(
                    text("go"),
                    text("<system-reminder>\none\n\ntwo\n</system-reminder>"),
                    text("<system-reminder>\nthree\n</system-reminder>"),
                ),
                {"role": "assistant", "content": "ok"},
                user(text("<system-reminder>\nfour\n</system-reminder>")),
                user(text("and?"), text("<system-reminder>\nfive\n</system-reminder>")),
            ]
        },
    ),
    (
        "what the model cannot see",
        RelayQuirks(images=False, documents=False),
        {
            "messages": [
                user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE, text("a")]}, IMAGE),
                user(
                    {
                        "type": "document",
                        "title": "T",
                        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                    },
                    {"type": "document", "source": {"type": "file", "file_id": "f"}},
                ),
            ]
        },
        {
            "messages": [
                user(
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [text("[image omitted: this model cannot see images]"), text("a")],
                    },
                    text("[image omitted: this model cannot see images]"),
                ),
                user(text("T:\nwords"), text("[document omitted: this model cannot read such a document]")),
            ]
        },
    ),
    (
        "traces of server tools",
        RelayQuirks(server_tools=()),
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
                        {
                            "type": "web_search_tool_result",
                            "tool_use_id": "s",
                            "content": [
                                {"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "x"}
                            ],
                        },
                        text("said"),
                    ],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        text("[used a tool of the server]\nname: web_search\nquery: q"),
                        text("[web search results]\nurl: u\ntitle: t"),
                        text("said"),
                    ],
                }
            ]
        },
    ),
    (
        "loaded tools",
        RelayQuirks(betas=False),
        {"messages": [user({**RESULT, "content": [{"type": "tool_reference", "tool_name": "X"}]})]},
        {"messages": [user({**RESULT, "content": [text("Loaded tools: X")]})]},
    ),
    (
        "encrypted thinking",
        RelayQuirks(redacted_thinking=False),
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, text("a")]},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
            ]
        },
        {
            "messages": [
                {"role": "assistant", "content": [text("a")]},
                {"role": "assistant", "content": [text("(no content)")]},
            ]
        },
    ),
]


@pytest.mark.parametrize(("quirks", "before", "after"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_changed(quirks: RelayQuirks, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Each quirk changes what it names, and nothing else."""
    assert adapted(quirks, **before) == after


@pytest.mark.parametrize("quirks", [NOTHING, RelayQuirks(), OTHERS], ids=["nothing", "equal to nothing", "others"])
def test_nothing_to_change_is_the_same_object(quirks: RelayQuirks) -> None:
    """The bytes are not even copied."""
    body = json.dumps({"model": "m", "messages": [user(text("hi"))], "tools": [TOOL], "system": "s"}).encode()
    assert adapt(body, quirks) is body


def test_all_other_bytes_stay() -> None:
    """Spaces, escapes, the order of members and numbers as they were written survive beside what is changed."""
    kept = rb'{"role" : "user", "content":[ {"text":"caf\u00e9 \/","type":"text" } , {"n": 1.50e1,"type":"text","text":"x"}]}'
    body = (
        b'{ "model":"m",\n "messages": [ %b , {"role":"system","content":"now"} ],"max_tokens" : 1e3 , "speed":"fast"}'
        % kept
    )
    reminder = b'{"type":"text","text":"<system-reminder>\\nnow\\n</system-reminder>"}'
    assert adapt(body, OTHERS) == (
        b'{ "model":"m",\n "messages": [ %b,%b]} ],"max_tokens" : 1e3}' % (kept[:-2], reminder)
    )


def test_first_members_go_with_their_comma() -> None:
    """Also where nothing that stays is in front of them."""
    assert adapt(b'{"speed":"fast", "safeguards":[],"model":"m"}', OTHERS) == b'{"model":"m"}'
    assert adapt(b'{"speed":"fast"}', OTHERS) == b"{}"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"messages":5}', b'{"tools":[5]}', b'{"thinking":"x"}', b"\xff"])
def test_what_cannot_be_read_is_left_alone(body: bytes) -> None:
    """Reading the signals has said what is wrong with it, or the server will."""
    assert adapt(body, OTHERS) is body


def test_levels() -> None:
    """The highest level that is not above, else the lowest."""
    assert nearest("max", ("low", "high")) == "high"
    assert nearest("low", ("high", "max")) == "high"
    assert nearest("turbo", ("low",)) == ""


blocks = st.sampled_from(
    [
        text("a"),
        text("b", cache_control={"type": "ephemeral", "ttl": "1h"}),
        IMAGE,
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"type": "image"}},
        {"type": "tool_result", "tool_use_id": "t", "content": [IMAGE, {"type": "tool_reference", "tool_name": "X"}]},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ]
)
messages = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant"]),
        st.lists(blocks, min_size=1, max_size=4) | st.just("words"),
    )
    | st.builds(
        lambda content: {"role": "system", "content": content}, st.lists(st.just(text("s")), max_size=2) | st.just("s")
    ),
    max_size=6,
)
tools = st.lists(
    st.sampled_from([TOOL, SEARCH, {**TOOL, "name": "R", "type": "custom", "defer_loading": True}]), max_size=3
)
quirks = st.builds(
    RelayQuirks,
    attribution=st.booleans(),
    betas=st.booleans(),
    server_tools=st.sampled_from([None, (), ("web_search_",)]),
    system_turns=st.booleans(),
    cache_control=st.sampled_from(["keep", "plain", "drop"]),
    images=st.booleans(),
    redacted_thinking=st.booleans(),
)


@given(quirks, messages, tools, st.sampled_from([None, 1, (",", ":")]))
def test_any_request_stays_whole(quirks: RelayQuirks, messages: list[Any], tools: list[Any], layout: Any) -> None:
    """The result is JSON, a second pass finds nothing more, no message is empty, calls and their input are untouched."""
    indent, separators = (layout, None) if isinstance(layout, int) else (None, layout)
    fields = {"model": "m", "system": [BILLING, PROMPT], "messages": messages, "tools": tools, "speed": "fast"}
    body = json.dumps(fields, indent=indent, separators=separators).encode()
    once = adapt(body, quirks)
    found = json.loads(once)
    assert adapt(once, quirks) == once
    assert all(message["content"] for message in found["messages"] if message["role"] != "system")
    assert [
        b for m in found["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_use"
    ] == [b for m in messages if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_use"]
    if not quirks.system_turns:
        assert all(message["role"] != "system" for message in found["messages"])
    if not quirks.images:
        assert b'"base64"' not in once

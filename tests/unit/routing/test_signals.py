"""Facts read off requests with the shapes that Claude Code 2.1.197 and 2.1.330 send (texts are ours)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.routing.signals import LAST_TEXT_BYTES, read_signals

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"
READ = {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def reminder(words: str) -> dict[str, str]:
    return text(f"<system-reminder>\n{words}\n</system-reminder>")


def inbound(body: bytes, **header: str) -> Inbound:
    by_name = {name.replace("_", "-"): value for name, value in header.items()}
    return Inbound(id="r", path="/v1/messages", query="", headers=(), header=by_name, body=body, received_at=0.0)


def signals(fields: dict[str, Any] | None = None, *, messages: list[Any] | None = None, **header: str) -> Signals:
    body = {"model": "claude-opus-5-5", "messages": [user("hello")] if messages is None else messages, **(fields or {})}
    return read_signals(inbound(json.dumps(body).encode(), **header)).signals


CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}]}


def result(content: Any = "words") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content}


def test_the_plain_fields_are_read() -> None:
    """Model, stream, limits, turns, tools and size are as sent."""
    seen = signals({"stream": True, "max_tokens": 9, "tools": [READ]}, messages=[user("a"), CALL, user([result()])])
    assert (seen.model, seen.stream, seen.max_tokens, seen.turns, seen.tools) == (
        "claude-opus-5-5",
        True,
        9,
        3,
        ("Read",),
    )
    assert seen.body_bytes > 100
    assert seen.tokens > 10


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The request body is not valid JSON"),
        (b"{", "The request body is not valid JSON"),
        (b"not json", "The request body is not valid JSON"),
        (b"[]", "The request body: found an array; expected an object."),
        (b"3", "The request body: found a number; expected an object."),
        (b"{}", "model: found nothing; expected a string."),
        (b'{"messages":[]}', "model: found nothing; expected a string."),
        (b'{"model":null,"messages":[]}', "model: found null; expected a string."),
        (b'{"model":"m"}', "messages: found nothing; expected an array."),
        (b'{"model":"m","messages":"hello"}', "messages: found a string; expected an array."),
        (b'{"model":"m","messages":[3]}', "messages[0]: found a number; expected an object."),
        (
            b'{"model":"m","messages":[{"role":"user","content":"a"},{"content":"b"}]}',
            "messages[1].role: found nothing",
        ),
        (b'{"model":"m","messages":[{"role":true,"content":"a"}]}', "messages[0].role: found true or false"),
        (
            b'{"model":"m","messages":[{"role":"user","content":7}]}',
            "messages[0].content: found a number; expected a string or",
        ),
        (b'{"model":"m","messages":[],"x":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}", "nested too deeply"),
        (b'{"model":"m","messages":[{"role":"user","content":' + b'[{"a":' * 900_000, "nested too deeply"),
        (b'{"model":"\xff","messages":[]}', "The request body is not valid JSON"),
    ],
)
def test_a_body_without_what_routing_needs_is_refused_in_one_sentence(body: bytes, sentence: str) -> None:
    """BadRequest says where, what was found and what was expected."""
    with pytest.raises(BadRequest) as caught:
        read_signals(inbound(body))
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": "none"},
        {"tools": [3, {"name": 4}]},
        {"tools": {"name": "x"}},
        {"metadata": []},
        {"metadata": {"user_id": 3}},
        {"metadata": {"user_id": "{not json"}},
        {"thinking": "on"},
        {"thinking": {"type": 3, "budget_tokens": "many"}},
        {"max_tokens": "100"},
        {"max_tokens": 1.5},
        {"max_tokens": 10**40},
        {"stream": "yes"},
        {"output_config": 3},
        {"output_config": {"effort": ["high"], "format": {"schema": []}}},
        {"system": 3},
        {"system": [3, {"type": 4}, None]},
        {"stop_sequences": {"a": 1}},
        {"stop_sequences": [1, None]},
    ],
)
def test_a_wrong_type_in_an_optional_field_spoils_nothing_else(fields: dict[str, Any]) -> None:
    """The rest of the request is read as if the field were absent: the upstream is the judge of it."""
    seen = signals(fields)
    assert (seen.model, seen.turns, seen.last_user_text, seen.kind) == ("claude-opus-5-5", 1, "hello", "user")


def test_odd_content_blocks_are_read_around() -> None:
    """A block that is no object, or without a type, hides neither text nor picture beside it."""
    seen = signals(messages=[user([3, None, {"type": 5}, {"text": "x"}, text("hello"), PICTURE])])
    assert (seen.last_user_text, seen.images) == ("hello", True)


def test_of_equal_keys_the_last_counts_and_keys_may_be_escaped() -> None:
    """As in JavaScript's JSON.parse, which most clients and upstreams agree with."""
    seen = read_signals(
        inbound(b'{"model":"a","messages":[],"mod\\u0065l":"b","messages":[{"role":"user","content":"x"}]}')
    ).signals
    assert (seen.model, seen.turns) == ("b", 1)


def test_a_20_mb_body_is_read() -> None:
    """A long prompt is no error, and what is kept of it is short."""
    seen = signals(messages=[user("word " * 4_000_000)])
    assert seen.tokens > 1_000_000
    assert len(seen.last_user_text.encode()) <= LAST_TEXT_BYTES


@pytest.mark.parametrize(
    ("header", "user_id", "session"),
    [
        ({"x_claude_code_session_id": "s1", "x_claude_session_id": "s2"}, "user_a_session_s3", "s1"),
        ({"x_claude_session_id": "s2"}, "user_a_session_s3", "s2"),
        ({}, json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s4"}), "s4"),
        ({}, "user_a_account__session_s3", "s3"),
        ({}, "someone", ""),
        ({}, json.dumps({"session_id": 5}), ""),
    ],
)
def test_the_session_is_found_in_every_form(header: dict[str, str], user_id: str, session: str) -> None:
    """Headers first, then the JSON form, then the legacy form."""
    assert signals({"metadata": {"user_id": user_id}}, messages=None, **header).session == session


SCHEMA = {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"title": {"type": "string"}}}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
COMPACT = text("CRITICAL: Respond with TEXT ONLY. Write a summary.")
GUARD = "You are a security monitor for autonomous AI coding agents. Judge."


@pytest.mark.parametrize(
    ("kind", "fields", "messages", "header"),
    [
        ("user", {"tools": [READ]}, [user("hello")], {}),
        ("tool_result", {"tools": [READ]}, [user("hello"), CALL, user([result()])], {}),
        (
            "tool_result",
            {"tools": [READ]},
            [user("hello"), CALL, user([result()]), {"role": "system", "content": "left"}],
            {},
        ),
        ("title", {"output_config": SCHEMA}, [user("<session>fix it</session>")], {}),
        ("user", {"output_config": SCHEMA, "tools": [READ]}, [user("hello")], {}),
        ("title", {}, [user("hello")], {"x_claude_1p_request_class": "summary-extraction"}),
        ("web_fetch", {}, [user("\nWeb page content:\n---\nwords\n---\nSummarise.")], {}),
        ("web_search", {"tools": [SEARCH]}, [user("Perform a web search for the query: x")], {}),
        ("user", {"tools": [SEARCH, READ]}, [user("hello")], {}),
        ("suggestion", {"tools": [READ]}, [user("[SUGGESTION MODE: guess]")], {}),
        ("suggestion", {}, [user("hello")], {"x_claude_1p_request_class": "followup-generation"}),
        ("classifier", {"stop_sequences": ["</block>"], "thinking": {"type": "disabled"}}, [user("may it?")], {}),
        ("classifier", {"system": [text(BILLING), text(GUARD)]}, [user("may it?")], {}),
        ("classifier", {"stop_sequences": ["</block>"]}, [user("?")], {"x_claude_code_request_class": "auxiliary"}),
        ("compaction", {"tools": [READ]}, [user([text("thanks"), COMPACT])], {}),
        ("compaction", {}, [user("hello")], {"x_claude_code_request_class": "compaction"}),
        ("compaction", {}, [user("hello")], {"x_claude_code_compaction": "manual"}),
        ("user", {}, [], {}),
    ],
)
def test_the_kind_of_a_request_is_told(
    kind: str, fields: dict[str, Any], messages: list[Any], header: dict[str, str]
) -> None:
    """By the client's hint headers, else by the marks of its texts."""
    assert signals(fields, messages=messages, **header).kind == kind


@pytest.mark.parametrize(
    ("fields", "header", "subagent"),
    [
        ({}, {"x_claude_code_agent_id": "a1"}, True),
        ({}, {"x_claude_code_request_class": "subagent"}, True),
        ({"system": [text(f"{BILLING} cc_is_subagent=true;")]}, {}, True),
        ({"system": [text(BILLING)]}, {}, False),
        ({"system": "what does cc_is_subagent=true mean?"}, {}, False),
    ],
)
def test_a_subagent_is_known_by_header_or_billing_line(
    fields: dict[str, Any], header: dict[str, str], subagent: bool
) -> None:
    """The words in a prompt of a person prove nothing."""
    assert signals(fields, messages=None, **header).subagent is subagent


TAG = "<CCR-SUBAGENT-MODEL>gamma,g</CCR-SUBAGENT-MODEL>"


@pytest.mark.parametrize(
    ("fields", "messages", "named"),
    [
        ({"system": f"Do. {TAG}"}, [user("x")], "gamma,g"),
        ({"system": [text(TAG), text("b")]}, [user("x")], "gamma,g"),
        ({"system": [text("a"), text("b"), text("\n" + TAG)]}, [user("x")], "gamma,g"),
        ({}, [user(TAG)], "gamma,g"),
        ({}, [user("a"), {"role": "assistant", "content": "b"}, user([text(TAG)])], "gamma,g"),
        ({}, [user("a"), user("b"), user(TAG)], ""),
        ({}, [{"role": "assistant", "content": TAG}], ""),
        ({"system": "<CCR-SUBAGENT-MODEL>\n Gamma/G \n</CCR-SUBAGENT-MODEL>"}, [user("x")], "Gamma/G"),
        ({"system": "<CCR-SUBAGENT-MODEL>provider,model</CCR-SUBAGENT-MODEL>"}, [user(TAG)], "gamma,g"),
        ({"system": "<CCR-SUBAGENT-MODEL>provider/model</CCR-SUBAGENT-MODEL>"}, [user("x")], ""),
        ({"system": "<CCR-SUBAGENT-MODEL>never closed"}, [user("x")], ""),
        ({"system": "<ccr-subagent-model>gamma,g</ccr-subagent-model>"}, [user("x")], ""),
    ],
)
def test_the_subagent_tag_is_found_where_claude_code_puts_it(
    fields: dict[str, Any], messages: list[Any], named: str
) -> None:
    """Any system block, the first two user messages; the README's placeholder is no choice."""
    assert signals(fields, messages=messages).subagent_model == named


def test_a_tag_in_escaped_json_is_found() -> None:
    """Go's encoder writes the angle brackets as escapes."""
    body = json.dumps({"model": "m", "messages": [], "system": TAG}).replace("<", "\\u003c").encode()
    assert read_signals(inbound(body)).signals.subagent_model == "gamma,g"


@pytest.mark.parametrize(
    ("thinking", "max_tokens", "agent", "is_default"),
    [
        ({"type": "enabled", "budget_tokens": 31_999}, 32_000, "claude-cli/2.1.330 (external, cli)", True),
        ({"type": "enabled", "budget_tokens": 31_999}, 64_000, "claude-cli/2.1.330 (external, cli)", True),
        ({"type": "enabled", "budget_tokens": 7_999}, 8_000, "claude-cli/2.1.330 (external, cli)", True),
        ({"type": "enabled", "budget_tokens": 4_000}, 32_000, "claude-cli/2.1.330 (external, cli)", False),
        ({"type": "enabled", "budget_tokens": 31_999}, 32_000, "claude-cli/1.0.98 (external, cli)", False),
        ({"type": "enabled", "budget_tokens": 31_999}, 32_000, "python-sdk", False),
        ({"type": "adaptive"}, 32_000, "claude-cli/2.1.330 (external, cli)", False),
    ],
)
def test_a_budget_that_nobody_asked_for_is_told_apart(
    thinking: dict[str, Any], max_tokens: int, agent: str, is_default: bool
) -> None:
    """Claude Code 2 sends 31999, or max_tokens - 1 where adaptive was refused; 1.x sent it for "ultrathink"."""
    seen = signals({"thinking": thinking, "max_tokens": max_tokens}, user_agent=agent)
    assert seen.thinking == thinking["type"]
    assert seen.thinking_budget == thinking.get("budget_tokens")
    assert seen.thinking_budget_is_client_default is is_default


def test_the_last_effort_set_by_a_message_wins() -> None:
    """Per-turn effort rides on system messages; the request's own is what is left without one."""
    turns = [user("a"), {"role": "system", "content": "s", "output_config": {"effort": "low"}}, user("b")]
    later = [*turns, {"role": "system", "content": [], "output_config": {"effort": "max"}}, user("c")]
    assert signals({"output_config": {"effort": "high"}}).effort == "high"
    assert signals({"output_config": {"effort": "high"}}, messages=turns).effort == "low"
    assert signals({"output_config": {"effort": "high"}}, messages=later).effort == "max"


@pytest.mark.parametrize(
    ("messages", "ultrathink"),
    [
        ([user("please Ultrathink it")], True),
        ([user([reminder("the keyword ultrathink"), text("hello")])], False),
        ([user("ultrathink"), {"role": "assistant", "content": "ok"}, user("now quick")], False),
        ([user("ultrathink"), CALL, user([result()])], True),
        ([user("hello"), CALL, user([result("ultrathink")])], False),
        ([user("ultrathinking")], False),
    ],
)
def test_ultrathink_counts_in_what_the_person_last_said(messages: list[Any], ultrathink: bool) -> None:
    """Through the whole tool loop of that turn, not in reminders, results or earlier turns."""
    assert signals(messages=messages).ultrathink is ultrathink


ON = "Plan mode is active. Do not edit."
OFF = "## Exited Plan Mode\n\nYou have exited plan mode."
SAID = {"role": "assistant", "content": [text("ok")]}


@pytest.mark.parametrize(
    ("messages", "plan"),
    [
        ([user("plan"), {"role": "system", "content": f"Skills.\n\n{ON}"}], True),
        ([user("plan"), {"role": "system", "content": ON}, SAID, user("more")], True),
        (
            [user("plan"), {"role": "system", "content": ON}, SAID, user("go"), {"role": "system", "content": OFF}],
            False,
        ),
        (
            [
                user("plan"),
                {"role": "system", "content": ON},
                SAID,
                user("go"),
                {"role": "system", "content": OFF},
                SAID,
                user("on"),
            ],
            False,
        ),
        ([user([reminder(ON), text("plan")])], True),
        ([user([reminder(ON), text("plan")]), SAID, user([reminder(OFF), text("go")]), SAID, user("on")], False),
        (
            [
                user([reminder(OFF), text("go")]),
                SAID,
                user([reminder("## Re-entering Plan Mode\nYou are back."), text("plan")]),
            ],
            True,
        ),
        (
            [
                user([reminder(OFF), text("go")]),
                SAID,
                user([reminder("Plan mode still active (see above)."), text("plan")]),
            ],
            True,
        ),
        ([user(ON)], False),
        ([user("read"), CALL, user([result(f"<system-reminder>{ON}</system-reminder>")])], False),
        ([user("read"), {"role": "assistant", "content": [text(ON)]}, user("so?")], False),
        ([user("hello")], False),
    ],
)
def test_plan_mode_holds_from_its_entry_to_its_exit(messages: list[Any], plan: bool) -> None:
    """The client's last word counts; people, models and tool results may quote it."""
    assert signals(messages=messages).plan_mode is plan


@pytest.mark.parametrize(
    ("messages", "anywhere", "last_turn"),
    [
        ([user([text("what is it?"), PICTURE])], True, True),
        ([user("read"), CALL, user([result([PICTURE])])], True, True),
        ([user([text("find it"), PICTURE]), CALL, user([result()])], True, True),
        ([user([text("what is it?"), PICTURE]), SAID, user("thanks")], True, False),
        ([user("hello")], False, False),
        ([user('{"type":"image","source":{}}')], False, False),
        ([user([PICTURE])], True, True),
        ([user([text("see"), {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}])], True, True),
    ],
)
def test_pictures_are_found_and_their_turn_is_told(messages: list[Any], anywhere: bool, last_turn: bool) -> None:
    """A turn is from what the person last said to the end, with its tool results."""
    seen = signals(messages=messages)
    assert (seen.images, seen.image_in_last_turn) == (anywhere, last_turn)


def test_what_the_person_said_is_without_boilerplate() -> None:
    """Reminders, local command echoes and the subagent tag are not the person's words; their own lone tag is."""
    said = [
        reminder("a"),
        text("<local-command-stdout>x</local-command-stdout>fix <b>it</b>"),
        text(f"{TAG} now <system-reminder>"),
    ]
    assert signals(messages=[user(said)]).last_user_text == "fix <b>it</b>\nnow <system-reminder>"


def test_the_prompt_hash_is_of_the_persons_words_alone() -> None:
    """Equal words in other sessions, with other reminders and behind a tool loop, have one hash; other words another."""
    plain = signals(messages=[user("fix it")]).prompt_hash
    assert signals(messages=[user([reminder("day 2"), text("fix it")]), CALL, user([result()])]).prompt_hash == plain
    assert signals(messages=[user("fix that")]).prompt_hash != plain
    assert len(plain) == 24


def test_long_prompts_are_told_apart_by_their_ends_too() -> None:
    """The question often stands behind what was pasted."""
    pasted = "line of a log\n" * 5_000
    hashes = {signals(messages=[user(pasted + end)]).prompt_hash for end in ("why?", "how?", "how often?", "")}
    assert len(hashes) == 4


def test_many_unclosed_reminders_are_read_in_linear_time() -> None:
    """A hostile text of a million openings is plain text."""
    seen = signals(messages=[user("<system-reminder>" * 200_000)])
    assert seen.last_user_text.startswith("<system-reminder>")

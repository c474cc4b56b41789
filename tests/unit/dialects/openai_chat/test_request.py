"""Messages requests, written as chat/completions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_details, mint_text
from claude_code_router.dialects.openai_chat.request import encode_request

Json = Any


def sent(request: dict[str, Json], **quirks: Json) -> dict[str, Json]:
    body = {"model": "claude-x", "messages": [{"role": "user", "content": "hi"}], **request}
    chat = decode_request(json.dumps(body).encode())
    decoded: dict[str, Json] = json.loads(encode_request(chat, "m-1", ChatQuirks(**quirks)))
    return decoded


def messages(turns: list[Json], **quirks: Json) -> list[Json]:
    system = quirks.pop("system", None)
    return list(sent({"messages": turns} | ({"system": system} if system else {}), **quirks)["messages"])


def user(content: Json) -> dict[str, Json]:
    return {"role": "user", "content": content}


def assistant(*blocks: Json) -> dict[str, Json]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Json) -> dict[str, Json]:
    return {"type": "text", "text": words, **more}


def use(id: str, name: str = "Bash", input: Json = None) -> dict[str, Json]:
    return {"type": "tool_use", "id": id, "name": name, "input": {} if input is None else input}


def result(id: str, content: Json = "ok", **more: Json) -> dict[str, Json]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def called(id: str, name: str = "Bash", arguments: str = "{}") -> dict[str, Json]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(id: str, content: Json = "ok") -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": id, "content": content}


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [called("a")]}

CONVERSATIONS: list[tuple[str, list[Json], list[Json]]] = [
    ("a string", [user("hi")], [user("hi")]),
    ("text blocks are joined with a gap", [user([text("a"), text(""), text("b")])], [user("a\n\nb")]),
    ("images keep their place", [user([text("a"), PNG, text("b")])], [user([text("a"), PNG_PART, text("b")])]),
    (
        "an image by URL",
        [user([{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}])],
        [user([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}])],
    ),
    (
        "results come at once, in the calls' order, before the user's words",
        [
            user("go"),
            assistant(text("ok"), use("a"), use("b", "Read", {"x": [1]})),
            user([text("also"), result("b", "B"), result("a", "A")]),
        ],
        [
            user("go"),
            {"role": "assistant", "content": "ok", "tool_calls": [called("a"), called("b", "Read", '{"x": [1]}')]},
            tool("a", "A"),
            tool("b", "B"),
            user("also"),
        ],
    ),
    (
        "a missing result is made up",
        [user("go"), assistant(use("a"), use("b")), user([result("b")])],
        [user("go"), CALLS | {"tool_calls": [called("a"), called("b")]}, tool("a", "[no result]"), tool("b")],
    ),
    ("results missing altogether", [user("go"), assistant(use("a"))], [user("go"), CALLS, tool("a", "[no result]")]),
    (
        "a result without its call becomes text",
        [user([result("zz", "lost")]), assistant(text("x")), user("y")],
        [user("[result of tool call zz]\nlost"), {"role": "assistant", "content": "x"}, user("y")],
    ),
    (
        "an error is said",
        [user("go"), assistant(use("a")), user([result("a", "no such file", is_error=True)])],
        [user("go"), CALLS, tool("a", "Error: no such file")],
    ),
    (
        "an empty result says so",
        [user("go"), assistant(use("a")), user([result("a", [])])],
        [user("go"), CALLS, tool("a", "(no content)")],
    ),
    (
        "an image in a result follows in a user message",
        [user("go"), assistant(use("a", "Read")), user([result("a", [text("see"), PNG]), text("and?")])],
        [
            user("go"),
            CALLS | {"tool_calls": [called("a", "Read")]},
            tool("a", "see\n\n[image: see the next user message]"),
            user([text("[image from the result of Read]"), PNG_PART, text("and?")]),
        ],
    ),
    (
        "loaded tools are named",
        [
            user("go"),
            assistant(use("a", "ToolSearch")),
            user(
                [
                    result("a", [{"type": "tool_reference", "tool_name": n} for n in ("WebSearch", "WebFetch")]),
                    text("Tool loaded."),
                ]
            ),
        ],
        [
            user("go"),
            CALLS | {"tool_calls": [called("a", "ToolSearch")]},
            tool("a", "Loaded tools: WebSearch, WebFetch"),
            user("Tool loaded."),
        ],
    ),
    (
        "system turns stay in place",
        [
            user("go"),
            {"role": "system", "content": [text("env")]},
            assistant(use("a")),
            user([result("a")]),
            {"role": "system", "content": "late"},
        ],
        [user("go"), {"role": "system", "content": "env"}, CALLS, tool("a"), {"role": "system", "content": "late"}],
    ),
    (
        "a system turn does not come between a call and its result",
        [user("go"), assistant(use("a")), {"role": "system", "content": "s"}, user([result("a")])],
        [user("go"), CALLS, tool("a"), {"role": "system", "content": "s"}],
    ),
    (
        "a directive without text is no turn",
        [user("go"), {"role": "system", "content": [], "output_config": {"effort": "low"}}],
        [user("go")],
    ),
    (
        "assistants in a row are one",
        [user("go"), assistant(use("a")), assistant(text("x"), use("b")), user([result("a", "A"), result("b", "B")])],
        [
            user("go"),
            CALLS | {"content": "x", "tool_calls": [called("a"), called("b")]},
            tool("a", "A"),
            tool("b", "B"),
        ],
    ),
    (
        "equal ids are told apart, also inside one turn",
        [
            user("go"),
            assistant(use("a"), use("a")),
            user([result("a", "1"), result("a", "2")]),
            assistant(use("a")),
            user([result("a", "3")]),
        ],
        [
            user("go"),
            CALLS | {"tool_calls": [called("a"), called("a_1")]},
            tool("a", "1"),
            tool("a_1", "2"),
            CALLS | {"tool_calls": [called("a_2")]},
            tool("a_2", "3"),
        ],
    ),
    (
        "Claude's own thinking stays at home, and what is left empty goes",
        [
            user("a"),
            assistant(
                {"type": "thinking", "thinking": "t", "signature": "EqQ="}, {"type": "redacted_thinking", "data": "x"}
            ),
            user("b"),
        ],
        [user("a\n\nb")],
    ),
    (
        "an empty user turn between answers is filled",
        [user("a"), assistant(text("b")), user([])],
        [user("a"), {"role": "assistant", "content": "b"}, user("(no content)")],
    ),
    (
        "a begun answer may stand last",
        [user("a"), assistant(text("{"))],
        [user("a"), {"role": "assistant", "content": "{"}],
    ),
    (
        "a text document",
        [
            user(
                [
                    {
                        "type": "document",
                        "title": "T",
                        "source": {"type": "text", "media_type": "text/plain", "data": "D"},
                    }
                ]
            )
        ],
        [user("T:\nD")],
    ),
    (
        "a document that cannot be read there",
        [
            user(
                [
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB"}},
                    text("?"),
                ]
            )
        ],
        [user("[document omitted: this model cannot read such a document]\n\n?")],
    ),
    (
        "a server's search is told in words",
        [
            user("q"),
            assistant(
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srvtoolu_1",
                    "content": [
                        {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "zzz"}
                    ],
                },
                text("So."),
            ),
        ],
        [
            user("q"),
            {
                "role": "assistant",
                "content": "[used a tool of the server]\nname: web_search\nquery: x\n\n"
                "[web search results]\nurl: https://a\ntitle: A\n\nSo.",
            },
        ],
    ),
    ("a block nobody knows is noted", [user([{"type": "zork", "text": {"deep": ["w"]}}])], [user("[zork]\ndeep: w")]),
]


@pytest.mark.parametrize(("turns", "expected"), [c[1:] for c in CONVERSATIONS], ids=[c[0] for c in CONVERSATIONS])
def test_conversations(turns: list[Json], expected: list[Json]) -> None:
    """Every turn arrives in the form and the order that chat/completions demands."""
    assert messages(turns) == expected


BILLING = text("x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("be brief", "be brief"),
        ([BILLING, text("a", cache_control={"type": "ephemeral"}), text("b")], "a\n\nb"),
        ([text(BILLING["text"] + "\nkeep me")], "keep me"),
    ],
)
def test_the_system_prompt(system: Json, expected: str) -> None:
    """One system message, without the client's billing line."""
    assert messages([user("x")], system=system) == [{"role": "system", "content": expected}, user("x")]


def test_only_a_billing_line_is_no_system_prompt() -> None:
    """Nothing is sent where nothing is left."""
    assert messages([user("x")], system=[BILLING]) == [user("x")]


def test_one_system_message_only() -> None:
    """Later system turns become reminders: before the prompt at first, behind the results later."""
    turns = [
        user([text("<system-reminder>git</system-reminder>"), text("prompt")]),
        {"role": "system", "content": "env"},
        assistant(use("a")),
        user([result("a")]),
        {"role": "system", "content": "late"},
    ]
    assert messages(turns, one_system_message=True, system="s") == [
        {"role": "system", "content": "s"},
        user("<system-reminder>git</system-reminder>\n\n<system-reminder>\nenv\n</system-reminder>\n\nprompt"),
        CALLS,
        tool("a"),
        user("<system-reminder>\nlate\n</system-reminder>"),
    ]


def test_no_user_message_behind_tools() -> None:
    """Where the server forbids it, what follows the results goes into the last of them."""
    turns = [user("go"), assistant(use("a")), user([result("a"), text("and?")]), {"role": "system", "content": "s"}]
    assert messages(turns, user_after_tool=False, one_system_message=True)[-1] == tool(
        "a", "ok\n\nand?\n\n<system-reminder>\ns\n</system-reminder>"
    )


def test_cache_breakpoints_where_they_are_honoured() -> None:
    """Marks stay on system, user and tool content for servers that read them, and nowhere else."""
    mark = {"cache_control": {"type": "ephemeral"}}
    turns = [user([text("go", **mark)]), assistant(use("a")), user([result("a", **mark)])]
    system = [text("s"), text("t", cache_control={"type": "ephemeral", "ttl": "1h"})]
    assert messages(turns, cache_control=True, system=system) == [
        {"role": "system", "content": [text("s"), text("t", **mark)]},
        user([text("go", **mark)]),
        CALLS,
        tool("a", [text("ok", **mark)]),
    ]
    assert b"cache_control" not in json.dumps(messages(turns, system=system)).encode()


@pytest.mark.parametrize("quirks", [{"images": False}, {"content_parts": "never"}])
def test_models_without_eyes(quirks: dict[str, Json]) -> None:
    """A placeholder stands where the image was, in plain text."""
    placeholder = "[image omitted: this model cannot see images]"
    turns = [user([text("a"), PNG]), assistant(use("a")), user([result("a", [PNG])])]
    assert messages(turns, **quirks) == [user(f"a\n\n{placeholder}"), CALLS, tool("a", placeholder)]


def test_files_where_they_are_taken() -> None:
    """A PDF goes as a file part."""
    pdf = {
        "type": "document",
        "title": "a",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB"},
    }
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVB"}}
    assert messages([user([pdf])], files=True) == [user([part])]


OURS = {"type": "thinking", "thinking": "hm", "signature": mint_text()}
DETAILED = {
    "type": "thinking",
    "thinking": "hm",
    "signature": mint_details("maker/m-1", [{"type": "reasoning.text", "text": "hm"}]),
}
THEIRS = {"type": "thinking", "thinking": "secret", "signature": "EqQ="}


@pytest.mark.parametrize(
    ("block", "quirks", "expected"),
    [
        (OURS, {}, {}),
        (OURS, {"reasoning_replay": "reasoning_content"}, {"reasoning_content": "hm"}),
        (OURS, {"reasoning_replay": "reasoning"}, {"reasoning": "hm"}),
        (OURS, {"reasoning_replay": "reasoning_details"}, {}),
        (DETAILED, {"reasoning_replay": "reasoning_content"}, {"reasoning_content": "hm"}),
        (THEIRS, {"reasoning_replay": "reasoning_content"}, {}),
        (
            THEIRS,
            {"reasoning_replay": "reasoning_content", "reasoning_replay_required": True},
            {"reasoning_content": " "},
        ),
        (
            OURS | {"signature": "ccr1~~~~~~~~~~~~~~~~~~~~.details.broken"},
            {"reasoning_replay": "reasoning_details"},
            {},
        ),
    ],
)
def test_reasoning_goes_back_to_those_who_take_it(
    block: Json, quirks: dict[str, Json], expected: dict[str, Json]
) -> None:
    """Reasoning that we minted goes back in the server's own field; Claude's never leaves."""
    assert messages([user("go"), assistant(block, use("a")), user([result("a")])], **quirks)[1] == CALLS | expected


@pytest.mark.parametrize(
    ("minted", "asked", "same"),
    [
        ("maker/m-1", "maker/m-1", True),
        ("maker/m-1-2026", "maker/m-1:free", True),
        ("maker/m-1", "other/m", False),
        ("", "m", True),
    ],
)
def test_details_go_back_to_their_model_only(minted: str, asked: str, same: bool) -> None:
    """Signed or encrypted state of another model is left out."""
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    block = {"type": "thinking", "thinking": "", "signature": mint_details(minted, details)}
    body = {"model": "c", "messages": [user("go"), assistant(block, text("x"))]}
    chat = decode_request(json.dumps(body).encode())
    encoded = json.loads(encode_request(chat, asked, ChatQuirks(reasoning_replay="reasoning_details")))
    assert encoded["messages"][1].get("reasoning_details") == (details if same else None)


@pytest.mark.parametrize(
    ("form", "expected"), [("null", {"content": None}), ("omit", {}), ("empty_string", {"content": ""})]
)
def test_the_content_beside_calls(form: str, expected: dict[str, Json]) -> None:
    """An assistant message with calls only carries what its server wants for content."""
    message = messages([user("go"), assistant(use("a"))], empty_assistant_content=form)[1]
    assert message == {"role": "assistant", **expected, "tool_calls": [called("a")]}


def test_arguments_go_verbatim() -> None:
    """Numbers, escapes and spaces of earlier calls stay as they were: the prefix cache sees them."""
    arguments = '{ "n": 1.50, "u":"\\u00e9\\/", "big": 12345678901234567890 }'
    body = (
        '{"model":"c","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"a",'
        '"name":"B","input":' + arguments + "}]}]}"
    )
    encoded = json.loads(encode_request(decode_request(body.encode()), "m", ChatQuirks()))
    assert encoded["messages"][1]["tool_calls"][0]["function"]["arguments"] == arguments


def test_nine_alphanumeric_ids() -> None:
    """Where the server wants nine letters or digits, call and result agree on them."""
    sent_messages = messages(
        [user("go"), assistant(use("toolu_1"), use("abcDEF123")), user([result("abcDEF123"), result("toolu_1")])],
        tool_id="nine_alnum",
    )
    ids = [call["id"] for call in sent_messages[1]["tool_calls"]]
    assert ids == [hashlib.sha256(b"toolu_1").hexdigest()[:9], "abcDEF123"]
    assert [message["tool_call_id"] for message in sent_messages[2:]] == ids


def schema(**properties: Json) -> dict[str, Json]:
    return {"type": "object", "properties": properties}


def test_tools() -> None:
    """Own tools in order, loaded ones last, the placeholder and the server's tools not at all."""
    tools = [
        {"name": "DeferredToolPlaceholder", "input_schema": schema(), "defer_loading": True},
        {"name": "Loaded", "input_schema": schema(), "defer_loading": True},
        {
            "name": "Bash",
            "description": "d",
            "input_schema": {"$schema": "x", "additionalProperties": False, **schema(a={"type": "string"})},
        },
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "Bare", "input_schema": {}},
        {"type": "bash_20250124", "name": "bash"},
    ]
    body = sent({"tools": tools})
    assert [t["function"]["name"] for t in body["tools"]] == ["Bash", "Bare", "bash", "Loaded"]
    assert body["tools"][0]["function"] == {
        "name": "Bash",
        "description": "d",
        "parameters": {"additionalProperties": False, **schema(a={"type": "string"})},
    }
    assert body["tools"][1]["function"]["parameters"] == schema()
    assert "command" in body["tools"][2]["function"]["parameters"]["properties"]
    assert "tool_choice" not in body


def test_schema_keywords_are_dropped_where_they_are_keywords() -> None:
    """A property that bears a keyword's name stays."""
    given = {
        "$schema": "x",
        **schema(strict={"type": "object", "strict": True, "properties": {}, "default": {"strict": 1}}),
    }
    body = sent({"tools": [{"name": "T", "input_schema": given}]}, drop_schema_keys=frozenset({"$schema", "strict"}))
    assert body["tools"][0]["function"]["parameters"] == schema(
        strict={"type": "object", "properties": {}, "default": {"strict": 1}}
    )


def test_only_server_tools_are_no_tools() -> None:
    """Neither tools nor a choice among them are sent; the server's own search only where there is one."""
    request = {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "auto"}}
    assert sent(request).keys() == {"model", "messages"}
    assert sent(request, web_search={"web_search_options": {}})["web_search_options"] == {}
    body = sent(request, web_search={"tools": ({"type": "own:search"},), "more": 1})
    assert (body["tools"], body["tool_choice"], body["more"]) == ([{"type": "own:search"}], "auto", 1)


LONG = "mcp__" + "x" * 70


def test_long_names_are_shortened_everywhere() -> None:
    """Tool, choice and earlier calls agree on the short name."""
    body = sent(
        {
            "tools": [{"name": LONG, "input_schema": {}}, {"name": "a.b c", "input_schema": {}}],
            "tool_choice": {"type": "tool", "name": LONG},
            "messages": [user("x"), assistant(use("a", LONG))],
        }
    )
    short = body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert body["tools"][1]["function"]["name"].startswith("a_b_c_")


@pytest.mark.parametrize(
    ("choice", "quirks", "expected"),
    [
        ({"type": "auto"}, {}, "auto"),
        ({"type": "any"}, {}, "required"),
        ({"type": "any"}, {"tool_choice_any": "any"}, "any"),
        ({"type": "none"}, {}, "none"),
        ({"type": "tool", "name": "T"}, {}, {"type": "function", "function": {"name": "T"}}),
        ({"type": "tool", "name": "T"}, {"named_tool_choice": False}, "required"),
        ({"type": "tool", "name": "web_search"}, {}, "auto"),
    ],
)
def test_tool_choice(choice: Json, quirks: dict[str, Json], expected: Json) -> None:
    """Each mode has its word."""
    assert (
        sent({"tools": [{"name": "T", "input_schema": {}}], "tool_choice": choice}, **quirks)["tool_choice"] == expected
    )


def test_one_call_at_a_time() -> None:
    """Parallel calls are forbidden only where the client forbids them and the field is known."""
    request = {
        "tools": [{"name": "T", "input_schema": {}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }
    assert sent(request)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in sent(request, parallel_tool_calls_field=False)
    assert "parallel_tool_calls" not in sent({**request, "tool_choice": {"type": "auto"}})


@pytest.mark.parametrize(
    ("request_fields", "quirks", "expected"),
    [
        ({"max_tokens": 100}, {}, {"max_tokens": 100}),
        ({"max_tokens": 100}, {"max_tokens_field": "max_completion_tokens"}, {"max_completion_tokens": 100}),
        ({"max_tokens": 128000}, {"max_output_tokens": 8192}, {"max_tokens": 8192}),
        ({"max_tokens": 0}, {}, {"max_tokens": 1}),
        ({}, {"default_max_tokens": 7}, {"max_tokens": 7}),
        (
            {"max_tokens": 100},
            {"caps": {"max_tokens": 50}, "max_tokens_field": "max_completion_tokens"},
            {"max_completion_tokens": 50},
        ),
        ({"stop_sequences": ["a", "", "b", "c", "d", "e"]}, {}, {"stop": ["a", "b", "c", "d"]}),
        ({"stop_sequences": ["a"]}, {"stop_limit": 0}, {}),
        ({"temperature": 1, "top_p": 0.5, "top_k": 3}, {}, {"temperature": 1.0, "top_p": 0.5}),
        ({"temperature": 1, "top_k": 3}, {"sampling": "all"}, {"temperature": 1.0, "top_k": 3}),
        ({"temperature": 1, "top_k": 3}, {"sampling": "none"}, {}),
        ({"temperature": 0.9}, {"caps": {"temperature": 0.5}}, {"temperature": 0.5}),
        ({"stream": True}, {}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": True}, {"stream_usage_option": False}, {"stream": True}),
        ({"metadata": {"user_id": "u"}}, {}, {}),
        ({"metadata": {"user_id": "u"}}, {"user_field": True}, {"user": hashlib.sha256(b"u").hexdigest()}),
        (
            {"thinking": {"type": "adaptive"}},
            {"reasoning_fields": lambda chat, model: {"r": [chat.thinking, model]}},
            {"r": ["adaptive", "m-1"]},
        ),
        ({}, {"extra_body": {"model": "no", "a": {"b": 1}}, "force_body": {"a": {"c": 2}}}, {"a": {"b": 1, "c": 2}}),
        ({"temperature": 1}, {"extra_body": {"temperature": 0}, "force_body": {}}, {"temperature": 1.0}),
        ({"temperature": 1}, {"force_body": {"temperature": 0}}, {"temperature": 0}),
        ({"context_management": {"edits": []}, "safeguards": [], "service_tier": "auto", "betas": 1}, {}, {}),
    ],
)
def test_parameters(request_fields: dict[str, Json], quirks: dict[str, Json], expected: dict[str, Json]) -> None:
    """Every parameter arrives under its name and within its limits, or is left out on purpose."""
    body = sent(request_fields, **quirks)
    assert (body.pop("model"), body.pop("messages")) == ("m-1", [user("hi")])
    assert body == expected


STRICT = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(("given", "strict"), [(STRICT, True), (schema(title={"type": "string"}), False)])
def test_structured_output(given: Json, strict: bool) -> None:
    """The schema goes as response_format, strict where it may be; or into the system prompt."""
    request = {"output_config": {"format": {"type": "json_schema", "schema": given}}}
    assert sent(request)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": given, "strict": strict},
    }
    told = sent(request, json_schema_output=False)
    assert "response_format" not in told
    assert msgspec.json.encode(given).decode() in told["messages"][0]["content"]


@pytest.mark.parametrize(
    "field", [{"thread": {"type": "continue"}}, {"compaction": {"type": "summarize"}}, {"messages": []}]
)
def test_what_cannot_be_translated_is_refused(field: dict[str, Json]) -> None:
    """A request that would mean something else is refused in one sentence."""
    with pytest.raises(BadRequest):
        sent(field)


def test_tool_call_extras() -> None:
    """What a server wants on every earlier call is put there."""
    extra = {"extra_content": {"google": {"thought_signature": "skip"}}}
    message = messages([user("go"), assistant(use("a"))], tool_call_extra=extra)[1]
    assert message["tool_calls"] == [called("a") | extra]

"""Messages requests, written as chat/completions: turns, system prompts, pictures and files."""

from __future__ import annotations

import json

import pytest
from tests.unit.dialects.openai_chat.turns import (
    CALLS,
    PNG,
    PNG_PART,
    Json,
    assistant,
    called,
    messages,
    result,
    text,
    tool,
    use,
    user,
)

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

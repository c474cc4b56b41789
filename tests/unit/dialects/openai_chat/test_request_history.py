"""What a request repeats of earlier replies: reasoning, calls, and the ids between calls and results."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.unit.dialects.openai_chat.turns import (
    CALLS,
    Json,
    assistant,
    called,
    messages,
    result,
    text,
    use,
    user,
)

from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_details, mint_text
from claude_code_router.dialects.openai_chat.request import encode_request

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


def test_tool_call_extras() -> None:
    """What a server wants on every earlier call is put there."""
    extra = {"extra_content": {"google": {"thought_signature": "skip"}}}
    message = messages([user("go"), assistant(use("a"))], tool_call_extra=extra)[1]
    assert message["tool_calls"] == [called("a") | extra]

"""What must hold for every Responses stream, sound or broken, and for every request that is written for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.e2e.responses_rules import complaints
from tests.properties.test_dialects_reply import Block, arguments, check_grammar, cuts, encoded, odd, words
from tests.properties.test_dialects_request import conversations

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.reply import ReplyEnded, ReplyEvent, ReplyFailed
from claude_code_router.dialects.anthropic_messages.encoder import encode_reply
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses.quirks import ResponsesQuirks
from claude_code_router.dialects.openai_responses.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.openai_responses.request import encode_request

QUIRKS = ChatQuirks()
ORIGIN = "openai,gpt-6-sol"


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def response(status: str, output: list[Any], **more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m", "status": status, "output": output, **more}


def pieces(text: str, at: int) -> list[str]:
    return [piece for piece in (text[:at], text[at:]) if piece]


def item_of(n: int, kind: str, value: Any) -> dict[str, Any]:
    if kind == "text":
        content = [{"type": "output_text", "text": value, "annotations": []}]
        return {"id": f"msg_{n}", "type": "message", "role": "assistant", "status": "completed", "content": content}
    if kind == "thinking":
        summary = [{"type": "summary_text", "text": value}]
        return {"id": f"rs_{n}", "type": "reasoning", "summary": summary, "encrypted_content": f"enc-{n}"}
    return {
        "id": f"fc_{n}",
        "type": "function_call",
        "call_id": f"call_{n}",
        "name": f"T{n}",
        "arguments": json.dumps(value),
    }


def events_of(n: int, kind: str, value: Any, at: int) -> list[bytes]:
    item = item_of(n, kind, value)
    text = json.dumps(value) if kind == "call" else value
    empties: dict[str, dict[str, Any]] = {
        "text": {"content": []},
        "thinking": {"summary": []},
        "call": {"arguments": ""},
    }
    name = {
        "text": "response.output_text.delta",
        "thinking": "response.reasoning_summary_text.delta",
        "call": "response.function_call_arguments.delta",
    }[kind]
    more = {"content_index": 0} if kind == "text" else {}
    return [
        event("response.output_item.added", output_index=n, item={**item, **empties[kind]}),
        *(event(name, output_index=n, item_id=item["id"], delta=piece, **more) for piece in pieces(text, at)),
        event("response.output_item.done", output_index=n, item=item),
    ]


blocks: st.SearchStrategy[list[Block]] = st.lists(
    st.tuples(st.just("text"), words) | st.tuples(st.just("thinking"), words) | st.tuples(st.just("call"), arguments),
    min_size=1,
    max_size=5,
)


@st.composite
def replies(draw: st.DrawFn) -> tuple[list[Block], bytes]:
    """Blocks, and a stream that a sound server might have made of them: items begin in order, their pieces interleave."""
    content = draw(blocks)
    lists = [events_of(n, kind, value, draw(st.integers(0, 9))) for n, (kind, value) in enumerate(content)]
    stream = event("response.created", response=response("in_progress", []))
    begun = 1
    while any(lists):
        ready = [i for i, left in enumerate(lists) if left and i < begun]
        chosen = draw(st.sampled_from(ready)) if ready else begun
        stream += lists[chosen].pop(0)
        if chosen == begun - 1 and begun < len(lists) and (not lists[chosen] or draw(st.booleans())):
            stream += lists[begun].pop(0)
            begun += 1
    usage = {
        "input_tokens": draw(st.integers(0, 99)),
        "output_tokens": 5,
        "input_tokens_details": {
            "cached_tokens": draw(st.integers(0, 120)),
            "cache_write_tokens": draw(st.integers(0, 9)),
        },
    }
    output = [item_of(n, kind, value) for n, (kind, value) in enumerate(content)]
    return content, stream + event("response.completed", response=response("completed", output, usage=usage))


def shown(content: list[Block]) -> list[Block]:
    """Reasoning at the very end hides the text and is left out, unless there are calls."""
    out = list(content)
    kinds = {kind for kind, _ in out}
    while "call" not in kinds and "text" in kinds and out[-1][0] == "thinking":
        out.pop()
    return out


def decoded(stream: bytes, sizes: list[int]) -> tuple[ReplyEvent, ...]:
    decoder, events, at = ReplyDecoder(QUIRKS, None, ORIGIN), list[ReplyEvent](), 0
    for size in sizes:
        events += decoder.feed(stream[at : at + size])
        at += size
    events += decoder.feed(stream[at:])
    events += decoder.close()
    assert decoder.feed(event("response.output_text.delta", output_index=0, delta="late")) == decoder.close() == ()
    return tuple(events)


@given(replies(), cuts)
def test_a_sound_stream_gives_its_content(reply: tuple[list[Block], bytes], sizes: list[int]) -> None:
    """However a server interleaves its items and the network cuts its bytes, the same blocks come out, in order and whole."""
    content, stream = reply
    events = decoded(stream, sizes)
    readable = [("call", json.loads(v)) if kind == "tool_call" else (kind, v) for kind, v in check_grammar(events)]
    assert readable == shown(content)
    assert events[-1] == ReplyEnded("tool_use" if any(kind == "call" for kind, _ in content) else "end_turn")
    assert events == decoded(stream, [])


@given(replies())
def test_what_was_answered_goes_back(reply: tuple[list[Block], bytes]) -> None:
    """As history, the reply's items return to their maker: reasoning byte for byte, calls and texts in order; to another
    target its reasoning never goes."""
    content = shown(reply[0])
    whole = json.loads(encode_reply(decoded(reply[1], []), "msg_1", "m"))
    history = [{"role": "user", "content": "go"}, {"role": "assistant", "content": whole["content"]}]
    chat = decode_request(json.dumps({"model": "m", "messages": history}).encode())
    body = encode_request(chat, "gpt-6-sol", QUIRKS, ORIGIN)
    assert complaints(body) == []
    items = json.loads(body)["input"][1:]
    last = max((n for n, (kind, _) in enumerate(content) if kind != "thinking"), default=-1)
    own = [item_of(n, kind, value) for n, (kind, value) in enumerate(reply[0]) if kind == "thinking" and n < last]
    assert [item for item in items if item["type"] == "reasoning"] == own
    assert all(json.dumps(item).encode() in body for item in own)
    assert [json.loads(i["arguments"]) for i in items if i["type"] == "function_call"] == [
        v for k, v in content if k == "call"
    ]
    elsewhere = encode_request(chat, "gpt-6-sol", QUIRKS, "other,gpt-6-sol")
    assert b"enc-" not in elsewhere
    assert b"ccr1" not in body + elsewhere
    assert complaints(elsewhere) == []


@given(conversations, st.booleans(), st.booleans(), st.sampled_from([None, 0, 5, 64000]))
def test_every_request_is_one_that_a_strict_server_takes(
    messages: list[Any], images: bool, searches: bool, limit: int | None
) -> None:
    """Whatever the history, the pairing, the fields and the parts are those of the API."""
    tools = [{"name": "mcp__" + "x" * 80, "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]
    body = {"model": "m", "messages": messages, "max_tokens": limit, "tools": tools, "tool_choice": {"type": "any"}}
    quirks = ChatQuirks(images=images, responses=ResponsesQuirks(web_search=searches))
    try:
        written = encode_request(decode_request(json.dumps(body).encode()), "m", quirks, ORIGIN)
    except BadRequest:
        pytest.fail("this can be carried")
    assert complaints(written) == []


ITEM_TYPES = ["message", "reasoning", "function_call", "web_search_call", "x"]
odd_item = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(ITEM_TYPES) | odd,
        "id": st.sampled_from(["a", "b", ""]) | odd,
        "call_id": odd,
        "name": st.sampled_from(["A", ""]) | odd,
        "arguments": odd,
        "content": st.lists(
            st.dictionaries(st.sampled_from(["type", "text", "refusal", "annotations"]), odd), max_size=2
        )
        | odd,
        "summary": st.lists(st.dictionaries(st.sampled_from(["type", "text"]), odd), max_size=2) | odd,
        "encrypted_content": odd,
        "action": odd,
    },
)
odd_response = st.fixed_dictionaries(
    {},
    optional={
        "id": odd,
        "model": odd,
        "status": st.sampled_from(["completed", "incomplete", "failed", "in_progress"]) | odd,
        "output": st.lists(odd_item | odd, max_size=3),
        "error": odd,
        "incomplete_details": st.fixed_dictionaries({"reason": st.just("max_output_tokens")}) | odd,
        "usage": st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "input_tokens_details"]), odd) | odd,
    },
)
KINDS = (
    *("created", "in_progress", "completed", "incomplete", "failed", "output_item.added", "output_item.done"),
    *("content_part.added", "content_part.done", "output_text.delta", "output_text.done", "refusal.delta"),
    *("reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_text.delta"),
    *("function_call_arguments.delta", "function_call_arguments.done", "output_text.annotation.added"),
)
odd_event = st.fixed_dictionaries(
    {"type": st.sampled_from([f"response.{kind}" for kind in KINDS] + ["error"])},
    optional={
        "output_index": st.sampled_from([0, 1, 2, None, -1]) | odd,
        "content_index": st.sampled_from([0, 1]) | odd,
        "item_id": st.sampled_from(["a", "b"]) | odd,
        "item": odd_item | odd,
        "response": odd_response | odd,
        "delta": words | odd,
        "part": odd_item | odd,
        "text": odd,
        "arguments": odd,
        "annotation": odd,
        "error": odd,
        "code": odd,
        "message": odd,
    },
)


@settings(max_examples=200)
@given(st.lists(odd_event, max_size=8), cuts)
def test_odd_events_end_well(events: list[Any], sizes: list[int]) -> None:
    """Whatever stands in the events, the grammar is kept, the reply ends once, and the encoder can write it."""
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)
    found = decoded(stream, sizes)
    check_grammar(found)
    assert encoded(found)


@settings(max_examples=100)
@given(replies(), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=3)), max_size=4), cuts)
def test_mutilated_streams_end_well(
    reply: tuple[list[Block], bytes], wounds: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    """Bytes that are lost or changed anywhere never break the grammar."""
    stream = reply[1]
    for at, lost, instead in wounds:
        stream = stream[:at] + instead + stream[at + lost :]
    events = decoded(stream, sizes)
    check_grammar(events)
    assert encoded(events)


@given(replies(), st.integers(0, 5000))
def test_a_cut_stream_is_never_a_success(reply: tuple[list[Block], bytes], at: int) -> None:
    """Cut before response.completed, a stream ends in ReplyFailed."""
    stream = reply[1][: min(at, reply[1].rindex(b"event: response.completed"))]
    events = decoded(stream, [])
    assert isinstance(events[-1], ReplyFailed)
    assert events[-1].cut
    check_grammar(events)


@settings(max_examples=100)
@given(odd_response)
def test_odd_bodies_end_well(body: dict[str, Any]) -> None:
    """The same for a reply in one body."""
    check_grammar_of_whole(json.dumps(body).encode())


@given(st.binary(max_size=200))
def test_any_bytes_end_well(body: bytes) -> None:
    """A body of any bytes, streamed or whole, is a failure and not a crash."""
    assert isinstance(decode_reply(body, QUIRKS)[-1], ReplyFailed)
    assert isinstance(decode_reply(b"{" + body, QUIRKS)[-1], ReplyFailed | ReplyEnded)


def check_grammar_of_whole(body: bytes) -> None:
    events = decode_reply(body, QUIRKS)
    if len(events) > 1 or not isinstance(events[-1], ReplyFailed):
        check_grammar(events)
    assert encoded(events)

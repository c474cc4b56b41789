"""What must hold for every Messages request that is translated."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import encode_request

call_ids = st.sampled_from(["a", "b", "call_0", "functions.Bash:0", "toolu_01ABC"])
texts = st.sampled_from(["", "hi", "\n", "é<x>"])
images = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}})
text_blocks = st.builds(lambda text: {"type": "text", "text": text}, texts)
results = st.builds(
    lambda call_id, content, failed: {
        "type": "tool_result",
        "tool_use_id": call_id,
        "content": content,
        "is_error": failed,
    },
    call_ids,
    texts | st.lists(text_blocks | images | st.just({"type": "tool_reference", "tool_name": "T"}), max_size=3),
    st.booleans(),
)
calls = st.builds(
    lambda call_id, name, value: {"type": "tool_use", "id": call_id, "name": name, "input": value},
    call_ids,
    st.sampled_from(["Bash", "mcp__" + "x" * 80]),
    st.dictionaries(texts, texts, max_size=2),
)
thinking = st.sampled_from(
    [
        {"type": "thinking", "thinking": "hm", "signature": "ccr1.text"},
        {"type": "thinking", "thinking": "hm", "signature": "EqQ="},
        {"type": "redacted_thinking", "data": "x"},
    ]
)
unknown = st.just({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}})
turns = st.one_of(
    st.builds(
        lambda content: {"role": "user", "content": content},
        texts | st.lists(text_blocks | images | results | unknown, max_size=4),
    ),
    st.builds(
        lambda content: {"role": "assistant", "content": content},
        texts | st.lists(text_blocks | calls | thinking | unknown, max_size=4),
    ),
    st.builds(lambda content: {"role": "system", "content": content}, texts | st.lists(text_blocks, max_size=2)),
)
conversations = st.lists(turns, max_size=8).map(lambda more: [{"role": "user", "content": "start"}, *more])
quirks = st.builds(
    ChatQuirks,
    one_system_message=st.booleans(),
    images=st.booleans(),
    content_parts=st.sampled_from(["when_needed", "never"]),
    user_after_tool=st.booleans(),
    tool_id=st.sampled_from(["any", "nine_alnum"]),
    reasoning_replay=st.sampled_from(["", "reasoning_content", "reasoning_details"]),
    reasoning_replay_required=st.booleans(),
    cache_control=st.booleans(),
    empty_assistant_content=st.sampled_from(["null", "omit", "empty_string"]),
)


def translated(conversation: list[Any], chosen: ChatQuirks) -> list[dict[str, Any]]:
    body = json.dumps({"model": "m", "messages": conversation, "system": "s"}).encode()
    messages: list[dict[str, Any]] = json.loads(encode_request(decode_request(body), "m", chosen))["messages"]
    return messages


def visible(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


@settings(max_examples=100)
@given(conversations, quirks)
def test_every_conversation_becomes_a_sound_one(conversation: list[Any], chosen: ChatQuirks) -> None:
    """Each call is answered at once and once, ids are unique, no message is empty, and users do not follow one another."""
    messages = translated(conversation, chosen)
    open_ids: list[str] = []
    seen: set[str] = set()
    for before, message in zip([{"role": ""}, *messages], messages, strict=False):
        role, content = message["role"], message.get("content")
        if role == "tool":
            assert message["tool_call_id"] == open_ids.pop(0)
            assert visible(content)
        else:
            assert not open_ids
            assert content or message.get("tool_calls") or len(message) > 2
        if role == "user":
            assert before["role"] != "user"
            assert chosen.user_after_tool or before["role"] != "tool"
        if role == "system":
            assert isinstance(content, str)
            assert not (chosen.one_system_message and before["role"])
        open_ids += [call["id"] for call in message.get("tool_calls", ())]
        assert not seen & set(open_ids) or role == "tool"
        seen |= set(open_ids)
        if chosen.content_parts == "never" and not chosen.cache_control:
            assert content is None or isinstance(content, str)
    assert not open_ids


@given(conversations, quirks)
def test_nothing_said_is_lost(conversation: list[Any], chosen: ChatQuirks) -> None:
    """Every word of text, every result and every call arrives somewhere."""
    everything = json.dumps(translated(conversation, chosen), ensure_ascii=False)
    given_calls = sum(
        1
        for turn in conversation
        if isinstance(turn["content"], list)
        for block in turn["content"]
        if block["type"] == "tool_use"
    )
    assert everything.count('"type": "function"') == given_calls
    words = [
        block["text"]
        for turn in conversation
        if isinstance(turn["content"], list)
        for block in turn["content"]
        if block["type"] == "text"
    ]
    words += [turn["content"] for turn in conversation if isinstance(turn["content"], str)]
    for word in ("hi", "é<x>"):
        assert everything.count(word) >= words.count(word)


@given(conversations, conversations, quirks)
def test_a_longer_conversation_begins_as_the_shorter_did(first: list[Any], more: list[Any], chosen: ChatQuirks) -> None:
    """Prefix caches hold: what follows the next answer changes nothing of what was sent before."""
    said = {"role": "assistant", "content": "So."}
    before = translated([*first, said, {"role": "user", "content": "next"}], chosen)
    after = translated(
        [*first, said, {"role": "user", "content": "next"}, {"role": "assistant", "content": "Then."}, *more], chosen
    )
    assert after[: len(before)] == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.text(max_size=3)
    | st.sampled_from(["user", "text", "tool_use", "tool_result", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "source", "id", "name", "input", "tool_use_id", "model"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
FIELDS = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "max_tokens",
    "thinking",
    "output_config",
    "metadata",
    "stream",
    "stop_sequences",
]


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": json_values})),
)
def test_odd_requests_are_read_or_refused(fields: dict[str, Any], messages: list[Any]) -> None:
    """Whatever stands in a request, it is translated or refused in one sentence."""
    for body in (
        fields,
        {"model": "m", "messages": messages, **{k: v for k, v in fields.items() if k not in ("model", "messages")}},
    ):
        try:
            encode_request(decode_request(json.dumps(body).encode()), "m", ChatQuirks())
        except BadRequest as error:
            assert error.message.endswith(".")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(body: bytes) -> None:
    """Bytes that are no request are the client's mistake."""
    for text in (body, b'{"model":"m","messages":[{"role":"user","content":"' + body + b'"}]}'):
        try:
            decode_request(text)
        except BadRequest as error:
            assert error.message

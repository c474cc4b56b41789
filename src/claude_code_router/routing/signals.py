"""Facts read off a request's bytes. Nothing is decoded that no rule asks about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec

from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.routing import gemini_wire, marks, media, openai_wire, wire
from claude_code_router.routing.contents import look_through
from claude_code_router.routing.tokens import Estimate, conversation, estimate
from claude_code_router.routing.wire import ABSENT

LAST_TEXT_BYTES = 16_384
_BILLING_LINE_BYTES = 512
_SYSTEM_START_BYTES = 4_096
_HASH_DIGITS = 24
_HASHED_END_BYTES = 4_096
_WORDS_COUNTED = 100
_COUNTED_CHARACTERS = 2_000
_TAG_MESSAGES = 8  # the first two user messages are among these
_ULTRATHINK = re.compile(r"\b(?:[uU]ltrathink|ULTRATHINK)\b")

_CLIENT_DEFAULT_BUDGET_TOKENS = 31_999
# In Claude Code 1.x the same figure meant that the person had written "ultrathink"; 2.x sends it unasked (2.1.330).
_CLIENT_2_OR_LATER = re.compile(r"claude-cli/(?:[2-9]|\d\d)")


_READERS: Mapping[str, Callable[[bytes], tuple[wire.Body, str]]] = {
    "openai_chat": openai_wire.read_chat,
    "openai_responses": openai_wire.read_responses,
    "gemini": lambda body: (gemini_wire.read_gemini(body), ""),
}
"""Of the other clients: the request, and what names its session."""


class Reading(msgspec.Struct, frozen=True):
    """`signals.tokens` holds the plain estimate until `Calibration.apply` has put what was learnt to it."""

    signals: Signals
    estimate: Estimate


Before = Callable[[str], Estimate | None]
"""Knows the estimate of a conversation's last turn."""


def read_signals(inbound: Inbound, before: Before = lambda _conversation: None) -> Reading:
    """Raises BadRequest in one sentence when the body is not JSON, or `model` or `messages` is missing or of a wrong type."""
    header = inbound.header
    if inbound.dialect == "anthropic":
        body = wire.decode_body(inbound.body)
        session = _session(header, body.metadata)
    else:
        body, named = _READERS[inbound.dialect](inbound.body)
        session = header.get("session_id") or header.get("session-id") or header.get("x-session-id") or named
    contents = look_through(body.messages)
    seen = media.weigh(contents)
    tail = _read_tail(body.messages)
    thinking = wire.fields(body.thinking)
    budget, max_tokens = wire.integer(thinking.get("budget_tokens", wire.ABSENT)), wire.integer(body.max_tokens)
    shape = _shape(body, tail)
    kind, agent_id = marks.kind_of(shape, _hints(header)), header.get("x-claude-code-agent-id", "")
    size = estimate(inbound.body, seen, before(conversation(session, agent_id, kind)))
    said = tail.said.encode(errors="replace")
    signals = Signals(
        model=body.model,
        stream=wire.flag(body.stream),
        max_tokens=max_tokens,
        tokens=round(size.tokens),
        body_bytes=len(inbound.body),
        turns=len(body.messages),
        kind=kind,
        request_class=header.get("x-claude-code-request-class", ""),
        subagent=_is_subagent(header, body.system),
        agent_id=agent_id,
        agent_type=header.get("x-claude-code-agent-type", ""),
        subagent_model=_subagent_model(body),
        thinking=wire.text(thinking.get("type", wire.ABSENT)),
        thinking_budget=budget,
        thinking_budget_is_client_default=_client_chose(budget, max_tokens, header.get("user-agent", "")),
        effort=_effort(body, contents.settings),
        sampled=body.temperature is not ABSENT or body.top_p is not ABSENT or body.top_k is not ABSENT,
        forced_tool=body.tool_choice is not ABSENT and wire.text(_type(body.tool_choice)) in ("any", "tool"),
        fast=body.speed is not ABSENT and wire.text(body.speed) not in ("", "standard"),
        prefilled=_is_prefilled(body.messages),
        system_turns=contents.system_turns,
        turn_settings=bool(contents.settings),
        ultrathink=_says_ultrathink(tail.said),
        plan_mode=marks.plan_mode(contents.spoken, body.system),
        images=seen.images > 0,
        image_in_last_turn=seen.last_image_at >= tail.turn_starts_at,
        pdf=seen.document_bytes > 0,
        tools_used=_tools_used(body.messages, tail.turn_starts_at),
        tool_depth=_tool_depth(body.messages, tail.turn_starts_at),
        tool_errors=_tool_errors(body.messages),
        project=marks.working_directory(body.system),
        words=len(tail.said[:_COUNTED_CHARACTERS].split(None, _WORDS_COUNTED)[:_WORDS_COUNTED]),
        server_tools=shape.server_tools,
        search_aside=inbound.dialect != "anthropic" and _search_aside(shape, body.tool_choice),
        tools=shape.tools,
        session=session,
        user_agent=header.get("user-agent", ""),
        last_user_text=said[:LAST_TEXT_BYTES].decode(errors="ignore"),
        prompt_hash=_prompt_hash(said),
    )
    return Reading(signals, size)


class _Tail(msgspec.Struct):
    """The end of the conversation."""

    last_words: str
    """The last user message's last text, boilerplate cut out."""
    tool_result: bool
    said: str
    """What the person last said, maybe some tool results ago; boilerplate cut out."""
    turn_starts_at: int
    """The message in which they said it."""


def _read_tail(messages: list[wire.Message]) -> _Tail:
    last_words: str | None = None
    tool_result, last_user_at = False, 0
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role != "user":
            continue
        own = [words for words in map(marks.without_boilerplate, messages[place].texts) if words]
        if last_words is None:
            # The last block: the client may hang its own text behind what a person wrote (/compact, 2.1.197).
            last_words, last_user_at = own[-1] if own else "", place
            tool_result = any(part.type == "tool_result" for part in messages[place].blocks)
        said = "\n".join(own)
        if said or any(part.type == "image" for part in messages[place].blocks):
            return _Tail(last_words, tool_result, said, place)
    return _Tail(last_words or "", tool_result, "", last_user_at)


def _tools_used(messages: list[wire.Message], since: int) -> tuple[str, ...]:
    for place in range(len(messages) - 1, since, -1):
        if messages[place].role == "assistant":
            called = [block for block in messages[place].blocks if block.type in ("tool_use", "server_tool_use")]
            return tuple(wire.text(block.name) for block in called)
    return ()


def _tool_depth(messages: list[wire.Message], since: int) -> int:
    return sum(
        1
        for message in messages[since + 1 :]
        if message.role == "user" and any(block.type == "tool_result" for block in message.blocks)
    )


def _tool_errors(messages: list[wire.Message]) -> int:
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    return sum(1 for block in last.blocks if block.type == "tool_result" and wire.flag(block.is_error)) if last else 0


def _shape(body: wire.Body, tail: _Tail) -> marks.Shape:
    tools = body.tools or []
    aside = not tools
    return marks.Shape(
        tools=tuple(tool.name for tool in tools),
        server_tools=tuple(tool.type for tool in tools if tool.type and tool.type != "custom"),
        stop_sequences=tuple(wire.text(stop) for stop in wire.items(body.stop_sequences)),
        schema_fields=_schema_fields(body.output_config) if aside else frozenset(),
        system="\n".join(wire.texts(body.system))[:_SYSTEM_START_BYTES] if aside else "",
        last_words=tail.last_words,
        tool_result=tail.tool_result,
    )


def _search_aside(shape: marks.Shape, choice: msgspec.Raw) -> bool:
    if len(shape.tools) == len(shape.server_tools) or not any(map(marks.is_search, shape.server_tools)):
        return False
    return not marks.is_search(wire.text(wire.fields(choice).get("name", ABSENT)))


def _schema_fields(output_config: msgspec.Raw) -> frozenset[str]:
    schema = wire.fields(wire.fields(output_config).get("format", wire.ABSENT)).get("schema", wire.ABSENT)
    return frozenset(wire.fields(wire.fields(schema).get("properties", wire.ABSENT)))


def _prompt_hash(said: bytes) -> str:
    # A pasted log is told by its beginning, its end and its length: hashing all of it would cost more than reading it.
    digest = sha256(said[:LAST_TEXT_BYTES])
    if len(said) > LAST_TEXT_BYTES:
        digest.update(said[-_HASHED_END_BYTES:])
        digest.update(b"%d" % len(said))
    return digest.hexdigest()[:_HASH_DIGITS]


def _says_ultrathink(said: str) -> bool:
    # The two searches are thirty times faster than the pattern, which a pasted log would pay for with milliseconds.
    return ("ltrathink" in said or "LTRATHINK" in said) and _ULTRATHINK.search(said) is not None


def _hints(header: Mapping[str, str]) -> tuple[str, ...]:
    return (
        "compaction" if header.get("x-claude-code-compaction") else "",
        header.get("x-claude-code-request-class", ""),
        header.get("x-claude-1p-request-class", ""),
    )


def _is_subagent(header: Mapping[str, str], system: msgspec.Raw) -> bool:
    if header.get("x-claude-code-agent-id") or header.get("x-claude-code-request-class") == "subagent":
        return True
    start = bytes(memoryview(system)[:_BILLING_LINE_BYTES])
    return marks.BILLING_LINE in start and marks.SUBAGENT_IN_BILLING_LINE in start


def _subagent_model(body: wire.Body) -> str:
    """Looks where Claude Code puts an agent's prompt: any system block, or the first two user messages."""
    users = [message for message in body.messages[:_TAG_MESSAGES] if message.role == "user"][:2]
    said = [words for message in users for words in message.texts_with(marks.SUBAGENT_TAG_NAME)]
    if marks.SUBAGENT_TAG_NAME in bytes(body.system):
        said = [*wire.texts(body.system), *said]
    return marks.subagent_model(said)


def _client_chose(budget: int | None, max_tokens: int | None, user_agent: str) -> bool:
    if budget is None or not _CLIENT_2_OR_LATER.match(user_agent):
        return False
    # The second figure is what the client falls back to when an upstream refuses adaptive thinking (2.1.330).
    return budget == _CLIENT_DEFAULT_BUDGET_TOKENS or (max_tokens is not None and budget == max_tokens - 1)


def _effort(body: wire.Body, settings: list[wire.Message]) -> str:
    """The effort in force: the last message that sets one wins over the request's own."""
    for message in reversed(settings):
        effort = wire.text(wire.fields(message.output_config).get("effort", wire.ABSENT))
        if effort:
            return effort
    return wire.text(wire.fields(body.output_config).get("effort", wire.ABSENT))


def _type(raw: msgspec.Raw) -> msgspec.Raw:
    return wire.fields(raw).get("type", ABSENT)


def _is_prefilled(messages: list[wire.Message]) -> bool:
    """A paused turn, which ends with a server tool's block, is none."""
    if not messages or messages[-1].role != "assistant":
        return False
    blocks = messages[-1].blocks
    return not blocks or blocks[-1].type == "text"


def _session(header: Mapping[str, str], metadata: msgspec.Raw) -> str:
    named = header.get("x-claude-code-session-id") or header.get("x-claude-session-id")
    if named:
        return named
    user = wire.text(wire.fields(metadata).get("user_id", wire.ABSENT))
    if user.startswith("{"):  # a JSON string since Claude Code 2.1.78
        return wire.text(wire.fields(msgspec.Raw(user.encode(errors="replace"))).get("session_id", wire.ABSENT))
    return user.partition("_session_")[2]

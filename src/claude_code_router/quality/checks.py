"""What can be told of a reply without a model: deterministic, and silent where it cannot tell.

A finding with `ok` False is a fault for sure, as far as code can be sure; the absence of a finding says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest, Tool
from claude_code_router.core.reply import Reply, ToolCall
from claude_code_router.quality.code_blocks import blocks, broken_block
from claude_code_router.quality.fits import misfit
from claude_code_router.quality.last_turn import last_turn
from claude_code_router.quality.wording import asks_for_json_only, reads_as_refusal


class Finding(msgspec.Struct, frozen=True):
    """What one check says."""

    check: str
    """Its name: failed, empty, truncation, refusal, tool_call, code, format."""
    ok: bool
    because: str
    """One sentence; quotes nothing of the conversation but names of tools and of their arguments."""


def check_reply(chat: ChatRequest, reply: Reply) -> tuple[Finding, ...]:
    """Every check that can tell, in the order of their weight. Bounded in time for bodies of any size; never raises for
    what stands in them."""
    if reply.failed:
        return (_fault("failed", "the reply is not whole"),)
    return tuple(_findings(chat, reply))


def faults(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if not finding.ok)


CHECKS = "1"
"""Raised with every change of what a check calls a fault: a new epoch of judgements begins."""
_FEW_TOKENS = 256
"""Who asks for less than this means to be cut off: probes, classifiers."""
_CUT = ("max_tokens", "model_context_window_exceeded")


def _good(check: str, because: str) -> Finding:
    return Finding(check, ok=True, because=because)


def _fault(check: str, because: str) -> Finding:
    return Finding(check, ok=False, because=because)


def _findings(chat: ChatRequest, reply: Reply) -> Iterator[Finding]:
    cut = reply.stop_reason in _CUT
    yield from _empty(reply)
    if cut and not (reply.stop_reason == "max_tokens" and (chat.max_tokens or _FEW_TOKENS) < _FEW_TOKENS):
        yield _fault("truncation", f"it was cut off: stop reason {reply.stop_reason}")
    elif not cut and reply.stop_reason:
        yield _good("truncation", f"it came to its own end: stop reason {reply.stop_reason}")
    yield from _refusal(reply)
    yield from _tool_calls(chat, reply, cut)
    if not cut:
        parses, why = broken_block(reply.text)
        if parses is not None:
            yield Finding("code", parses, why)
        if not reply.calls and reply.stop_reason != "refusal":
            yield from _format(chat, reply)


def _empty(reply: Reply) -> Iterator[Finding]:
    if reply.text.strip() or reply.calls:
        yield _good("empty", "it says or does something")
    elif reply.stop_reason not in ("pause_turn", "refusal", "stop_sequence", *_CUT):
        # A tool that the provider runs itself is neither text nor a call; then it pauses, or says something. And a program
        # that sets stop sequences may mean that nothing stands before one.
        yield _fault("empty", "it holds neither text nor a tool call")


def _refusal(reply: Reply) -> Iterator[Finding]:
    if reply.stop_reason == "refusal":
        yield _fault("refusal", "its stop reason is refusal")
    elif not reply.calls and reads_as_refusal(reply.text):
        yield _fault("refusal", "its words are those of a refusal")


def _tool_calls(chat: ChatRequest, reply: Reply, cut: bool) -> Iterator[Finding]:
    # The last one of a cut reply is cut itself, which was said already.
    calls = reply.calls[:-1] if cut else reply.calls
    if not calls:
        return
    for call in calls:
        wrong = _wrong_call(chat, call)
        if wrong:
            yield _fault("tool_call", wrong)
            return
    yield _good("tool_call", "every tool call can be carried out")


def _wrong_call(chat: ChatRequest, call: ToolCall) -> str:
    tool = next((tool for tool in chat.tools if tool.name == call.name), None)
    named = call.name[:80]
    if tool is None:
        if any(tool.name.endswith(f"__{call.name}") for tool in chat.tools):
            return ""  # Responses: a tool of a namespace, whose client knows it without
        return f"it calls {named!r}, which was not offered"
    try:
        arguments = msgspec.json.decode(call.json or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return "" if _freeform(tool) else f"the arguments of {named} are not valid JSON"
    if not isinstance(arguments, dict):
        return "" if _freeform(tool) else f"the arguments of {named} are no JSON object"
    if tool.server_type:
        return ""  # its schema is the provider's own
    wrong = misfit(arguments, _decoded(tool.schema))
    return f"the arguments of {named} do not fit its schema: {wrong}" if wrong else ""


def _freeform(tool: Tool) -> bool:
    """Responses: takes plain text, which our words carry as its one argument `input`."""
    schema = _decoded(tool.schema)
    return isinstance(schema, dict) and list(schema.get("properties") or ()) == ["input"]


def _decoded(schema: msgspec.Raw) -> Any:
    """None when it cannot be read: then it says nothing."""
    try:
        return msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError):
        return None


def _format(chat: ChatRequest, reply: Reply) -> Iterator[Finding]:
    if chat.json_schema is not None:
        yield _by_schema(chat.json_schema, reply.text)
        return
    if chat.tools:
        return  # an agent's turn: the words may be about a file that it is to write
    if not reply.text.strip() or not asks_for_json_only(last_turn(chat).said):
        return
    try:
        msgspec.json.decode(_unfenced(reply.text))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        yield _fault("format", "nothing but JSON was asked for, and it is not JSON")
    else:
        yield _good("format", "it is JSON, as asked for")


def _by_schema(schema: msgspec.Raw, text: str) -> Finding:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _fault("format", "the request's schema demands JSON, and it is not JSON")
    wrong = misfit(value, _decoded(schema))
    if wrong:
        return _fault("format", f"it does not fit the request's schema: {wrong}")
    return _good("format", "it fits the request's schema")


def _unfenced(text: str) -> str:
    """A fence around the whole of it is no fault."""
    text = text.strip()
    found = blocks(text)
    return (
        found[0].text if len(found) == 1 and text.startswith(("```", "~~~")) and text.endswith(("```", "~~~")) else text
    )

"""The `thinking` of a request for a model that takes other forms of it than the client's (near_relay.py)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.dialects.anthropic_messages.near_blocks import Fields
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayQuirks
from claude_code_router.dialects.anthropic_messages.spans import elements

_MANUAL_BUDGET_TOKENS = 31_999
"""What the client itself asks for where it thinks manually (2.1.330)."""
_LEAST_BUDGET_TOKENS = 1024

_INSTEAD: Mapping[str, tuple[str, ...]] = {
    "adaptive": ("enabled",),
    "enabled": ("adaptive",),
    "disabled": ("between_tools", "adaptive"),
    "between_tools": ("disabled", "adaptive"),
}
"""The nearest forms, the nearest first. Who wants no thinking where there is always some gets as little as there is."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_blocks = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_encode = msgspec.json.Encoder().encode
_integer = msgspec.json.Decoder(int)


class Thought(msgspec.Struct, frozen=True):
    raw: bytes | None
    """New bytes for the value; None: it goes."""
    on: bool
    least: bool = False
    """As little effort as there is should go with it, where the client has not said how much."""


def thought(fields: Fields, quirks: RelayQuirks, max_tokens: int, *, may_think: bool) -> Thought | None:
    """None when the value stays as it is. `max_tokens` is 0 when the request says none; not `may_think`: a budget would be
    refused in this conversation."""
    kind = bytes(fields.get("type", b"")).strip(b'"').decode(errors="replace")
    chosen = _chosen(kind, quirks.thinking)
    if chosen == "enabled":
        return _manual(kind, fields, quirks, max_tokens, may_think=may_think)
    if chosen == kind:
        return None
    if not chosen:
        return Thought(None, on=False)
    if chosen == "disabled":
        return Thought(_encode({"type": chosen}), on=False)
    if kind == "disabled":
        return Thought(_encode({"type": chosen}), on=True, least=chosen == "adaptive")
    kept = {key: value for key, value in fields.items() if key != "budget_tokens"}
    # Who thinks by budget shows what it thinks; newer models leave the text out unless it is asked for (API, 2026-11).
    shown = {"display": msgspec.Raw(b'"summarized"')} if kind == "enabled" and quirks.betas else {}
    return Thought(_encode({**shown, **kept, "type": chosen}), on=True)


def _chosen(kind: str, forms: tuple[str, ...] | None) -> str:
    if forms is None or kind in forms or kind not in _INSTEAD:
        return kind
    return next((form for form in _INSTEAD[kind] if form in forms), "")


def _manual(kind: str, fields: Fields, quirks: RelayQuirks, max_tokens: int, *, may_think: bool) -> Thought | None:
    asked = _integer.decode(fields["budget_tokens"]) if "budget_tokens" in fields else _MANUAL_BUDGET_TOKENS
    budget = min(asked, max_tokens - 1) if max_tokens else asked
    off = quirks.thinking is None or "disabled" in quirks.thinking
    if not may_think and off:
        return Thought(_encode({"type": "disabled"}), on=False)
    if budget < _LEAST_BUDGET_TOKENS and kind != "enabled":
        return Thought(None, on=False)
    if kind == "enabled" and (budget == asked or budget < _LEAST_BUDGET_TOKENS):
        return None
    display = {"display": fields["display"]} if quirks.betas and "display" in fields else {}
    return Thought(_encode({"type": "enabled", "budget_tokens": budget, **display}), on=True)


def turn_without_thinking(body: bytes, start: int, end: int) -> bool:
    """The assistant's turn that the last message of `messages` goes on with does not begin with thinking: somebody else began
    it, or its thinking is gone."""
    first_answer = b""
    for first, last in reversed(elements(body, start, end)):
        message = _fields.decode(body[first:last])
        kinds = _kinds(bytes(message.get("content", b"")))
        if bytes(message.get("role", b"")) == b'"assistant"':
            first_answer = kinds[0] if kinds else b'"text"'
        elif bytes(message.get("role", b"")) == b'"user"' and b'"tool_result"' not in kinds:
            break
    return first_answer not in (b"", b'"thinking"', b'"redacted_thinking"')


def _kinds(content: bytes) -> list[bytes]:
    return [bytes(block.get("type", b"")) for block in _blocks.decode(content)] if content.startswith(b"[") else []

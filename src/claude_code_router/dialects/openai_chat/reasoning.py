"""Another model's reasoning inside an Anthropic conversation: minted into thinking blocks, and unwrapped for its maker.

Two kinds of signature (dialects.provenance): `text`, when the reasoning's own text is all there is, and `details`, when
the server wants its `reasoning_details` back as they were (OpenRouter and those who copied the field, 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.core.chat import Thinking
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.provenance import mint, opened
from claude_code_router.dialects.unreadable import UNREADABLE

_TEXT = "text"
_DETAILS = "details"


class _Minted(msgspec.Struct):
    model: str
    details: list[dict[str, Any]]


_minted_decoder = msgspec.json.Decoder(_Minted)


def mint_text() -> str:
    return mint(_TEXT, "")


def mint_details(model: str, details: Sequence[Mapping[str, object]]) -> str:
    payload = msgspec.json.encode({"model": model, "details": details})
    return mint(_DETAILS, payload.decode())


def replay(parts: Iterable[Thinking], model: str, quirks: ChatQuirks, *, with_calls: bool) -> dict[str, object]:
    """The member that gives an assistant message its reasoning back; empty when there is none to give.

    Claude's own blocks are never sent to others: their text belongs to their signature. Nor are redacted ones.
    """
    field = quirks.reasoning_replay
    if not field:
        return {}
    ours = [(part, kind) for part in parts if (kind := opened(part.signature)) is not None]
    if field == "reasoning_details":
        details = [detail for _, (kind, payload) in ours if kind == _DETAILS for detail in _details(payload, model)]
        return {field: details} if details else {}
    text = "\n\n".join(part.text for part, _ in ours if part.text)
    if text:
        return {field: text}
    # DeepSeek and Moonshot answer 400 without the field, and take a blank (LiteLLM 1.109.1 sends the same).
    return {field: " "} if quirks.reasoning_replay_required and with_calls else {}


def _details(payload: str, model: str) -> list[dict[str, Any]]:
    """Those of another model are left out: encrypted or signed state is bound to the model that made it."""
    try:
        minted = _minted_decoder.decode(payload)
    except UNREADABLE:
        return []
    return minted.details if same_model(minted.model, model) else []


def same_model(minted: str, asked: str) -> bool:
    """Servers answer with a dated or undated form of the id that was asked for, and variants follow a colon."""
    a, b = (name.lower().partition(":")[0] for name in (minted, asked))
    return not a or a.startswith(b) or b.startswith(a)

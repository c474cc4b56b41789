"""Thinking of any model as a reasoning item, and back. What its maker wants back travels in `encrypted_content`, which a client
returns unread."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from claude_code_router.core.chat import Thinking
from claude_code_router.dialects.openai_chat.reasoning import mint_text
from claude_code_router.dialects.provenance import MARK, mint, opened
from claude_code_router.dialects.unreadable import UNREADABLE

_CLAUDE = "claude"
_REDACTED = "redacted"


class _Signed(msgspec.Struct):
    thinking: str
    signature: str


def sealed(text: str, signature: str) -> str:
    """Claude's signature holds for its own text byte for byte, so both are kept together; ours hold all that is needed. Never
    empty: OpenAI would look for a reasoning item without its content in its own store, and refuse the request."""
    if not signature:
        return mint_text()
    if signature.startswith(MARK):
        return signature
    return mint(_CLAUDE, msgspec.json.encode(_Signed(text, signature)).decode())


def sealed_redacted(data: str) -> str:
    return mint(_REDACTED, data)


def thinking_of(summary: Iterable[str], encrypted: str) -> Thinking:
    """What OpenAI itself has encrypted means nothing to anybody else: the text stays, unsigned."""
    found = opened(encrypted)
    if found is None:
        return Thinking(text="\n\n".join(summary))
    kind, payload = found
    if kind == _REDACTED:
        return Thinking(redacted=payload)
    if kind != _CLAUDE:
        return Thinking(text="\n\n".join(summary), signature=encrypted)
    try:
        signed = msgspec.json.decode(payload, type=_Signed)
    except UNREADABLE:
        return Thinking(text="\n\n".join(summary))
    return Thinking(text=signed.thinking, signature=signed.signature)

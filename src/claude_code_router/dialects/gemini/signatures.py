"""Thought signatures: Gemini's own state, which the client carries for us inside a thinking block (dialects.provenance).

A signature stands on the part that it belongs to. The block that carries it stands directly before that part's own block, so
its place in the conversation says where it goes back; `on` says on what kind of part.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from claude_code_router.core.chat import Thinking
from claude_code_router.dialects.provenance import mint, opened
from claude_code_router.dialects.unreadable import UNREADABLE

On = Literal["call", "text"]

PLACEHOLDER = "skip_thought_signature_validator"
"""Taken in the place of a signature by https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11), for calls that
another model made: a last resort, since the model has forgotten what it thought."""

_KIND = "gemini"
_TEXT = "text"


class Carried(msgspec.Struct, frozen=True):
    model: str
    signature: str
    on: On


_decoder = msgspec.json.Decoder(Carried)


def mint_signature(model: str, signature: str, on: On) -> str:
    return mint(_KIND, msgspec.json.encode(Carried(model, signature, on)).decode())


def mint_text() -> str:
    """For thoughts that have no signature: only their text is there."""
    return mint(_TEXT, "")


def carried(part: Thinking, model: str) -> Carried | None:
    """None for other makers' blocks and for those of another Gemini model: the state is bound to the model that made it."""
    found = opened(part.signature)
    if found is None or found[0] != _KIND:
        return None
    try:
        one = _decoder.decode(found[1])
    except UNREADABLE:
        return None
    return one if one.signature and _same_model(one.model, model) else None


def _same_model(minted: str, asked: str) -> bool:
    """Minted under the model that was asked for, or under the version that answered, which begins with its name."""
    a, b = minted.lower().removeprefix("models/"), asked.lower().removeprefix("models/")
    return not a or a.startswith(b) or b.startswith(a) or "latest" in b

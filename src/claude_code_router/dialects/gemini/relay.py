"""Changes to a generateContent request that is relayed to Google: what other makers' models have left in it is taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from claude_code_router.dialects.anthropic_messages.near_blocks import Cut, applied, list_cuts
from claude_code_router.dialects.anthropic_messages.spans import elements, members
from claude_code_router.dialects.gemini.client_state import MARK
from claude_code_router.dialects.gemini.signatures import PLACEHOLDER
from claude_code_router.dialects.gemini.wire_names import fields_of
from claude_code_router.dialects.unreadable import UNREADABLE

_ANY = (b'"thoughtSignature"', b'"thought_signature"')
_OURS = (MARK,)
_NO_CONTENT = b'{"text":"(no content)"}'

_encode = msgspec.json.Encoder().encode


def strip_foreign_thoughts(body: bytes) -> bytes:
    """Without the thoughts and signatures that are not Google's. A call that another model made has the word for that in the
    place of its signature, since Gemini 3 demands one. The very same object when there are none."""
    return _changed(body, _OURS, lambda raw: MARK in raw)


def strip_thoughts(body: bytes) -> bytes:
    """The same, whoever made them."""
    return _changed(body, _ANY, lambda _: True)


def _changed(body: bytes, marks: tuple[bytes, ...], foreign: Callable[[bytes], bool]) -> bytes:
    if not any(mark in body for mark in marks):
        return body
    try:
        cuts = [
            cut
            for key, start, end in members(body)
            if key == "contents"
            for first, last in elements(body, start, end)
            if any(body.find(mark, first, last) >= 0 for mark in marks)
            for cut in _content_cuts(body, first, last, foreign)
        ]
    except UNREADABLE:
        return body  # the upstream is the judge of it
    return applied(body, cuts)


def _content_cuts(body: bytes, start: int, end: int, foreign: Callable[[bytes], bool]) -> Iterator[Cut]:
    content = {key: (a, b) for key, a, b in members(body, start, end)}
    if "parts" not in content or body[content["parts"][0] : content["parts"][0] + 1] != b"[":
        return
    spans = elements(body, *content["parts"])
    fields = [fields_of(body[a:b]) for a, b in spans]
    signed = [bytes(part.get("thoughtSignature", b"")) for part in fields]
    strange = any(signature and foreign(signature) for signature in signed)
    changed: list[bytes | None] = []
    for (a, b), part, signature in zip(spans, fields, signed, strict=True):
        mine = bool(signature) and foreign(signature)
        if strange and bytes(part.get("thought", b"")) == b"true":
            changed.append(None)
        elif mine and "functionCall" in part:
            changed.append(_encode({**part, "thoughtSignature": PLACEHOLDER}))
        elif mine:
            rest = {name: value for name, value in part.items() if name != "thoughtSignature"}
            changed.append(None if rest == {"text": msgspec.Raw(b'""')} else _encode(rest))
        else:
            changed.append(body[a:b])
    if changed and all(new is None for new in changed):
        changed[0] = _NO_CONTENT
    yield from list_cuts(body, spans, changed)

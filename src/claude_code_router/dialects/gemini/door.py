"""What Google's protocol says in a request's URL, moved into the body while the request is here: the model and whether the
reply is streamed. So every reader of bodies finds them where the other dialects have them; a relay takes them out again."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from claude_code_router.dialects.anthropic_messages.spans import members
from claude_code_router.dialects.unreadable import UNREADABLE

_PATH = re.compile(r"(?:/ns/[^/]+)?/v\d[a-z0-9]*/(?:[^?]*/)?models/(.+):([A-Za-z]+)/?")
"""AI Studio's `/v1beta/models/{model}:{method}`, and Vertex AI's longer one; a model's name may have colons and slashes."""

GENERATE, STREAM, COUNT = "generateContent", "streamGenerateContent", "countTokens"
_OURS = ("model", "stream")
_encode = msgspec.json.Encoder().encode
_wrapped_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Asked(NamedTuple):
    model: str
    method: str


def asked(path: str) -> Asked | None:
    """None for any other path. `path` is percent-decoded."""
    found = _PATH.fullmatch(path)
    return Asked(found[1].removeprefix("models/"), found[2]) if found else None


def with_url(body: bytes, model: str, *, stream: bool) -> bytes:
    """At the end, so that ours win over members of the same name. What is no JSON object stays as it is: reading it says what
    is wrong."""
    at = body.rfind(b"}")
    if at < 0 or body[at + 1 :].strip() or not body.lstrip().startswith(b"{"):
        return body
    comma = b"" if body[:at].strip() == b"{" else b","
    words = b'"model":%b,"stream":%b' % (_encode(model), b"true" if stream else b"false")
    return b"".join((body[:at], comma, words, body[at:]))


def without_url(body: bytes) -> bytes:
    """As the client wrote it."""
    try:
        found = members(body)
    except UNREADABLE:
        return body
    kept = [member for member in found if member.key not in _OURS]
    if len(kept) == len(found):
        return body
    if kept != found[: len(kept)]:  # somebody has rewritten the body on its way
        return b"{%b}" % b",".join(b"%b:%b" % (_encode(one.key), body[one.start : one.end]) for one in kept)
    begin = body.index(b",", kept[-1].end) if kept else body.index(b'"')
    return body[:begin] + body[found[-1].end :]


def unwrapped(body: bytes) -> bytes:
    """Of a countTokens request the request that is to be counted."""
    try:
        inner = bytes(_wrapped_decoder.decode(body).get("generateContentRequest", b""))
    except UNREADABLE:
        return body
    return inner if inner.startswith(b"{") else body

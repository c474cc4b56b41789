"""Takes secrets out of what is about to be written, and shortens what is only bulk.

A net, not a proof: a secret that looks like prose passes. Therefore bodies are kept only when the owner asks for them.

Made for bodies of a megabyte in a process that streams meanwhile: every pattern begins with a literal that is looked for
first (memchr instead of the regex engine), works on bytes, and is linear: no adjacent unbounded repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from claude_code_router.core.secrets import NO_SECRETS, STRUCK, Secrets

MAX_BODY_BYTES = 1_000_000
"""Per body. A conversation of 250,000 tokens; whoever replays longer ones needs the client's own transcript."""

GONE = STRUCK


class _Shape(msgspec.Struct, frozen=True):
    """A secret is group 1 of `pattern`, which begins with `literal`."""

    literal: bytes
    pattern: re.Pattern[bytes]
    any_case: bool = False
    inside_words: bool = False
    """May begin in the middle of a word, as the `token` in `access_token`."""


def _shape(literal: bytes, rest: bytes) -> _Shape:
    return _Shape(literal, re.compile(b"(" + literal + rest + b")"))


def _named(name: bytes) -> _Shape:
    """`"api_key": "…"`, `\\"token\\": \\"…\\"` inside a string, `PASSWORD=…`; a number behind `max_tokens` is no secret."""
    value = rb"""(?:\\?["']([^"'\\\n]{4,4096})|((?![\[{(<$\d])[a-z0-9._~+/=-]{8,4096}))"""
    return _Shape(
        name, re.compile(name + rb"""(?:\\?["'])?\s{0,4}[:=]\s{0,4}""" + value), any_case=True, inside_words=True
    )


_SHAPES: tuple[_Shape, ...] = (
    _shape(b"sk-", rb"[A-Za-z0-9_-]{8,}"),  # Anthropic, OpenAI, OpenRouter, DeepSeek, Moonshot …
    *(_shape(start, rb"[A-Za-z0-9_-]{20,}") for start in (b"gsk_", b"hf_", b"xai-", b"nvapi-", b"r8_", b"pplx-", b"tvly-")),
    *(_shape(start, rb"[A-Za-z0-9]{20,}") for start in (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")),
    *(_shape(start, rb"[A-Za-z0-9_-]{20,}") for start in (b"github_pat_", b"glpat-", b"AIza", b"ya29.")),
    *(_shape(start, rb"[0-9A-Z]{16}") for start in (b"AKIA", b"ASIA")),  # Amazon
    *(_shape(start, rb"[A-Za-z0-9-]{10,}") for start in (b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-")),  # Slack
    _shape(b"eyJ", rb"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),  # JSON web token
    _shape(b"-----BEGIN ", rb"[A-Z ]{0,24}PRIVATE KEY-----[A-Za-z0-9+/=\\\s]{0,10000}"),
    *(_Shape(word, re.compile(word + rb"\s{1,4}([a-z0-9._~+/=-]{8,4096})"), any_case=True) for word in (b"bearer", b"basic")),
    _Shape(b"://", re.compile(rb"://[^\s:/@\"\\]{1,200}:([^\s/@\"\\]{1,200})@"), inside_words=True),
    *(
        _named(name)
        for name in (
            b"api_key", b"api-key", b"apikey", b"access_key", b"access-key", b"accesskey", b"secret_key", b"secretkey",
            b"private_key", b"privatekey", b"token", b"password", b"passwd", b"secret", b"authorization",
        )
    ),
)  # fmt: skip

_BULK = tuple(re.compile(start + rb"([A-Za-z0-9+/=_-]{600,})") for start in (b'"', b","))
_KEPT_OF_BULK = 32


def redact_text(text: str, known: Secrets = NO_SECRETS) -> str:
    """A message for people: secrets out, those that are `known` whatever their shape."""
    text = known.struck_text(text)
    return _redacted(text.encode("utf-8", "replace")).decode() if text else text


def redact_body(body: bytes, known: Secrets = NO_SECRETS) -> str:
    """A request's or reply's body as text: base64 (images) shortened, secrets out, at most MAX_BODY_BYTES."""
    body = known.struck(body)  # first: what shortens may cut a key in two
    for bulk in _BULK:
        body = bulk.sub(_shortened, body)
    more = len(body) - MAX_BODY_BYTES
    if more > 0:
        return _redacted(body[:MAX_BODY_BYTES]).decode("utf-8", "replace") + f"…[{more} more bytes]"
    return _redacted(body).decode("utf-8", "replace")


def _redacted(text: bytes) -> bytes:
    spans = sorted(_secrets(text))
    if not spans:
        return text
    pieces, at = [], 0
    for start, end in spans:
        if start >= at:
            pieces += [text[at:start], GONE.encode()]
        at = max(at, end)
    return b"".join([*pieces, text[at:]])


def _secrets(text: bytes) -> Iterator[tuple[int, int]]:
    lowered = text.lower()  # of bytes: ASCII only, so that places stay the same
    for shape in _SHAPES:
        where = lowered if shape.any_case else text
        if shape.literal not in where:
            continue
        for found in shape.pattern.finditer(where):
            group = found.lastindex or 1
            in_word = found.start() > 0 and where[found.start() - 1 : found.start()].isalnum()
            if (shape.inside_words or not in_word) and text[slice(*found.span(group))] not in _OURS:
                yield found.span(group)


_OURS = (GONE.encode(), GONE.encode()[1:-1])
"""What is redacted already stays as it is."""


def _shortened(found: re.Match[bytes]) -> bytes:
    run = found[1]
    return found[0][:1] + run[:_KEPT_OF_BULK] + f"…[{len(run) - _KEPT_OF_BULK} more bytes]".encode()

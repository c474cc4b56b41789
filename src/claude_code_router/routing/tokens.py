"""How many tokens a request is: from its bytes, without a vocabulary, calibrated by what upstreams report.

A fixed number of small samples is classed byte by byte (letters, digits, punctuation, multi-byte leads …) and weighed;
the weights were fitted to cl100k (benchmarks/token_estimate.py), the scale that `longContextThreshold` has always been in.
What a given model counts is then learnt per model, and per conversation from its last turn.
"""

from __future__ import annotations

import re
from collections import OrderedDict

import msgspec

from claude_code_router.core.signals import Signals, TurnKind
from claude_code_router.routing.media import Media

_SAMPLES = 24
_SAMPLE_BYTES = 224
_WHOLE_BYTES = _SAMPLES * _SAMPLE_BYTES
_PLACES = range(_SAMPLES)

_DATA = b'"data"'
_DATA_URL = re.compile(rb";base64,[A-Za-z0-9+/=_-]{96,}")
_BASE64_VALUE = re.compile(rb'\s*:\s*"[A-Za-z0-9+/=_-]{96,}"')
_ESCAPED_CHARACTER = re.compile(rb"\\u[0-9a-fA-F]{4}")


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Uncalibrated."""

    text_tokens: float
    text_bytes: int
    media_tokens: float = 0.0
    sampled_bytes: int = 0
    """How long the text was when its density was measured."""

    @property
    def tokens(self) -> float:
        return self.text_tokens + self.media_tokens


_SAME_DENSITY = 1.25
"""A conversation is measured again when it has grown or shrunk by this factor: what it is made of changes no faster."""


def estimate(body: bytes, seen: Media, before: Estimate | None = None) -> Estimate:
    """Of the whole request: conversation, system prompt and tools. Cost is bounded: long bodies are sampled, and where the same
    conversation was measured a moment before at nearly this length (`before`), its density goes on."""
    text = _without_base64(body) if seen.image_bytes or seen.document_bytes else body
    text_bytes = max(0, len(text) - seen.signature_bytes)
    if (
        before is not None
        and before.sampled_bytes / _SAME_DENSITY <= text_bytes <= before.sampled_bytes * _SAME_DENSITY
    ):
        density = before.text_tokens / before.text_bytes if before.text_bytes else 0.0
        return Estimate(
            text_tokens=density * text_bytes,
            text_bytes=text_bytes,
            media_tokens=_media_tokens(seen),
            sampled_bytes=before.sampled_bytes,
        )
    sample = text if len(text) <= _WHOLE_BYTES and not seen.signature_bytes else _sample(text)
    density = weigh(sample) / len(sample) if sample else 0.0
    return Estimate(
        text_tokens=density * text_bytes,
        text_bytes=text_bytes,
        media_tokens=_media_tokens(seen),
        sampled_bytes=text_bytes,
    )


def _sample(text: bytes) -> bytes:
    step = max(0, len(text) - _SAMPLE_BYTES) // (_SAMPLES - 1)
    pieces = [text[step * place : step * place + _SAMPLE_BYTES] for place in _PLACES]
    return b" ".join([piece for piece in pieces if b" " in piece or not _is_base64(piece)])


def _is_base64(piece: bytes) -> bool:
    return b" " not in piece and b'"' not in piece and b"\\" not in piece and piece.isascii()


def _without_base64(body: bytes) -> bytes:
    """Cuts pictures and documents out, which are not read as text by any model."""
    kept: list[bytes] = []
    position = 0
    found = body.find(_DATA)
    while found >= 0:
        value = _BASE64_VALUE.match(body, found + len(_DATA))
        if value is not None:
            kept.append(body[position : value.start()])
            position = value.end()
        found = body.find(_DATA, value.end() if value else found + len(_DATA))
    rest = b"".join([*kept, body[position:]]) if kept else body
    return _DATA_URL.sub(b"", rest) if b";base64," in rest else rest


_PIXEL_TOKENS_MAX = 1_600.0  # Anthropic scales a picture down to about this; docs.anthropic.com, vision, 2026-11
_PICTURE_TOKENS_MIN = 85.0
_BASE64_BYTES_PER_PICTURE_TOKEN = 200.0
_BASE64_BYTES_PER_DOCUMENT_TOKEN = 40.0


def _media_tokens(seen: Media) -> float:
    if not (seen.images or seen.document_bytes):
        return 0.0
    each = seen.image_bytes / seen.images / _BASE64_BYTES_PER_PICTURE_TOKEN if seen.images else 0.0
    pictures = seen.images * min(max(each, _PICTURE_TOKENS_MIN), _PIXEL_TOKENS_MAX)
    return pictures + seen.document_bytes / _BASE64_BYTES_PER_DOCUMENT_TOKEN


_CLASSES = (  # one letter a class, and the bytes in it; small letters are what is left
    ("A", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("0", b"0123456789"),
    ('"', b'"{}[]:,'),
    ("\\", b"\\"),
    (" ", b" \t\n\r\x0b\x0c"),
    (".", bytes(byte for byte in range(0x21, 0x7F) if not chr(byte).isalnum() and chr(byte) not in '"{}[]:,\\')),
    ("l", bytes(range(0xC2, 0xCC))),  # leads of Latin letters with marks
    ("g", bytes(range(0xCC, 0xD0))),  # of Greek
    ("c", bytes(range(0xD0, 0xD4))),  # of Cyrillic
    ("s", bytes(range(0xD4, 0xE0))),  # of Hebrew and Arabic
    ("i", bytes(range(0xE0, 0xE3))),  # of Indic and Thai letters, of typographic signs
    ("k", b"\xe3"),  # of Kana
    ("h", bytes(range(0xE4, 0xEA))),  # of Han
    ("o", bytes(range(0xEA, 0xF0))),  # of Hangul
    ("4", bytes(range(0xF0, 0x100))),  # of emoji
    ("_", bytes(range(0x80, 0xC2))),  # what follows a lead
)


def _class_table() -> bytes:
    table = bytearray(b"a" * 256)
    for letter, members in _CLASSES:
        for byte in members:
            table[byte] = ord(letter)
    return bytes(table)


_CLASS_OF_BYTE = _class_table()
_SMALL = bytes(byte for byte in range(256) if _CLASS_OF_BYTE[byte] == ord("a"))
_LETTER_OR_SPACE = bytes(ord("a") if chr(of) in "aA" else ord(" ") for of in _CLASS_OF_BYTE)

FEATURES = ("words", "small", "capitals", "digits", "structure", "escapes", "punctuation")
FEATURES_BEYOND_ASCII = ("latin", "greek", "cyrillic", "semitic", "indic", "kana", "han", "hangul", "emoji")
_WEIGHTS = (
    0.328, 0.141, 0.312, 0.707, 0.285, 0.623, 0.644,
    2.848, 1.058, 0.504, 0.914, 1.127, 0.986, 1.108, 1.175, 2.518,
)  # fmt: skip
_ASCII = (b"A", b"0", b'"', b"\\", b".")
_BEYOND_ASCII = (b"l", b"g", b"c", b"s", b"i", b"k", b"h", b"o", b"4")
_NOT_BEYOND_ASCII = b"".join(_ASCII) + b" _"


def features(sample: bytes) -> tuple[int, ...]:
    """Counts, in the order of FEATURES, and of FEATURES_BEYOND_ASCII where there is anything beyond it."""
    if b"\\u" in sample:  # a client that escapes everything beyond ASCII: count the characters, not the escapes
        sample = _ESCAPED_CHARACTER.sub("中".encode(), sample)
    words = sample.translate(_LETTER_OR_SPACE).count(b" a")
    rest = sample.translate(_CLASS_OF_BYTE, _SMALL)  # small letters are most of everything: what is left counts faster
    counts = (words, len(sample) - len(rest), *[rest.count(letter) for letter in _ASCII])
    if sample.isascii():
        return counts
    rest = rest.translate(None, _NOT_BEYOND_ASCII)
    return (*counts, *[rest.count(letter) for letter in _BEYOND_ASCII])


def weigh(sample: bytes) -> float:
    """Tokens of a piece of JSON text, on the scale of cl100k."""
    return sum(number * weight for number, weight in zip(features(sample), _WEIGHTS, strict=False))


_SAMPLES_BEFORE_TRUST = 3
_LEARNING_RATE = 0.2
_RATIO_MIN, _RATIO_MAX = 0.4, 3.0
_WORTH_LEARNING_TOKENS = 500.0  # below, the wrapping around the text weighs more than the text
_SAME_CONVERSATION = 0.6  # an estimate that shrank below this share is a conversation that was compacted or cleared


class _Factor(msgspec.Struct):
    ratio: float
    samples: int


class _LastTurn(msgspec.Struct):
    estimate: Estimate
    actual_tokens: int


class Calibration:
    """What upstreams' reports have taught us. In memory only, bounded; the least recently used is forgotten."""

    def __init__(self, *, models: int = 512, conversations: int = 4096) -> None:
        self._models: OrderedDict[str, _Factor] = OrderedDict()
        self._turns: OrderedDict[str, _LastTurn] = OrderedDict()
        self._models_max = models
        self._conversations_max = conversations

    def learn(self, model: str, conversation: str, estimate: Estimate, actual_prompt_tokens: int) -> None:
        """`actual_prompt_tokens` is the whole prompt, cached or not. Nonsense (zero, negative) is ignored.

        `conversation` is `conversation_of(signals)`; empty teaches only the model.
        """
        if actual_prompt_tokens <= 0 or estimate.tokens <= 0:
            return
        if conversation:
            self._turns[conversation] = _LastTurn(estimate, actual_prompt_tokens)
            self._turns.move_to_end(conversation)
            if len(self._turns) > self._conversations_max:
                self._turns.popitem(last=False)
        if estimate.tokens < _WORTH_LEARNING_TOKENS:
            return
        ratio = _bounded(actual_prompt_tokens / estimate.tokens)
        known = self._models.get(model)
        if known is None:
            self._models[model] = _Factor(ratio, 1)
        else:
            # The first few count alike, so that one odd report does not stand for long.
            rate = max(_LEARNING_RATE, 1 / (known.samples + 1))
            known.ratio += rate * (ratio - known.ratio)
            known.samples += 1
        self._models.move_to_end(model)
        if len(self._models) > self._models_max:
            self._models.popitem(last=False)

    def last(self, conversation: str) -> Estimate | None:
        """Of this conversation's last turn."""
        turn = self._turns.get(conversation) if conversation else None
        return turn.estimate if turn is not None else None

    def factor(self, model: str) -> float:
        """Reported tokens per estimated token; 1.0 until enough was seen."""
        known = self._models.get(model)
        return known.ratio if known is not None and known.samples >= _SAMPLES_BEFORE_TRUST else 1.0

    def tokens_for(self, model: str, conversation: str, estimate: Estimate) -> tuple[int, int | None]:
        """Calibrated input tokens of this request, and the conversation's last reported total (None if never seen)."""
        plain = estimate.tokens * self.factor(model)
        last = self._turns.get(conversation) if conversation else None
        if last is None:
            return round(plain), None
        if estimate.tokens < last.estimate.tokens * _SAME_CONVERSATION:
            return round(plain), last.actual_tokens
        own = _bounded(last.actual_tokens / last.estimate.tokens)
        growth = _growth(last.estimate, estimate) * own
        return max(0, round(last.actual_tokens + growth)), last.actual_tokens

    def apply(self, signals: Signals, estimate: Estimate) -> Signals:
        """The same facts with what was learnt put to them. Keyed by the model asked for: the target is not chosen yet."""
        tokens, last = self.tokens_for(signals.model, conversation_of(signals), estimate)
        return msgspec.structs.replace(signals, tokens=tokens, last_input_tokens=last)


def conversation_of(signals: Signals) -> str:
    """The key under which a growing conversation is known: a session's subagents are conversations of their own, its
    helpers (titles, fetches, checks) are none."""
    return conversation(signals.session, signals.agent_id, signals.kind)


def conversation(session: str, agent_id: str, kind: TurnKind) -> str:
    if not session or kind not in ("user", "tool_result", "compaction"):
        return ""
    return f"{session} {agent_id}"


def _growth(before: Estimate, now: Estimate) -> float:
    """By the bytes that were added, which are exact: the difference of two sampled densities would be mostly noise."""
    density = now.text_tokens / now.text_bytes if now.text_bytes else 0.0
    return (now.text_bytes - before.text_bytes) * density + now.media_tokens - before.media_tokens


def _bounded(ratio: float) -> float:
    return min(max(ratio, _RATIO_MIN), _RATIO_MAX)

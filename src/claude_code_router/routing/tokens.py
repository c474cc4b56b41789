"""How many tokens a request is: from its bytes, without a vocabulary, calibrated by what upstreams report.

A fixed number of small samples is classed byte by byte (letters, digits, punctuation, multi-byte leads …) and weighed;
the weights were fitted to cl100k (benchmarks/token_estimate.py), the scale that `longContextThreshold` has always been in.
What a given model counts is then learnt per model, and per conversation from its last turn.
"""

from __future__ import annotations

import re
from collections import OrderedDict

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.routing.media import Media

_SAMPLES = 32
_SAMPLE_BYTES = 320
_WHOLE_BYTES = _SAMPLES * _SAMPLE_BYTES

_BASE64_VALUE = re.compile(rb'\s*:\s*"[A-Za-z0-9+/=_-]{96,}"')
_ESCAPED_CHARACTER = re.compile(rb"\\u[0-9a-fA-F]{4}")


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Uncalibrated."""

    text_tokens: float
    media_tokens: float = 0.0

    @property
    def tokens(self) -> float:
        return self.text_tokens + self.media_tokens


def estimate(body: bytes, seen: Media) -> Estimate:
    """Of the whole request: conversation, system prompt and tools. Cost is bounded: long bodies are sampled."""
    text = _without_base64(body, b'"data"') if seen.image_bytes or seen.document_bytes else body
    text = _without_base64(text, b'"signature"')
    sample = text if len(text) <= _WHOLE_BYTES else _sample(text)
    density = weigh(sample) / len(sample) if sample else 0.0
    return Estimate(text_tokens=density * len(text), media_tokens=_media_tokens(seen))


def _sample(text: bytes) -> bytes:
    step = (len(text) - _SAMPLE_BYTES) / (_SAMPLES - 1)
    starts = (round(step * place) for place in range(_SAMPLES))
    return b" ".join([text[start : start + _SAMPLE_BYTES] for start in starts])


def _without_base64(text: bytes, key: bytes) -> bytes:
    """Cuts the values of `key` that are base64: pictures and signatures are not read as text by any model."""
    kept: list[bytes] = []
    position = 0
    found = text.find(key)
    while found >= 0:
        value = _BASE64_VALUE.match(text, found + len(key))
        if value is not None:
            kept.append(text[position : value.start()])
            position = value.end()
        found = text.find(key, value.end() if value else found + len(key))
    return b"".join([*kept, text[position:]]) if kept else text


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


def _classes() -> bytes:
    table = bytearray(256)
    for byte in range(256):
        character = chr(byte)
        if byte >= 0xF0:
            table[byte] = ord("4")
        elif byte >= 0xE0:
            table[byte] = ord("3")
        elif byte >= 0xC0:
            table[byte] = ord("2")
        elif byte >= 0x80:
            table[byte] = ord("_")
        elif character.isalpha():
            table[byte] = ord("A" if character.isupper() else "a")
        elif character.isdigit():
            table[byte] = ord("0")
        elif character == "\\":
            table[byte] = ord("\\")
        elif character in '"{}[]:,':
            table[byte] = ord('"')
        elif character.isspace():
            table[byte] = ord(" ")
        else:
            table[byte] = ord(".")
    return bytes(table)


_CLASS_OF_BYTE = _classes()
_LETTERS_OF_CLASS = bytes(ord("a") if chr(byte) in "aA" else ord(" ") for byte in range(256))

FEATURES = ("words", "letters", "capitals", "digits", "structure", "punctuation", "escapes", "lead2", "lead3", "lead4")
_WEIGHTS = (0.75, 0.07, 0.1, 0.35, 0.3, 0.6, 0.3, 0.6, 1.1, 2.0)


def features(sample: bytes) -> tuple[int, ...]:
    """Counts, in the order of FEATURES."""
    if b"\\u" in sample:  # a client that escapes everything beyond ASCII: count the characters, not the escapes
        sample = _ESCAPED_CHARACTER.sub("中".encode(), sample)
    classes = sample.translate(_CLASS_OF_BYTE)
    letters = classes.translate(_LETTERS_OF_CLASS)
    count = classes.count
    return (
        letters.count(b" a"),
        letters.count(b"a"),
        count(b"A"),
        count(b"0"),
        count(b'"'),
        count(b"."),
        count(b"\\"),
        count(b"2"),
        count(b"3"),
        count(b"4"),
    )


def weigh(sample: bytes) -> float:
    """Tokens of a piece of JSON text, on the scale of cl100k."""
    return sum(number * weight for number, weight in zip(features(sample), _WEIGHTS, strict=True))


_SAMPLES_BEFORE_TRUST = 3
_LEARNING_RATE = 0.2
_RATIO_MIN, _RATIO_MAX = 0.4, 3.0
_WORTH_LEARNING_TOKENS = 500.0  # below, the wrapping around the text weighs more than the text
_SAME_CONVERSATION = 0.6  # an estimate that shrank below this share is a conversation that was compacted or cleared


class _Factor(msgspec.Struct):
    ratio: float
    samples: int


class _LastTurn(msgspec.Struct):
    estimate: float
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
            self._turns[conversation] = _LastTurn(estimate.tokens, actual_prompt_tokens)
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
        if estimate.tokens < last.estimate * _SAME_CONVERSATION:
            return round(plain), last.actual_tokens
        own = _bounded(last.actual_tokens / last.estimate)
        return max(0, round(last.actual_tokens + (estimate.tokens - last.estimate) * own)), last.actual_tokens

    def apply(self, signals: Signals, estimate: Estimate) -> Signals:
        """The same facts with what was learnt put to them. Keyed by the model asked for: the target is not chosen yet."""
        tokens, last = self.tokens_for(signals.model, conversation_of(signals), estimate)
        return msgspec.structs.replace(signals, tokens=tokens, last_input_tokens=last)


def conversation_of(signals: Signals) -> str:
    """The key under which a growing conversation is known: a session's subagents are conversations of their own, its
    helpers (titles, fetches, checks) are none."""
    if not signals.session or signals.kind not in ("user", "tool_result", "compaction"):
        return ""
    return f"{signals.session} {signals.agent_id}"


def _bounded(ratio: float) -> float:
    return min(max(ratio, _RATIO_MIN), _RATIO_MAX)

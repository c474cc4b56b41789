"""What kind of task a person's turn is: a small linear model over words, and a rule for the client's own errands.

A hint for rules, not a truth: docs/categories.md says how often it is right. Pure: the weights are an argument.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.routing.cues import CUES

CATEGORIES = (
    "summarise", "classify", "convert", "review", "proofread", "choose", "debug", "implement", "refactor", "design",
    "reason", "explain", "operate", "talk", "housekeeping",
)  # fmt: skip
HOUSEKEEPING = "housekeeping"
_ERRANDS = frozenset({"title", "compaction", "suggestion", "web_fetch", "classifier", "web_search"})

_READ_CHARACTERS = 400
"""Of each end: a pasted log says no more in its middle, and costs time."""
_BEGINNING_CHARACTERS = 12
_LEAST_MARGIN = 2.0
"""Less sure than this, it says nothing: a wrong label sends a request astray, none does not."""
_REMEMBERED = 1024

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[?!]")
_MARKS = (
    ("#code", re.compile(r"```|[{};]\s*\n|\bdef \w+\(|=>")),
    ("#trace", re.compile(r"Traceback|\b\w*(?:Error|Exception)\b|\bat \S+:\d+|exit code|ERR!")),
    ("#path", re.compile(r"\b[\w/-]+\.(?:py|js|ts|tsx|go|rs|java|c|cpp|rb|sh|html|css)\b")),
    ("#text", re.compile(r"\b[\w/-]+\.(?:md|txt|tex|docx|pdf|po)\b")),
    ("#data", re.compile(r"\b[\w/-]+\.(?:csv|json|ya?ml|toml|xml|sql)\b")),
    ("#quote", re.compile(r"\"[^\"]{12,}\"")),
    ("#sum", re.compile(r"\d\s*[-+*/^=]\s*\d|[a-z]\^\d|\bO\(")),
    ("#or", re.compile(r"\b\w+ or \w+ ?\?")),
)


class CategoryModel(msgspec.Struct, frozen=True):
    """Weights in hundredths."""

    categories: tuple[str, ...]
    weights: Mapping[str, tuple[int, ...]]
    """Feature -> one weight for each category."""


class Label(msgspec.Struct, frozen=True):
    category: str
    """Empty when no category stands out."""
    margin: float
    """How far the best stands above the second, in the model's own unit; larger is surer."""


def read_model(data: bytes) -> CategoryModel:
    return msgspec.json.decode(data, type=CategoryModel)


def features(text: str) -> list[str]:
    """Cues, words, pairs of words, the first words, and some marks; each once."""
    if len(text) > 2 * _READ_CHARACTERS:
        text = f"{text[:_READ_CHARACTERS]}\n{text[-_READ_CHARACTERS:]}"
    lower = text.lower()
    words = _WORD.findall(lower)
    words = ["0" if word.isdigit() else word for word in words]
    pairs = [f"{one} {two}" for one, two in itertools.pairwise(words)]
    start = [f"^{word}" for word in words[:1]] + [f"^{pair}" for pair in pairs[:1]]
    size = len(words)
    length = "#few" if size <= 4 else "#line" if size <= 25 else "#long"
    marks = [name for name, pattern in _MARKS if pattern.search(text)]
    cues = [
        cue for name, pattern in CUES if (found := pattern.search(lower)) for cue in _cues(name, found.start(), length)
    ]
    return list(dict.fromkeys([*words, *pairs, *start, *marks, *cues, length, "#"]))


def _cues(name: str, at: int, length: str) -> tuple[str, ...]:
    """Where people begin with the cue, it is the task; later on it may be part of what the task is about."""
    return (name, f"{name}^") if at < _BEGINNING_CHARACTERS else (name, f"{name}{length}")


def label(text: str, model: CategoryModel) -> Label:
    """Linear in what is read of the text: under a millisecond for any length."""
    rows = [row for row in map(model.weights.get, features(text)) if row is not None]
    if not rows:
        return Label("", 0.0)
    scores = [sum(column) for column in zip(*rows, strict=True)]
    first, second = sorted([*scores, 0], reverse=True)[:2]
    margin = (first - second) / 100
    return Label(model.categories[scores.index(first)] if margin >= _LEAST_MARGIN else "", margin)


class Labels:
    """Labels once for each user turn: its tool results carry the same words, and are answered from memory."""

    def __init__(self, model: CategoryModel) -> None:
        self._model = model
        self._known: dict[str, str] = {}

    def of(self, signals: Signals) -> str:
        if signals.kind in _ERRANDS:
            return HOUSEKEEPING
        if not signals.last_user_text:
            return ""
        found = self._known.get(signals.prompt_hash)
        if found is None:
            found = label(signals.last_user_text, self._model).category
            while len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[signals.prompt_hash] = found
        return found

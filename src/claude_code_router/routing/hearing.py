"""What the owner's rules listen for in a request: looked up once, before they are asked, and kept on the record.

So a decision can be repeated from its record alone, though the record never holds the prompt: it holds which of the
owner's own words were found in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from claude_code_router.core.signals import Signals

HEARD_CHARACTERS = 4_096
"""How much of a prompt is listened to: of longer ones the beginning and the end, for that is where people say what they want,
and between is what they pasted. `config.patterns` has refused expressions that are slow on as much."""
_HEARD_END_CHARACTERS = 1_024
_WORDS = re.compile(r"\w+")
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_START_CHARACTERS = 4
_TOLD_BY_CHARACTERS, _TOLD_BY_WORDS = 1_000, 160
_SECRET_HEADERS = frozenset(
    {"authorization", "x-api-key", "cookie", "proxy-authorization", "api-key", "x-goog-api-key"}
)
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")), ("ko", re.compile("[\uac00-\ud7af]")), ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")), ("el", re.compile("[\u0370-\u03ff]")), ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")), ("hi", re.compile("[\u0900-\u097f]")), ("th", re.compile("[\u0e00-\u0e7f]")),
)  # fmt: skip
_COMMON_WORDS = (
    ("en", "the and is to of in it this that with for not what how please are from can you"),
    ("de", "der die das und ist nicht ein eine zu mit für wie bitte auf ich den dem kann warum"),
    ("fr", "le la les et est une des pas pour avec dans que ce cette peux comment du je sur"),
    ("es", "el los las y es una no para con que por este esta como puedes del en un lo"),
    ("pt", "o os as e é uma não para com que por este esta como você do da em um"),
    ("it", "il gli e è una non per con che questo questa come puoi del della un di sono"),
)
_COMMON = {name: frozenset(words.split()) for name, words in _COMMON_WORDS}


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Listened(msgspec.Struct, frozen=True):
    """A regular expression."""

    text: str
    """As the owner wrote it."""
    pattern: re.Pattern[str]
    literal: str
    """What every match holds, in lower case: to look for it is a hundred times faster than to match. May be empty."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for, collected from all rules of a table (and of its shadow)."""

    words: frozenset[str] = frozenset()
    """In lower case; phrases have single spaces."""
    phrases: frozenset[str] = frozenset()
    """Those of them that are more than one word, or of a script without spaces between words."""
    tellers: tuple[tuple[str, str], ...] = ()
    """Made of `phrases`: each that is more than one word, with its longest word, without which it need not be looked for."""
    patterns: tuple[Listened, ...] = ()
    singles: frozenset[str] = frozenset()
    """Made of the words and the tellers: all that is looked for word by word."""
    starts: tuple[tuple[str, tuple[Listened, ...]], ...] = ()
    """Made of the patterns: by what their literals begin with. Of a dozen ticket numbers one beginning is looked for."""
    headers: frozenset[str] = frozenset()
    language: bool = False

    def __post_init__(self) -> None:
        by_start: dict[str, list[Listened]] = {}
        for one in self.patterns:
            by_start.setdefault(one.literal[:_START_CHARACTERS], []).append(one)
        starts = tuple((start, tuple(patterns)) for start, patterns in by_start.items())
        msgspec.structs.force_setattr(self, "starts", starts)
        spaced = sorted(phrase for phrase in self.phrases if phrase.isascii() and " " in phrase)
        tellers = tuple((phrase, max(phrase.split(" "), key=len)) for phrase in spaced)
        msgspec.structs.force_setattr(self, "tellers", tellers)
        msgspec.structs.force_setattr(self, "singles", self.words.union(teller for _, teller in tellers))


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is true beside the request. None: not known."""

    minute_of_day: int | None = None
    weekday: str = ""
    spend_today_usd: float | None = None


def hear(signals: Signals, header: Mapping[str, str], listening: Listening, circumstances: Circumstances) -> Signals:
    """The signals with what the rules ask for beyond them."""
    said = _listened_to(signals.last_user_text)
    lowered = said.lower()
    words = _words(lowered) if listening.words or listening.language else []
    return msgspec.structs.replace(
        signals,
        heard=_heard(said, lowered, words, listening),
        headers={name: header[name] for name in sorted(listening.headers - _SECRET_HEADERS) if name in header},
        language=_language(lowered, words) if listening.language else "",
        minute_of_day=circumstances.minute_of_day,
        weekday=circumstances.weekday,
        spend_today_usd=circumstances.spend_today_usd,
    )


def _listened_to(said: str) -> str:
    if len(said) <= HEARD_CHARACTERS:
        return said
    return said[: HEARD_CHARACTERS - _HEARD_END_CHARACTERS - 1] + "\n" + said[-_HEARD_END_CHARACTERS:]


def _heard(said: str, lowered: str, words: list[str], listening: Listening) -> tuple[str, ...]:
    found: list[str] = []
    if listening.words and words:
        single = listening.singles.intersection(words)
        found += single & listening.words
        likely = [phrase for phrase, teller in listening.tellers if teller in single]
        if likely:
            spaced = f" {' '.join(words)} "
            found += [phrase for phrase in likely if f" {phrase} " in spaced]
        if not lowered.isascii():  # scripts without spaces between words
            found += [
                word for word in listening.phrases if not word.isascii() and word not in single and word in lowered
            ]
    for start, patterns in listening.starts:
        if start in lowered:
            found += [one.text for one in patterns if one.literal in lowered and one.pattern.search(said)]
    return tuple(sorted(found))


def _words(lowered: str) -> list[str]:
    """What the pattern for words finds, five times faster where the text is ASCII, as most are."""
    return lowered.translate(_APART).split() if lowered.isascii() else _WORDS.findall(lowered)


def normal_word(text: str) -> str:
    """As `Listening.words` has them: lower case, one space between words, nothing else. Empty when no word is in it."""
    return " ".join(_WORDS.findall(text.lower()))


def _language(lowered: str, words: list[str]) -> str:
    """Two letters, by script or by common words; empty when it cannot be told from how the prompt begins."""
    start = lowered[:_TOLD_BY_CHARACTERS]
    for name, script in () if start.isascii() else _SCRIPTS:
        if len(script.findall(start)) * 8 > len(start):
            return name
    first = set(words[:_TOLD_BY_WORDS])
    best = max(_COMMON, key=lambda name: len(first & _COMMON[name]))
    return best if first & _COMMON[best] else ""

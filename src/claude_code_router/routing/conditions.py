"""The conditions of declared rules: frozen values, made once when the config is read. Each says whether it holds, and why."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from claude_code_router.core.signals import Signals

KIND_LABEL = "kind of turn"
Finding = tuple[bool, str]
"""Whether it holds, and half a sentence with the numbers that says so."""

_SHOWN_CHARACTERS = 60
COMPARED_CHARACTERS = 300
"""So much of what a stranger sent is compared, and remembered."""


_AMOUNTS: Mapping[str, tuple[str, str]] = {
    "tokens": ("token", "s"),
    "max_tokens": ("an output of ", " tokens asked for"),
    "turns": ("message", "s"),
    "words": ("word", "s"),
    "tool_depth": ("tool result", "s"),
    "tool_errors": ("failed tool", "s"),
    "thinking_budget": ("a thinking budget of ", ""),
    "body_bytes": ("byte", "s"),
    "spend_today_usd": ("$", " spent today"),
    "difficulty": ("difficulty ", ""),
}
"""By fact: what stands before and behind its number; or the noun that is counted, and an s."""

_KINDS: Mapping[str, str] = {
    "user": "it is a person's turn",
    "tool_result": "it is a step of a tool loop",
    "title": "it names the session",
    "web_fetch": "it digests a fetched page",
    "web_search": "it is an inner web search",
    "suggestion": "it guesses the user's next words",
    "classifier": "it is auto mode's safety check",
    "compaction": "it compacts the session",
}


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """A number between bounds. One that is not known satisfies nothing."""

    fact: str
    label: str
    over: float | None = None
    under: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def look(self, signals: Signals) -> Finding:
        value = getattr(signals, self.fact)
        if value is None:
            return False, f"{self.label} is not known"
        if self.over is not None and not value > self.over:
            return False, f"{_measured(self.fact, value)} (not over {_number(self.over)})"
        if self.under is not None and not value < self.under:
            return False, f"{_measured(self.fact, value)} (not under {_number(self.under)})"
        if self.at_least is not None and not value >= self.at_least:
            return False, f"{_measured(self.fact, value)} (below {_number(self.at_least)})"
        if self.at_most is not None and not value <= self.at_most:
            return False, f"{_measured(self.fact, value)} (above {_number(self.at_most)})"
        return True, f"{_measured(self.fact, value)} ({self._bounds()})"

    def _bounds(self) -> str:
        if self.at_least is not None and self.at_least == self.at_most:
            return f"exactly {_number(self.at_least)}"
        named = (("over", self.over), ("under", self.under), ("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {_number(bound)}" for word, bound in named if bound is not None)


class Flag(msgspec.Struct, frozen=True):
    """A yes or no."""

    fact: str
    label: str
    wanted: bool

    def look(self, signals: Signals) -> Finding:
        value = bool(getattr(signals, self.fact))
        return value is self.wanted, self.label if value else f"no {self.label}"


class Globs(msgspec.Struct, frozen=True):
    """Texts with `*` and `?` that stand for one another: one search, however many they are. In lower case."""

    exact: frozenset[str]
    pattern: re.Pattern[str] | None
    heads: tuple[str, ...]
    """What they begin with, each after a line break."""
    listed: str

    def match(self, value: str) -> bool:
        lowered = value[:COMPARED_CHARACTERS].lower()
        return lowered in self.exact or (self.pattern is not None and self.pattern.match(lowered) is not None)


NO_GLOBS = Globs(frozenset(), None, (), "")


class OneOf(msgspec.Struct, frozen=True):
    """A text that is like one of several patterns with `*` and `?`, in any case of letters."""

    fact: str
    label: str
    globs: tuple[str, ...]

    def look(self, signals: Signals) -> Finding:
        return _one_of(self.label, self.globs, str(getattr(signals, self.fact))[:COMPARED_CHARACTERS])


class Has(msgspec.Struct, frozen=True):
    """A list of which one entry is like one of several patterns."""

    fact: str
    label: str
    globs: tuple[str, ...]
    none: Finding = (False, "")
    """Made of the others: what is said when there is no such entry."""
    made: Globs = NO_GLOBS
    """Made of the globs."""

    def __post_init__(self) -> None:
        made = _globs(self.globs)
        msgspec.structs.force_setattr(self, "made", made)
        msgspec.structs.force_setattr(self, "none", (False, f"no {self.label} {made.listed}"))

    def look(self, signals: Signals) -> Finding:
        values = getattr(signals, self.fact)
        # A client offers a hundred tools: one search for what the patterns begin with is cheaper than a hundred matches.
        together = _together(values)
        for head in self.made.heads:
            if head in together:
                found = next((value for value in values if self.made.match(value)), None)
                return (True, f"{self.label} {_shown(found)}") if found else self.none
        return self.none


class Heard(msgspec.Struct, frozen=True):
    """Some of these words or patterns were found in what the person said (`hearing` has looked)."""

    verb: str
    words: tuple[str, ...]
    absent: Finding = (False, "")
    """Made of the others: what is said when none was found, as of most rules."""

    def __post_init__(self) -> None:
        absent = (False, f"the prompt does not {_plain(self.verb)} {_listed(self.words)}")
        msgspec.structs.force_setattr(self, "absent", absent)

    def look(self, signals: Signals) -> Finding:
        for heard in signals.heard:
            if heard in self.words:
                word = next(word for word in self.words if word in signals.heard)
                return True, f'the prompt {self.verb} "{_shown(word)}"'
        return self.absent


class Header(msgspec.Struct, frozen=True):
    """A header of the request. `globs` empty: that it is there."""

    name: str
    globs: tuple[str, ...]
    made: Globs = NO_GLOBS
    """Made of the globs."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "made", _globs(self.globs))

    def look(self, signals: Signals) -> Finding:
        value = signals.headers.get(self.name)
        if value is None:
            return False, f"there is no header {self.name}"
        if not self.globs or self.made.match(value):
            return True, f'the header {self.name} is "{_shown(value)}"'
        return False, f'the header {self.name} "{_shown(value)}" is not {self.made.listed}'


class Hours(msgspec.Struct, frozen=True):
    """A time of the day, in minutes since midnight; `until` before `since` goes over midnight."""

    since: int
    until: int

    def look(self, signals: Signals) -> Finding:
        minute = signals.minute_of_day
        if minute is None:
            return False, "the time of day is not known"
        inside = self.since <= minute < self.until
        if self.until <= self.since:
            inside = minute >= self.since or minute < self.until
        span = f"{_clock(self.since)}-{_clock(self.until)}"
        return inside, f"it is {_clock(minute)}, {'in' if inside else 'not in'} {span}"


class All(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...]

    def look(self, signals: Signals) -> Finding:
        reasons = []
        for condition in self.conditions:
            holds, reason = condition.look(signals)
            if not holds:
                return False, reason
            reasons.append(reason)
        return True, " and ".join(reasons) or "it always applies"


class AnyOf(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...]

    def look(self, signals: Signals) -> Finding:
        reasons = []
        for condition in self.conditions:
            holds, reason = condition.look(signals)
            if holds:
                return True, reason
            if reason not in reasons:
                reasons.append(reason)
        return False, "; ".join(reasons) or "it lists nothing that could apply"


class Not(msgspec.Struct, frozen=True):
    condition: Condition

    def look(self, signals: Signals) -> Finding:
        holds, reason = self.condition.look(signals)
        return not holds, reason


Condition = Amount | Flag | OneOf | Has | Heard | Header | Hours | All | AnyOf | Not


@lru_cache(maxsize=8192)
def _one_of(label: str, globs: tuple[str, ...], value: str) -> Finding:
    """Remembered: the texts that rules ask for are mostly those of the request before."""
    if not value:
        return False, f"no {label} is known"
    made = _globs(globs)
    if label == KIND_LABEL:
        return made.match(value), _KINDS.get(value, f'it is a "{_shown(value)}"')
    if made.match(value):
        return True, f'{label} is "{_shown(value)}"'
    return False, f'{label} "{_shown(value)}" is not {made.listed}'


@lru_cache(maxsize=4096)
def _globs(globs: tuple[str, ...]) -> Globs:
    wild = [glob for glob in globs if "*" in glob or "?" in glob]
    heads = dict.fromkeys("\n" + glob.split("*")[0].split("?")[0] for glob in globs)
    return Globs(
        exact=frozenset(globs),
        pattern=re.compile("|".join(map(fnmatch.translate, wild))) if wild else None,
        heads=tuple(heads),
        listed=_listed(globs),
    )


@lru_cache(maxsize=64)
def _together(values: tuple[str, ...]) -> str:
    return ("\n" + "\n".join(values)).lower() if values else ""


@lru_cache(maxsize=1024)
def _number(value: float) -> str:
    if type(value) is int:
        return f"{value:,}" if value > 999 or value < -999 else str(value)
    return f"{value:,}" if isinstance(value, int) or not value.is_integer() else f"{int(value):,}"


@lru_cache(maxsize=256)
def _measured(fact: str, value: float) -> str:
    """Remembered: many rules ask for the same number of the same request."""
    before, behind = _AMOUNTS.get(fact, ("", ""))
    return f"{before}{_number(value)}{behind}" if behind != "s" else counted(int(value), before)


def counted(number: int, noun: str) -> str:
    """`1 message`, `1,200 messages`."""
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


@lru_cache(maxsize=4096)
def _listed(words: tuple[str, ...]) -> str:
    shown = [f'"{_shown(word)}"' for word in words[:4]]
    return " or ".join(shown) + (f" or {len(words) - 4} more" if len(words) > 4 else "")


def _plain(verb: str) -> str:
    return "say" if verb == "says" else "match"


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"

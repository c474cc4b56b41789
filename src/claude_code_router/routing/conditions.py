"""The conditions of declared rules: frozen values, made once when the config is read. Each says whether it holds, and why."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

import msgspec

from claude_code_router.core.signals import Signals

Finding = tuple[bool, str]
"""Whether it holds, and half a sentence with the numbers that says so."""

_SHOWN_CHARACTERS = 60


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
            return False, f"{self.label} {_number(value)} is not over {_number(self.over)}"
        if self.under is not None and not value < self.under:
            return False, f"{self.label} {_number(value)} is not under {_number(self.under)}"
        if self.at_least is not None and not value >= self.at_least:
            return False, f"{self.label} {_number(value)} is below {_number(self.at_least)}"
        if self.at_most is not None and not value <= self.at_most:
            return False, f"{self.label} {_number(value)} is above {_number(self.at_most)}"
        return True, f"{self.label} {_number(value)} is {self._bounds()}"

    def _bounds(self) -> str:
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


class OneOf(msgspec.Struct, frozen=True):
    """A text that is like one of several patterns with `*` and `?`, in any case of letters."""

    fact: str
    label: str
    globs: tuple[str, ...]

    def look(self, signals: Signals) -> Finding:
        value = str(getattr(signals, self.fact))
        if not value:
            return False, f"no {self.label} is known"
        if like(value, self.globs):
            return True, f'{self.label} is "{_shown(value)}"'
        return False, f'{self.label} "{_shown(value)}" is not {_listed(self.globs)}'


class Has(msgspec.Struct, frozen=True):
    """A list of which one entry is like one of several patterns."""

    fact: str
    label: str
    globs: tuple[str, ...]

    def look(self, signals: Signals) -> Finding:
        values = getattr(signals, self.fact)
        # A client offers a hundred tools: one search for what the patterns begin with is cheaper than a hundred matches.
        together = "\n" + "\n".join(values).lower() if values else ""
        if any(f"\n{head}" in together for head in _heads(self.globs)):
            for value in values:
                if like(value, self.globs):
                    return True, f"{self.label} {_shown(value)}"
        return False, f"no {self.label} {_listed(self.globs)}"


class Heard(msgspec.Struct, frozen=True):
    """Some of these words or patterns were found in what the person said (`hearing` has looked)."""

    verb: str
    words: tuple[str, ...]

    def look(self, signals: Signals) -> Finding:
        heard = signals.heard
        if heard:
            for word in self.words:
                if word in heard:
                    return True, f'the prompt {self.verb} "{_shown(word)}"'
        return False, f"the prompt does not {_plain(self.verb)} {_listed(self.words)}"


class Header(msgspec.Struct, frozen=True):
    """A header of the request. `globs` empty: that it is there."""

    name: str
    globs: tuple[str, ...]

    def look(self, signals: Signals) -> Finding:
        value = signals.headers.get(self.name)
        if value is None:
            return False, f"there is no header {self.name}"
        if not self.globs or like(value, self.globs):
            return True, f'the header {self.name} is "{_shown(value)}"'
        return False, f'the header {self.name} "{_shown(value)}" is not {_listed(self.globs)}'


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
            reasons.append(reason)
        return False, "; ".join(reasons) or "it lists nothing that could apply"


class Not(msgspec.Struct, frozen=True):
    condition: Condition

    def look(self, signals: Signals) -> Finding:
        holds, reason = self.condition.look(signals)
        return not holds, reason


Condition = Amount | Flag | OneOf | Has | Heard | Header | Hours | All | AnyOf | Not


def like(value: str, globs: tuple[str, ...]) -> bool:
    """Only the first 300 characters of what a stranger sent are compared."""
    lowered = value[:300].lower()
    if lowered in globs:
        return True
    return any(("*" in glob or "?" in glob) and _glob(glob).match(lowered) is not None for glob in globs)


@lru_cache(maxsize=2048)
def _heads(globs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(glob.split("*")[0].split("?")[0] for glob in globs)


@lru_cache(maxsize=2048)
def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) or not value.is_integer() else f"{int(value):,}"


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

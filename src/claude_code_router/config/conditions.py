"""`when` of a declared rule: from the file to `routing.conditions`. Every slip names its place and what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from claude_code_router.config.check import did_you_mean, problem
from claude_code_router.config.patterns import compiled, literal
from claude_code_router.config.places import Place
from claude_code_router.config.redaction import shown
from claude_code_router.core.errors import Problem
from claude_code_router.core.signals import TurnKind
from claude_code_router.routing.conditions import (
    KIND_LABEL,
    All,
    Amount,
    AnyOf,
    Condition,
    Flag,
    Has,
    Header,
    Heard,
    Hours,
    Not,
    OneOf,
)
from claude_code_router.routing.hearing import Listened, Listening, normal_word

AMOUNTS: Mapping[str, tuple[str, str]] = {
    "tokens": ("tokens", "the number of tokens"),
    "max_tokens": ("max_tokens", "the output asked for"),
    "messages": ("turns", "the number of messages"),
    "words": ("words", "the number of words"),
    "tool_depth": ("tool_depth", "the tool loop's depth"),
    "tool_errors": ("tool_errors", "the number of failed tools"),
    "thinking_budget": ("thinking_budget", "the thinking budget"),
    "body_bytes": ("body_bytes", "the size in bytes"),
    "spend_today_usd": ("spend_today_usd", "what was spent today"),
    "difficulty": ("difficulty", "the difficulty"),
}
FLAGS: Mapping[str, tuple[str, str]] = {
    "subagent": ("subagent", "subagent"),
    "plan_mode": ("plan_mode", "plan mode"),
    "ultrathink": ("ultrathink", "ultrathink"),
    "image": ("images", "image in the conversation"),
    "new_image": ("image_in_last_turn", "image in this turn"),
    "pdf": ("pdf", "document in the conversation"),
    "stream": ("stream", "stream"),
}
TEXTS: Mapping[str, tuple[str, str]] = {
    "model": ("model", "model"),
    "kind": ("kind", KIND_LABEL),
    "category": ("category", "category"),
    "agent": ("agent_type", "agent"),
    "agent_id": ("agent_id", "agent id"),
    "thinking": ("thinking", "thinking"),
    "effort": ("effort", "effort"),
    "project": ("project", "project"),
    "namespace": ("namespace", "namespace"),
    "api_key": ("client_key", "API key"),
    "client": ("user_agent", "client"),
    "session": ("session", "session"),
    "language": ("language", "language"),
    "weekday": ("weekday", "weekday"),
    "request_class": ("request_class", "request class"),
}
LISTS: Mapping[str, tuple[str, str]] = {
    "offers_tool": ("tools", "tool offered"),
    "server_tool": ("server_tools", "server tool"),
    "used_tool": ("tools_used", "tool just used"),
}
OTHERS = ("says", "matches", "header", "time", "all", "any", "not")
KEYS = (*AMOUNTS, *FLAGS, *TEXTS, *LISTS, *OTHERS)
_BOUNDS = ("over", "under", "at_least", "at_most")
_CLOSED: Mapping[str, tuple[str, ...]] = {
    "kind": get_args(TurnKind),
    "weekday": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
}
_SPAN = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")


class Reading:
    """Of one rule set: collects problems, and what its conditions listen for."""

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self._words: set[str] = set()
        self._patterns: dict[str, Listened] = {}
        self._headers: set[str] = set()
        self._language = False

    def listening(self) -> Listening:
        return Listening(
            words=frozenset(self._words),
            phrases=frozenset(word for word in self._words if " " in word or not word.isascii()),
            patterns=tuple(self._patterns[text] for text in sorted(self._patterns)),
            headers=frozenset(self._headers),
            language=self._language,
        )

    def wrong(self, place: Place, value: object, expected: str) -> None:
        self.errors.append(problem(place, shown(place, value), expected))

    def when(self, value: object, place: Place) -> Condition:
        """All keys of one object must hold. After a problem: something, so that the rest is read too."""
        if not isinstance(value, dict) or not value:
            self.wrong(place, value, 'an object of conditions, such as {"tokens": {"over": 20000}}')
            return All(())
        found = [self._one(str(key), said, (*place, str(key))) for key, said in value.items()]
        conditions = tuple(condition for condition in found if condition is not None)
        return conditions[0] if len(conditions) == 1 else All(conditions)

    def _one(self, key: str, value: object, place: Place) -> Condition | None:
        if key in AMOUNTS:
            return self._amount(*AMOUNTS[key], value, place)
        if key in FLAGS:
            if isinstance(value, bool):
                return Flag(*FLAGS[key], value)
            self.wrong(place, value, "true or false")
            return None
        if key in TEXTS:
            self._language = self._language or key == "language"
            return self._choice(OneOf, TEXTS[key], value, place, _CLOSED.get(key, ()))
        if key in LISTS:
            return self._choice(Has, LISTS[key], value, place, ())
        readers: dict[str, Callable[[object, Place], Condition | None]] = {
            "says": self._says,
            "matches": self._matches,
            "header": self._header,
            "time": self._time,
            "all": lambda said, where: All(tuple(self._each(said, where))),
            "any": lambda said, where: AnyOf(tuple(self._each(said, where))),
            "not": lambda said, where: Not(self.when(said, where)),
        }
        if key in readers:
            return readers[key](value, place)
        close = did_you_mean(key, KEYS)
        hint = f"`{close}`?" if close else "one of " + ", ".join(KEYS)
        self.errors.append(problem(place, f"the unknown condition `{key}`", hint))
        return None

    def _amount(self, fact: str, label: str, value: object, place: Place) -> Condition | None:
        if _is_number(value):
            return Amount(fact=fact, label=label, at_least=value, at_most=value)  # type: ignore[arg-type]
        if not isinstance(value, dict) or not value:
            self.wrong(place, value, 'bounds, such as {"over": 1000} or {"at_least": 1, "under": 5}; or one number')
            return None
        bounds: dict[str, Any] = {}
        for key, bound in value.items():
            if key not in _BOUNDS:
                close = did_you_mean(str(key), _BOUNDS)
                hint = f"`{close}`?" if close else "one of " + ", ".join(_BOUNDS)
                self.errors.append(problem((*place, str(key)), f"the unknown bound `{key}`", hint))
            elif not _is_number(bound):
                self.wrong((*place, key), bound, "a number")
            else:
                bounds[key] = bound
        return Amount(fact=fact, label=label, **bounds)

    def _choice(
        self,
        kind: type[OneOf] | type[Has],
        fact: tuple[str, str],
        value: object,
        place: Place,
        closed: tuple[str, ...],
    ) -> Condition | None:
        texts = self._texts(value, place)
        for text in texts:
            if closed and text.lower() not in closed and "*" not in text:
                close = did_you_mean(text, closed)
                self.wrong(place, text, f'"{close}"?' if close else "one of " + ", ".join(closed))
        return kind(*fact, tuple(text.lower() for text in texts)) if texts else None

    def _texts(self, value: object, place: Place) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts):
            return list(texts)
        self.wrong(place, value, "a text, or a list of texts of which one is enough")
        return []

    def _says(self, value: object, place: Place) -> Condition | None:
        words = []
        for text in self._texts(value, place):
            word = normal_word(text)
            if word:
                words.append(word)
            else:
                self.wrong(place, text, "words; for signs use `matches`")
        self._words.update(words)
        return Heard("says", tuple(words)) if words else None

    def _matches(self, value: object, place: Place) -> Condition | None:
        texts = self._texts(value, place)
        for text in texts:
            pattern = compiled(text)
            if isinstance(pattern, str):
                hint = "a regular expression with one `*` or `+` at most and without repetitions inside repetitions; "
                self.errors.append(problem(place, pattern, hint + "`.{0,60}` in place of `.*` is cheap"))
            else:
                self._patterns[text] = Listened(text, pattern, literal(text))
        return Heard("matches", tuple(texts)) if texts else None

    def _header(self, value: object, place: Place) -> Condition | None:
        if not isinstance(value, dict) or not value:
            self.wrong(place, value, 'headers by name, such as {"x-team": "web*"}; true: that it is there')
            return None
        found: list[Condition] = []
        for name, said in value.items():
            globs = [] if said is True else self._texts(said, (*place, name))
            self._headers.add(name.lower())
            found.append(Header(name.lower(), tuple(text.lower() for text in globs)))
        return found[0] if len(found) == 1 else All(tuple(found))

    def _time(self, value: object, place: Place) -> Condition | None:
        span = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
        if span is None:
            self.wrong(place, value, 'a time of day, such as "22:00-06:00"')
            return None
        since_h, since_m, until_h, until_m = map(int, span.groups())
        return Hours(since_h * 60 + since_m, until_h * 60 + until_m)

    def _each(self, value: object, place: Place) -> Iterator[Condition]:
        if isinstance(value, dict):
            value = [{key: said} for key, said in value.items()]  # {"any": {…}}: any of its conditions
        if not isinstance(value, list) or not value:
            self.wrong(place, value, "a list of conditions: [{…}, {…}]")
            return
        for index, one in enumerate(value):
            yield self.when(one, (*place, index))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

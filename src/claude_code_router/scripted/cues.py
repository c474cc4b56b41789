"""Orders to a simulated model, written into the last user message: `[[status=529 retry-after=2]]`, `[[cut after=3]]`.

| cue | what the model does |
|---|---|
| `[[status=529 retry-after=2]]` | answers with that status and header |
| `[[cut after=3]]` | resets the connection after three pieces of text; before the headers without `after` |
| `[[end after=3]]` | ends the body there without the dialect's end |
| `[[stall after=3]]` | falls silent there until the client hangs up |
| `[[error=overloaded_error after=3]]` | says so inside the stream |
| `[[pause=2]]` | thinks two seconds longer before it begins |
| `[[html]]` | answers 200 with a web page |
| `[[empty]]` | answers with no content at all |
| `[[call=Bash {"command": "ls"}]]` | calls that tool |
| `[[say=Any words.]]` | says just that |

`model=NAME` in a cue keeps it for that model; `times=2` for the first two requests that carry this very cue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_CUE = re.compile(r"\[\[([a-z]+)(?:=(.*?))?\]\]", re.DOTALL)
_ALONE = re.compile(r"\[\[([a-z]+)((?:\s+[a-z-]+=[^\s\]]+)*)\s*\]\]")
_OPTION = re.compile(r"\s([a-z-]+)=([^\s\]]+)")
_WHOLE_VALUE = frozenset({"say", "call"})
"""Their value goes on to the end of the cue: it may hold spaces and equals signs."""


class Cue(msgspec.Struct, frozen=True):
    verb: str
    value: str = ""
    options: Mapping[str, str] = {}
    text: str = ""
    """As it was written."""

    @property
    def after(self) -> int | None:
        """Number of text pieces before it strikes; None for at once."""
        return int(self.options["after"]) if self.options.get("after", "").isdigit() else None


def read_cues(text: str) -> tuple[Cue, ...]:
    """In the order in which they stand in the text."""
    found = [
        (match.start(), Cue(match[1], options=_options(match[2]), text=match[0])) for match in _ALONE.finditer(text)
    ]
    found += [(match.start(), _with_value(match)) for match in _CUE.finditer(text) if match[2] is not None]
    return tuple(cue for _, cue in sorted(found, key=lambda pair: pair[0]))


def _with_value(match: re.Match[str]) -> Cue:
    verb, value = match[1], match[2]
    if verb in _WHOLE_VALUE:
        return Cue(verb, value.strip(), text=match[0])
    first, _, rest = value.partition(" ")
    return Cue(verb, first, _options(f" {rest}"), match[0])


def _options(text: str) -> dict[str, str]:
    return dict(_OPTION.findall(text))

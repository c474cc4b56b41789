"""Regular expressions of the owner's: only those that cannot make a request wait.

Python's `re` backtracks, and has no time limit. So what may be written is bounded by what matching may cost at worst:
nothing that repeats inside something that repeats, no back-references, no look-around, and so few ways to match at one
place that `routing.hearing.HEARD_CHARACTERS` are searched in some 10 ms by the worst pattern and text.
"""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]  # no public parser; held by tests on each Python that we support
from typing import Any

_WAYS = 4_096
"""Of matching at one place of the text. One `*` or `+` has as many as the text has characters."""
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_REFUSED = {
    _constants.GROUPREF: "a back-reference",
    _constants.GROUPREF_EXISTS: "a condition on a group",
    _constants.ASSERT: "a look-ahead or look-behind",
    _constants.ASSERT_NOT: "a look-ahead or look-behind",
}


def compiled(text: str) -> re.Pattern[str] | str:
    """The pattern, in any case of letters; or half a sentence about what is wrong with it."""
    try:
        pattern = re.compile(text, re.IGNORECASE)
        ways = _ways(_parser.parse(text, re.IGNORECASE), inside=False)
    except (re.error, RecursionError, OverflowError) as error:
        return f"a pattern that cannot be read ({error})"
    except _Refused as refused:
        return f"a pattern with {refused}"
    return pattern if ways <= 2 * _WAYS else "a pattern that could take long: it has more than one `*` or `+`"


def literal(text: str) -> str:
    """The longest run of plain ASCII characters that every match holds, in lower case; empty when there is none."""
    runs, run = [""], ""
    for operation, argument in _parser.parse(text, re.IGNORECASE):
        plain = operation is _constants.LITERAL and argument < 128
        run = run + chr(argument) if plain else ""
        runs.append(run)
    return max(runs, key=len).lower()


class _Refused(Exception):
    pass


def _ways(parsed: Any, *, inside: bool) -> int:
    ways = 1
    for operation, argument in parsed:
        ways *= _ways_of(operation, argument, inside=inside)
    return ways


def _ways_of(operation: Any, argument: Any, *, inside: bool) -> int:
    if operation in _REFUSED:
        raise _Refused(_REFUSED[operation])
    if operation in _REPEATS:
        low, high, body = argument
        if inside and high > 1:
            raise _Refused("a repetition inside a repetition")
        inner = _ways(body, inside=inside or high > 1)
        if high > 1 and inner > 1:
            raise _Refused("a repetition or an alternative inside a repetition")
        return inner + 1 - min(int(low), 1) if high <= 1 else inner * max(1, min(int(high), _WAYS) - int(low))
    if operation is _constants.BRANCH:
        return sum(_ways(branch, inside=inside) for branch in argument[1])
    if operation is _constants.SUBPATTERN:
        return _ways(argument[-1], inside=inside)
    if operation is _constants.ATOMIC_GROUP:
        return _ways(argument, inside=inside)
    return 1

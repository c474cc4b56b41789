"""Places in the owner's file: `Providers[2].transformer["gpt-4.1"].use[0]` and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from claude_code_router.core.errors import Misuse

Place = tuple[str | int, ...]
"""Keys and indexes from the root of the file; empty for the whole file."""


class Renamed(msgspec.Struct, frozen=True):
    """In place of a new value: what stands there stays, under another key."""

    key: str


_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")
_STEP = re.compile(r"""\.?(?P<key>[A-Za-z_$][\w$-]*)|\[(?P<index>\d+)\]|\["(?P<quoted>(?:[^"\\]|\\.)*)"\]""")


def spell(place: Place) -> str:
    """The place as messages show it; keys that are not plain words stand in brackets and quotes."""
    out = ""
    for step in place:
        if isinstance(step, int):
            out += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            out += f".{step}" if out else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{escaped}"]'
    return out


def read_place(text: str) -> Place:
    """The inverse of `spell`; raises Misuse for what `spell` could not have said."""
    place: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or (at == 0 and text[0] == "."):
            raise Misuse(f"not a place in a config file: {text}")
        at = step.end()
        if step["index"] is not None:
            place.append(int(step["index"]))
        elif step["key"] is not None:
            place.append(step["key"])
        else:
            place.append(re.sub(r"\\(.)", r"\1", step["quoted"]))
    return tuple(place)


def value_at(data: object, place: Place) -> object:
    """What stands at a place of plain data; None when nothing does."""
    for step in place:
        if isinstance(step, int):
            if not isinstance(data, list) or step >= len(data):
                return None
            data = data[step]
        else:
            if not isinstance(data, Mapping):
                return None
            data = data.get(step)
    return data

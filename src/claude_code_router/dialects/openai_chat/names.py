"""Tool names and call ids, made to fit. Both are pure functions of what arrived and where it stands: a name or id that
changed from one request to the next would spoil the upstream's prefix cache."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from claude_code_router.core.chat import Tool

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_NINE_ALNUM = re.compile(r"[a-zA-Z0-9]{9}")
_HASH_CHARS = 8


def wire_name(name: str, limit: int) -> str:
    """The name within `[a-zA-Z0-9_-]{1,limit}` (OpenAI's rule, limit 64; MCP names are often longer)."""
    fitting = _NOT_IN_NAMES.sub("_", name)
    if fitting == name and len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARS]
    return f"{fitting[: limit - _HASH_CHARS - 1]}_{digest}"


def original_names(tools: Iterable[Tool], limit: int) -> Mapping[str, str]:
    """Wire name -> the client's name, for every tool offered."""
    return {wire_name(tool.name, limit): tool.name for tool in tools}


class WireIds:
    """Ids of one conversation's tool calls, unique on the wire: servers that number calls per reply (`call_0`) repeat
    themselves from turn to turn."""

    def __init__(self, form: Literal["any", "nine_alnum"]) -> None:
        self._form = form
        self._seen: set[str] = set()
        self._uses: dict[str, int] = {}

    def of(self, call_id: str) -> str:
        """The id for the next call that the client knows as `call_id`."""
        n = self._uses.get(call_id, 0)
        while (wire := self._formed(call_id, n)) in self._seen:
            n += 1
        self._uses[call_id] = n + 1
        self._seen.add(wire)
        return wire

    def _formed(self, call_id: str, n: int) -> str:
        numbered = f"{call_id}_{n}" if n else call_id or "call"
        if self._form == "any" or _NINE_ALNUM.fullmatch(numbered):
            return numbered
        return hashlib.sha256(numbered.encode()).hexdigest()[:9]

"""Tool names as Gemini takes them: a letter or an underscore first, and 64 characters are safe everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from claude_code_router.core.chat import Tool
from claude_code_router.dialects.openai_chat.names import wire_name as _fitting

_LIMIT = 64


def wire_name(name: str) -> str:
    """A pure function of the name: one that changed between requests would spoil the upstream's prefix cache."""
    if not (name[:1].isascii() and (name[:1].isalpha() or name[:1] == "_")):
        name = f"_{name}"
    return _fitting(name, _LIMIT)


def original_names(tools: Iterable[Tool]) -> Mapping[str, str]:
    return {wire_name(tool.name): tool.name for tool in tools}

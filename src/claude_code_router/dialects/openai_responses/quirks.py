"""What differs between the servers that speak the Responses API, beside what `ChatQuirks` says of OpenAI's relatives in
general (limits, sampling, names, schemas, the owner's fields)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.chat import ChatRequest


def no_reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """For servers of which no levels are known: the model's own default."""
    del chat, model
    return {}


class ResponsesQuirks(msgspec.Struct, frozen=True, kw_only=True):
    reasoning: Callable[[ChatRequest, str], Mapping[str, object]] = no_reasoning
    """(request, model) -> members of the body's `reasoning`, such as `effort`; empty: the model is not told anything."""
    summary: Literal["", "auto", "concise", "detailed"] = "auto"
    """Asks for a summary of the reasoning, where `reasoning` says something of it."""
    encrypted_reasoning: bool = False
    """Its reasoning comes encrypted and is given back in later turns. Models that do not reason refuse to be asked."""
    web_search: bool = False
    """Runs searches itself, as its tool `web_search`; otherwise that server tool is left out."""
    cache_key: bool = False
    """Takes `prompt_cache_key`, which keeps a session's requests near one cache."""
    late_system_role: Literal["developer", "system"] = "developer"
    """Who says what the system adds in the middle of a conversation."""

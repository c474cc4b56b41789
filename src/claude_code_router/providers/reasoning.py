"""What the client wishes about reasoning, read once for all vendors' own forms of saying it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.core.chat import ChatRequest

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

# Budgets of a manual thinking request, as levels: the npm tool's own steps (@musistudio/llms 1.0.51).
_LOW_BUDGET_TOKENS = 1024
_MEDIUM_BUDGET_TOKENS = 8192

# Levels as budgets, for servers that want one (LiteLLM 1.109.1's defaults).
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`on` is None when the client left it to the server. `level` is one of LEVELS, or empty when it named none."""

    on: bool | None
    level: str = ""
    budget_tokens: int | None = None


def wish(chat: ChatRequest) -> Wish:
    if chat.thinking == "disabled":
        return Wish(on=False)
    level = chat.effort if chat.effort in LEVELS else ""
    if chat.thinking == "enabled":
        budget = chat.thinking_budget
        return Wish(on=True, level=level or _level_of(budget), budget_tokens=budget)
    return Wish(on=True if chat.thinking else None, level=level)


def _level_of(budget_tokens: int | None) -> str:
    if budget_tokens is None:
        return ""
    if budget_tokens <= _LOW_BUDGET_TOKENS:
        return "low"
    return "medium" if budget_tokens <= _MEDIUM_BUDGET_TOKENS else "high"


def nearest(level: str, allowed: Sequence[str]) -> str:
    """The highest allowed level that is not above `level`, else the lowest allowed one."""
    rank = LEVELS.index(level)
    below = [other for other in allowed if LEVELS.index(other) <= rank and other != "none"]
    if below:
        return below[-1]
    return next(other for other in allowed if other != "none")


def effort(chat: ChatRequest, allowed: Sequence[str], *, field: str = "reasoning_effort") -> dict[str, object]:
    """For servers with levels; `allowed` in rising order. Thinking switched off becomes `none` or the lowest level."""
    wanted = wish(chat)
    if wanted.on is False:
        return {field: allowed[0]}
    if not wanted.level:
        return {}
    return {field: nearest(wanted.level, allowed)}


def switch(chat: ChatRequest) -> dict[str, object]:
    """For servers with `thinking: {type: enabled | disabled}`. Off for a forced tool: no such server takes both."""
    on = wish(chat).on
    if forces_tool(chat):
        on = False
    if on is None:
        return {}
    return {"thinking": {"type": "enabled" if on else "disabled"}}


def enable_thinking(chat: ChatRequest, *, stream_only: bool = False) -> dict[str, object]:
    """For servers with `enable_thinking` and `thinking_budget`. `stream_only`: a whole reply cannot be thought about."""
    wanted = wish(chat)
    on = wanted.on
    if forces_tool(chat) or (stream_only and not chat.stream):
        on = False
    if on is None:
        return {}
    if not on:
        return {"enable_thinking": False}
    budget = wanted.budget_tokens or _BUDGETS.get(wanted.level)
    # A level without a budget is the client's standing default on every request: it asks for no limit.
    if wanted.budget_tokens is None and wanted.level in ("", "high", "xhigh", "max"):
        budget = None
    return {"enable_thinking": True} if budget is None else {"enable_thinking": True, "thinking_budget": budget}


def forces_tool(chat: ChatRequest) -> bool:
    return chat.tool_choice is not None and chat.tool_choice.mode in ("any", "tool")

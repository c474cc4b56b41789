"""What a conversation is about at its end: what the person asked last, and what was done since. Never the whole of it,
and never a system prompt."""

from __future__ import annotations

import msgspec

from claude_code_router.core.chat import ChatRequest, Text, ToolCall, ToolResult, Turn
from claude_code_router.routing.marks import without_boilerplate


class Step(msgspec.Struct, frozen=True):
    """One tool call since the person spoke, and what came back."""

    name: str
    input: str
    result: str = ""
    is_error: bool = False


class LastTurn(msgspec.Struct, frozen=True):
    said: str
    """The person's words, without what clients add; pictures and files are only mentioned."""
    steps: tuple[Step, ...] = ()


def last_turn(chat: ChatRequest) -> LastTurn:
    """Looks no further back than the person's last words."""
    for place in range(len(chat.turns) - 1, -1, -1):
        said = _said(chat.turns[place]) if chat.turns[place].role == "user" else ""
        if said:
            return LastTurn(said, _steps(chat.turns[place + 1 :]))
    return LastTurn("")


def _said(turn: Turn) -> str:
    """Empty for a turn that only carries results."""
    texts = [without_boilerplate(part.text) for part in turn.parts if isinstance(part, Text)]
    mentioned = [f"[{_named(part)}]" for part in turn.parts if not isinstance(part, Text | ToolResult | ToolCall)]
    if not any(texts) and any(isinstance(part, ToolResult) for part in turn.parts):
        return ""
    return "\n".join([*filter(None, texts), *mentioned])


def _named(part: object) -> str:
    return type(part).__name__.lower()


def _steps(turns: tuple[Turn, ...]) -> tuple[Step, ...]:
    steps: dict[str, Step] = {}
    for part in (part for turn in turns for part in turn.parts):
        if isinstance(part, ToolCall):
            steps[part.id] = Step(part.name, part.input)
        elif isinstance(part, ToolResult):
            asked = steps.get(part.call_id, Step("", ""))
            result = "\n".join(one.text if isinstance(one, Text) else f"[{_named(one)}]" for one in part.parts)
            steps[part.call_id] = Step(asked.name, asked.input, result, part.is_error)
    return tuple(steps.values())

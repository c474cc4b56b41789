"""A provider that says what it is told to, on a real socket: the fake that our tests use, and that `ccr demo` ships."""

from claude_code_router.scripted.script import (
    Call,
    Cut,
    End,
    Fault,
    Pause,
    Raw,
    Say,
    Script,
    ScriptUsage,
    Search,
    Stall,
    Start,
    Step,
    Think,
    Wait,
)
from claude_code_router.scripted.upstream import Answer, Seen, Upstream, in_turn

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "End",
    "Fault",
    "Pause",
    "Raw",
    "Say",
    "Script",
    "ScriptUsage",
    "Search",
    "Seen",
    "Stall",
    "Start",
    "Step",
    "Think",
    "Upstream",
    "Wait",
    "in_turn",
]

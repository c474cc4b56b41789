"""What the client wishes about reasoning, in the vendors' forms."""

from __future__ import annotations

import pytest

from claude_code_router.core.chat import ChatRequest, ToolChoice
from claude_code_router.providers.reasoning import effort, enable_thinking, nearest, switch


def chat(thinking: str = "", budget: int | None = None, level: str = "", **more: object) -> ChatRequest:
    return ChatRequest(model="m", thinking=thinking, thinking_budget=budget, effort=level, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (chat(), {}),
        (chat("adaptive"), {}),
        (chat("adaptive", level="xhigh"), {"reasoning_effort": "high"}),
        (chat(level="low"), {"reasoning_effort": "low"}),
        (chat("enabled", 1024), {"reasoning_effort": "low"}),
        (chat("enabled", 8192), {"reasoning_effort": "medium"}),
        (chat("enabled", 31999), {"reasoning_effort": "high"}),
        (chat("disabled", level="high"), {"reasoning_effort": "none"}),
        (chat(level="enormous"), {}),
    ],
)
def test_levels(request_: ChatRequest, sent: dict[str, object]) -> None:
    """A level above what is allowed comes down to the highest; a budget has a level; off is the lowest."""
    assert effort(request_, ("none", "low", "medium", "high")) == sent


def test_nearest_never_goes_up_but_to_the_lowest() -> None:
    """Somebody who asked for less than there is gets the least, never nothing."""
    assert nearest("minimal", ("none", "low", "high")) == "low"
    assert nearest("medium", ("low", "high")) == "low"
    assert nearest("max", ("low", "high")) == "high"


def test_switch_and_forced_tools() -> None:
    """Servers with a switch refuse a forced tool while thinking; the tool wins."""
    forced = ToolChoice(mode="tool", name="t")
    assert switch(chat("adaptive")) == {"thinking": {"type": "enabled"}}
    assert switch(chat()) == {}
    assert switch(chat("adaptive", tool_choice=forced)) == {"thinking": {"type": "disabled"}}
    assert enable_thinking(chat("adaptive", tool_choice=forced)) == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("request_", "stream_only", "sent"),
    [
        (chat("enabled", 3000), False, {"enable_thinking": True, "thinking_budget": 3000}),
        (chat("adaptive", level="high"), False, {"enable_thinking": True}),
        (chat("adaptive", level="low"), False, {"enable_thinking": True, "thinking_budget": 1024}),
        (chat("adaptive"), True, {"enable_thinking": False}),
        (chat("adaptive", stream=True), True, {"enable_thinking": True}),
        (chat(), True, {"enable_thinking": False}),
        (chat(), False, {}),
    ],
)
def test_enable_thinking(request_: ChatRequest, stream_only: bool, sent: dict[str, object]) -> None:
    """A budget is sent where one was asked for, and thinking is off where only streams can think."""
    assert enable_thinking(request_, stream_only=stream_only) == sent

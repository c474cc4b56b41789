"""When a request is asked again without its thinking, and when not."""

from __future__ import annotations

import json

import pytest

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.delivery.healing import without_refused_thinking

WORDS = "messages.1.content.0: Invalid `signature` in `thinking` block"
THOUGHT = {"type": "thinking", "thinking": "x", "signature": "s"}
ANTHROPIC = {"model": "m", "messages": [{"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "a"}]}]}


def inbound(body: object, dialect: ClientDialect = "anthropic", user_agent: str = "sdk") -> Inbound:
    data = json.dumps(body).encode()
    header = {"user-agent": user_agent}
    return Inbound(id="r", path="/", query="", headers=(), header=header, body=data, received_at=0.0, dialect=dialect)


def failure(message: str = WORDS, status: int = 400) -> Failure:
    return Failure(kind=FailureKind.BAD_REQUEST, fault="upstream", message=message, status=status)


@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        "messages.3.content.0.thinking.signature: Field required",
        "The encrypted content gAAA... could not be verified. Reason: Encrypted content could not be decrypted.",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ],
)
def test_the_wordings(words: str) -> None:
    """Each of the known refusals is answered with the same request without thinking."""
    again = without_refused_thinking(inbound(ANTHROPIC), failure(words), verbatim=True)
    assert again is not None
    assert json.loads(again.body)["messages"] == [{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]


def test_other_clients_bodies() -> None:
    """Thinking is found where each dialect keeps it."""
    chat = {"messages": [{"role": "assistant", "content": "a", "thinking_blocks": [THOUGHT]}]}
    responses = {"input": [{"type": "reasoning", "summary": []}, {"role": "user", "content": "a"}]}
    again = without_refused_thinking(inbound(chat, "openai_chat"), failure(), verbatim=False)
    assert again is not None
    assert json.loads(again.body) == {"messages": [{"role": "assistant", "content": "a"}]}
    again = without_refused_thinking(inbound(responses, "openai_responses"), failure(), verbatim=False)
    assert again is not None
    assert json.loads(again.body) == {"input": [{"role": "user", "content": "a"}]}


def test_when_not() -> None:
    """Not for other failures, not without thinking, and not for Claude Code's own conversations with Claude."""
    asked = inbound(ANTHROPIC)
    assert without_refused_thinking(asked, failure("prompt is too long"), verbatim=True) is None
    assert without_refused_thinking(asked, failure(status=500), verbatim=True) is None
    assert without_refused_thinking(inbound({"messages": []}), failure(), verbatim=True) is None
    claude_code = inbound(ANTHROPIC, user_agent="claude-cli/2.1.330 (external, cli)")
    assert without_refused_thinking(claude_code, failure(), verbatim=True) is None
    assert without_refused_thinking(claude_code, failure(), verbatim=False) is not None

"""Facts read off a request. Facts, no choices."""

from __future__ import annotations

from typing import Literal

import msgspec

TurnKind = Literal[
    "user",  # a person (or script) said something new
    "tool_result",  # a step inside a tool loop
    "title",  # the client names the session
    "web_fetch",  # the client digests a fetched page
    "web_search",  # the client's inner request that only runs a server-side search
    "suggestion",  # the client guesses the user's next words
    "classifier",  # auto mode asks whether a tool call is safe
    "compaction",  # the session is rewritten as its own summary
]


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What routing may know of one request. Times in seconds, sizes in tokens (estimated) unless named otherwise."""

    model: str
    """As asked for by the client, verbatim."""
    stream: bool = False
    max_tokens: int | None = None
    tokens: int = 0
    """Estimated input tokens of the whole request, calibrated (routing.tokens)."""
    body_bytes: int = 0
    turns: int = 0
    """Number of messages."""

    kind: TurnKind = "user"
    request_class: str = ""
    """`x-claude-code-request-class`, when the client sends hint headers; else empty."""
    subagent: bool = False
    agent_id: str = ""
    agent_type: str = ""
    subagent_model: str = ""
    """What stood inside `<CCR-SUBAGENT-MODEL>`; empty when there was none."""

    thinking: str = ""
    """`thinking.type` as sent: adaptive, enabled, disabled, between_tools; empty when absent."""
    thinking_budget: int | None = None
    thinking_budget_is_client_default: bool = False
    """Claude Code 2.x sends 31999 on every request to 4.5-family models: nobody asked for that."""
    effort: str = ""
    """The effort in force for this turn (a later message's output_config wins over the request's); empty when absent."""
    ultrathink: bool = False
    plan_mode: bool = False

    images: bool = False
    """An image anywhere in the conversation."""
    image_in_last_turn: bool = False
    """An image in the last user message, at its top level or inside a tool result."""
    server_tools: tuple[str, ...] = ()
    """Types of server-run tools offered, such as `web_search_20250305`."""
    tools: tuple[str, ...] = ()
    """Names of the tools offered."""

    session: str = ""
    namespace: str = ""
    user_agent: str = ""
    last_user_text: str = ""
    """What the person last said, without `<system-reminder>` and other boilerplate; at most 16 kB."""
    prompt_hash: str = ""
    """Hex digest of `last_user_text`; the record's key for equal prompts."""

    custom: str = ""
    """Looked up: what the owner's custom router answered, verbatim; empty when it left the choice to the rules."""
    custom_note: str = ""
    """Why it has no answer, when something went wrong; half a sentence."""
    custom_edited: bool = False
    """It edited the request; the other signals are those of the edited one."""
    custom_ms: float | None = None
    """What asking it took; None when there is no custom router."""

    last_input_tokens: int | None = None
    """Looked up: the session's last reported total input, if the session was seen before."""

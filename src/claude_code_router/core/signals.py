"""Facts read off a request. Facts, no choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.core.escalation import Trouble
from claude_code_router.core.learned_score import LearnedScore
from claude_code_router.core.rating import Rating
from claude_code_router.core.standing import Standing

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
    sampled: bool = False
    """A temperature, top_p or top_k is set."""
    forced_tool: bool = False
    """A tool must be called."""
    fast: bool = False
    """`speed` asks for another than the standard one."""
    prefilled: bool = False
    """The conversation ends with the beginning of the answer, in the assistant's name."""
    system_turns: bool = False
    """A message of role `system` stands in the conversation."""
    turn_settings: bool = False
    """A message carries settings of its own (`output_config`)."""
    ultrathink: bool = False
    plan_mode: bool = False

    images: bool = False
    """An image anywhere in the conversation."""
    image_in_last_turn: bool = False
    """An image in the last user message, at its top level or inside a tool result."""
    server_tools: tuple[str, ...] = ()
    """Types of server-run tools offered, such as `web_search_20250305`."""
    search_aside: bool = False
    """The provider's own web search stands unforced among the tools of a client that may offer it with every request, as
    OpenAI's Codex does. Never of an Anthropic client: it offers the search to who shall search."""
    tools: tuple[str, ...] = ()
    """Names of the tools offered."""

    pdf: bool = False
    """A document with its bytes anywhere in the conversation."""
    tools_used: tuple[str, ...] = ()
    """Names of the tools that the model called last, in this turn."""
    tool_depth: int = 0
    """How many tool results stand behind what the person last said."""
    tool_errors: int = 0
    """How many of the last message's tool results are errors."""
    project: str = ""
    """The working directory that the client names in its system prompt; empty when it names none."""

    session: str = ""
    namespace: str = ""
    client_key: str = ""
    """The name of the key that the client showed, when it has one; never the key."""
    user_agent: str = ""
    last_user_text: str = ""
    """What the person last said, without `<system-reminder>` and other boilerplate; at most 16 kB."""
    prompt_hash: str = ""
    """Hex digest of `last_user_text`; the record's key for equal prompts."""

    words: int = 0
    """How many words the person last said; counted up to 100."""

    heard: tuple[str, ...] = ()
    """Looked up: those words and patterns of the owner's rules that were found in `last_user_text`."""
    headers: Mapping[str, str] = {}
    """Looked up: those headers that the owner's rules ask for; never one that holds a secret."""
    language: str = ""
    """Looked up when a rule asks: two letters; empty when it cannot be told."""
    minute_of_day: int | None = None
    """Looked up when there are rules: local time of arrival."""
    weekday: str = ""
    """Looked up when there are rules: mon, tue, …"""
    spend_today_usd: float | None = None
    """Looked up when a rule asks: what was spent in this calendar day; None when it is not known."""
    category: str = ""
    """Looked up: the kind of task; empty when nobody has labelled it."""
    difficulty: float | None = None
    """Looked up: from 0 to 1, as a judge rated it; None when nobody has."""
    rating: Rating | None = None
    """Looked up: who was asked for the difficulty, what that took, and why there is none; None when nobody was asked."""

    custom: str = ""
    """Looked up: what the owner's custom router answered, verbatim; empty when it left the choice to the rules."""
    custom_note: str = ""
    """Why it has no answer, when something went wrong; half a sentence."""
    custom_edited: bool = False
    """It edited the request; the other signals are those of the edited one."""
    custom_ms: float | None = None
    """What asking it took; None when there is no custom router."""

    trouble: Trouble | None = None
    """Looked up where there is `Escalation`: why the session's turns go up for now; None: they do not."""
    escalation_today_usd: float | None = None
    """Looked up where there is `Escalation`: what it has cost in this calendar day, with what is set aside for held replies."""
    learned: LearnedScore | None = None
    """Looked up when `Learned` is on: how much the turn needs the stronger tier; None when nothing was learnt that says so."""

    standing: Standing | None = None
    """Looked up when `Stickiness` is on: where the session is, and what its cache there is worth."""

    last_input_tokens: int | None = None
    """Looked up: the session's last reported total input, if the session was seen before."""

"""The conversation in our words: decoded only when a translation or a rule needs it.

Carries what it does not understand (`Opaque`), so that an encoder drops a thing on purpose or not at all.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]


class Text(msgspec.Struct, frozen=True, tag_field="part", tag="text"):
    text: str
    cached: bool = False
    """The client marked a cache breakpoint here."""


class Image(msgspec.Struct, frozen=True, tag_field="part", tag="image"):
    """Exactly one of `data` (base64) and `url` is set."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    cached: bool = False


class Document(msgspec.Struct, frozen=True, tag_field="part", tag="document"):
    """A PDF or text document. `text` for plain text, `data` (base64) or `url` otherwise."""

    media_type: str = ""
    title: str = ""
    text: str = ""
    data: str = ""
    url: str = ""


class Thinking(msgspec.Struct, frozen=True, tag_field="part", tag="thinking"):
    """Reasoning of an earlier turn. `signature` says who minted it (dialects.provenance)."""

    text: str = ""
    signature: str = ""
    redacted: str = ""
    """The opaque data of a redacted_thinking block; then `text` is empty."""


class ToolCall(msgspec.Struct, frozen=True, tag_field="part", tag="tool_call"):
    id: str
    name: str
    input: str
    """The arguments as JSON text, as they arrived."""


class ToolReference(msgspec.Struct, frozen=True, tag_field="part", tag="tool_reference"):
    """A tool that tool search has loaded."""

    name: str


class Opaque(msgspec.Struct, frozen=True, tag_field="part", tag="opaque"):
    """A block that we do not know: its type and its JSON text."""

    type: str
    json: str


ResultPart = Text | Image | Document | ToolReference | Opaque


class ToolResult(msgspec.Struct, frozen=True, tag_field="part", tag="tool_result"):
    call_id: str
    parts: tuple[ResultPart, ...]
    is_error: bool = False
    cached: bool = False
    """Claude Code's one breakpoint in the messages stands on the last block, which is mostly a tool result."""


Part = Text | Image | Document | Thinking | ToolCall | ToolResult | ToolReference | Opaque


class Turn(msgspec.Struct, frozen=True):
    role: Role
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    schema: msgspec.Raw = msgspec.Raw(b'{"type":"object","properties":{}}')
    deferred: bool = False
    """Offered by name only until tool search loads it."""
    server_type: str = ""
    """For tools that the provider runs itself, their dated type (`web_search_20250305`); empty for the client's own."""


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    mode: Literal["auto", "any", "tool", "none"] = "auto"
    name: str = ""
    parallel: bool = True


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    thinking: str = ""
    """adaptive, enabled, disabled, between_tools; empty when absent."""
    thinking_budget: int | None = None
    effort: str = ""
    """low, medium, high, xhigh, max; empty when absent. Per-turn effort is already resolved."""
    json_schema: msgspec.Raw | None = None
    """The schema that the whole reply must follow."""
    user_id: str = ""
    unknown: tuple[str, ...] = ()
    """Top-level fields that arrived and have no word here, so that leaving them out is a visible choice."""

    @property
    def offers_search(self) -> bool:
        """The client offers a web search that the provider runs itself."""
        return any(tool.server_type.startswith("web_search") for tool in self.tools)

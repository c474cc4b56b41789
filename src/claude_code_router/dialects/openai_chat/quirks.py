"""What differs between the servers that speak OpenAI chat/completions, as data for one encoder and one decoder.

The default is the careful middle: what nearly every compatible server takes. A provider's own file under `providers/`
says what is different there, with source and date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_responses.quirks import ResponsesQuirks


def no_reasoning_fields(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """For servers that have no knob for reasoning, or none that we know: send nothing."""
    del chat, model
    return {}


class ChatQuirks(msgspec.Struct, frozen=True, kw_only=True):
    # --- request ---
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_output_tokens: int | None = None
    """Clamp; None when unknown. The model card's cap applies as well."""
    default_max_tokens: int | None = None
    """Sent when the client gave none."""
    reasoning_fields: Callable[[ChatRequest, str], Mapping[str, object]] = no_reasoning_fields
    """(request, model) -> top-level body fields that ask for reasoning in the form that this server takes."""
    reasoning_replay: Literal["", "reasoning_content", "reasoning", "reasoning_details"] = ""
    """Field of an assistant message in which earlier reasoning goes back; empty: never sent."""
    reasoning_replay_required: bool = False
    """An assistant message with tool calls must carry the field even when there is nothing to replay (a single space)."""
    stream_usage_option: bool = True
    """Send `stream_options: {include_usage: true}`."""
    sampling: Literal["all", "no_top_k", "none"] = "no_top_k"
    """Which of temperature, top_p, top_k may be sent."""
    system_role: Literal["system", "developer"] = "system"
    one_system_message: bool = False
    """Only the first message may be a system one: later ones become `<system-reminder>` text of a user message."""
    cache_control: bool = False
    """Keeps Anthropic cache breakpoints on content parts."""
    content_parts: Literal["when_needed", "never"] = "when_needed"
    """never: text-only servers that want plain strings everywhere (images become a placeholder)."""
    images: bool = True
    files: bool = False
    """Takes PDFs as `file` parts; otherwise a document that is not text becomes a placeholder."""
    web_search: Mapping[str, object] = {}
    """What asks for the server's own web search, when the client offers that tool: fields of the body, `tools` beside the
    client's. Empty: it has none; the tool is left out, and the model is told so."""
    tool_choice_any: Literal["required", "any", "auto"] = "required"
    named_tool_choice: bool = True
    """False: a forced tool by name is sent as `tool_choice_any`."""
    parallel_tool_calls_field: bool = True
    tool_name_limit: int = 64
    drop_schema_keys: frozenset[str] = frozenset({"$schema"})
    tool_id: Literal["any", "nine_alnum"] = "any"
    user_after_tool: bool = True
    """False: a user message may not follow a tool message; text of the same turn is appended to its last tool result."""
    tool_call_extra: Mapping[str, object] = {}
    """Merged into every tool call of earlier turns that is sent back."""
    empty_assistant_content: Literal["null", "omit", "empty_string"] = "null"
    """What an assistant message that has only tool calls carries as content."""
    stop_limit: int = 4
    json_schema_output: bool = True
    """response_format json_schema is understood; otherwise the schema goes into the system text."""
    user_field: bool = False
    extra_body: Mapping[str, object] = {}
    """Merged into the body last: objects deeply, existing scalars and arrays kept (classic `customparams`)."""
    force_body: Mapping[str, object] = {}
    """Merged into the body last: wins over what is there (classic `openrouter` options, `sampling`)."""
    caps: Mapping[str, float] = {}
    """Upper bounds for numeric body fields that are present (classic `maxtoken`, `sampling`)."""

    num_ctx: int = 65_536
    """Ollama's own API: the context window that the model is loaded with. Its default is 4k to 256k by the machine's memory,
    and 64k is what its makers advise for coding agents (docs.ollama.com/context-length, 2026-08)."""
    responses: ResponsesQuirks = ResponsesQuirks()
    """What else differs over the Responses API."""

    # --- reply ---
    inline_think_tags: bool = False
    """`<think>…</think>` at the start of the content is reasoning."""
    repair_tool_json: bool = True
    """Try to mend arguments that do not parse when a call ends; what cannot be mended is sent as it came."""


class QuirkChange(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of replaced fields, so that a provider's, a transformer's and a model's changes stack in order."""

    source: str
    """Where it is known from, with its date."""
    fields: Mapping[str, object]

    def apply(self, quirks: ChatQuirks) -> ChatQuirks:
        """Mappings and sets grow, so that two changes of `extra_body` both count; everything else is replaced."""
        return msgspec.structs.replace(
            quirks, **{name: grown(getattr(quirks, name), value) for name, value in self.fields.items()}
        )


def grown(before: object, after: object) -> object:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {**before, **after}
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        return before | after
    return after

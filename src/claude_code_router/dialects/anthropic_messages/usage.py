"""Anthropic's usage object, both ways."""

from __future__ import annotations

import msgspec

from claude_code_router.core.usage import Usage


class _CacheCreation(msgspec.Struct):
    ephemeral_1h_input_tokens: int | float | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | float | None = None


class _ServerTools(msgspec.Struct):
    web_search_requests: int | float | None = None


class _Iteration(msgspec.Struct):
    type: str = ""
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    cache_creation_input_tokens: int | float | None = None
    cache_read_input_tokens: int | float | None = None


class WireUsage(msgspec.Struct):
    """As it stands in message_start, message_delta and whole replies; anything may be absent or null."""

    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    cache_creation_input_tokens: int | float | None = None
    cache_read_input_tokens: int | float | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerTools | None = None
    iterations: list[_Iteration] | None = None


def read_usage(wire: WireUsage, before: Usage | None) -> Usage:
    """`wire` laid over what was known before: counts are cumulative, and an absent, null or zero one says nothing new
    (so does Claude Code 2.1.330 read them; some servers repeat zeros in message_delta)."""
    known = before or Usage()
    tools = wire.server_tool_use
    extra = [i for i in wire.iterations or () if i.type == "compaction"]  # not in the totals above them (API reference)
    return Usage(
        input_tokens=_count(wire.input_tokens, known.input_tokens) + sum(_count(i.input_tokens, 0) for i in extra),
        cache_read_tokens=_count(wire.cache_read_input_tokens, known.cache_read_tokens)
        + sum(_count(i.cache_read_input_tokens, 0) for i in extra),
        cache_write_tokens=_count(wire.cache_creation_input_tokens, known.cache_write_tokens)
        + sum(_count(i.cache_creation_input_tokens, 0) for i in extra),
        cache_write_1h_tokens=_count(
            wire.cache_creation.ephemeral_1h_input_tokens if wire.cache_creation else None, known.cache_write_1h_tokens
        ),
        output_tokens=_count(wire.output_tokens, known.output_tokens) + sum(_count(i.output_tokens, 0) for i in extra),
        reasoning_tokens=_count(
            wire.output_tokens_details.thinking_tokens if wire.output_tokens_details else None, known.reasoning_tokens
        ),
        web_searches=_count(tools.web_search_requests if tools else None, known.web_searches),
    )


def _count(value: float | None, otherwise: int) -> int:
    return int(value) if value and value > 0 else otherwise


def encode_usage(usage: Usage) -> dict[str, object]:
    """Null for nothing is not needed: all clients read absent and zero alike."""
    wire: dict[str, object] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.cache_write_1h_tokens:
        wire["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, usage.cache_write_tokens - usage.cache_write_1h_tokens),
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches:
        wire["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return wire

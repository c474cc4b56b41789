"""What a Responses server says when it fails, in Anthropic's words: the same forms as chat/completions has, and a few codes of
its own."""

from __future__ import annotations

from typing import Any

from claude_code_router.dialects.openai_chat.errors import decode_error as decode_chat_error
from claude_code_router.dialects.openai_chat.errors import read_error as read_chat_error

_OF_THE_REQUEST = frozenset({"invalid_prompt", "invalid_request", "image_too_large", "vector_store_timeout"})
_POLICIES = frozenset(
    {"bio_policy", "cyber_policy", "misalignment_policy_violation", "content_filter", "safety_policy"}
)
"""Codes of a response that failed because the model's maker does not want it answered (openai 3.54.0, 2026-11)."""


def decode_error(status: int, body: bytes) -> tuple[str, str]:
    """(Anthropic error type, message) of an error reply. `body` may be anything, HTML included."""
    return decode_chat_error(status, body)


def read_error(error: object) -> tuple[str, str]:
    """The same for the `error` of a response or of an event inside a 200."""
    found: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    code = str(found.get("code") or "")
    kind, message = read_chat_error({"error": found})
    if code in _OF_THE_REQUEST or code.startswith("image_"):
        kind = "invalid_request_error"
    return kind, message


def refusal(error: object) -> str:
    """What is said about a request that the maker's policy refuses; empty when the failure is another one."""
    if not isinstance(error, dict) or str(error.get("code")) not in _POLICIES:
        return ""
    return str(error.get("message") or "The provider refused to answer.")

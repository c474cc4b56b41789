"""An upstream that refuses a request for its earlier thinking alone is asked once more without it."""

from __future__ import annotations

import re

import msgspec

from claude_code_router.core.failure import Failure
from claude_code_router.core.inbound import Inbound
from claude_code_router.delivery.client_side import CLIENT_SIDES

_REFUSED = re.compile(
    r"invalid `?signature|thinking\.signature|signature in thinking|thinking block.{0,80}signature"
    r"|expected `?thinking`?|encrypted.content.{0,80}could not be|invalid_encrypted_content",
    re.IGNORECASE | re.DOTALL,
)
"""Anthropic's wordings (claude-api skill 2026-07, opencode#25005) and OpenAI's for reasoning that is not its own."""

_HEALS_ITSELF = "claude-cli/"
"""Claude Code knows Anthropic's wordings and asks again by itself; told otherwise, it would not learn what happened."""


def without_refused_thinking(inbound: Inbound, failure: Failure, *, verbatim: bool) -> Inbound | None:
    """The request without any thinking, when that is what was refused; None when it was something else, when there is no
    thinking in it, or when the client sees to it."""
    if failure.status != 400 or _REFUSED.search(failure.message) is None:
        return None
    if verbatim and inbound.header.get("user-agent", "").startswith(_HEALS_ITSELF):
        return None
    body = CLIENT_SIDES[inbound.dialect].without_thinking(inbound.body)
    return None if body is inbound.body else msgspec.structs.replace(inbound, body=body)

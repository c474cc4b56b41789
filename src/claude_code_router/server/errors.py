"""Our own errors in the client's envelope."""

from __future__ import annotations

from claude_code_router.core.errors import RouterError
from claude_code_router.dialects.anthropic_messages.errors import encode_error
from claude_code_router.server.http import Call


async def answer_error(call: Call, error: RouterError) -> None:
    """Whatever we refuse, repeating it unchanged cannot help: today's client is told so."""
    headers = [(b"x-should-retry", b"false"), (b"x-ccr-request-id", call.id.encode())]
    await call.answer(error.status, encode_error(error.error_type, str(error), call.id), headers)

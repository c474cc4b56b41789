"""Our own errors in the client's envelope."""

from __future__ import annotations

from math import ceil

from claude_code_router.core.errors import LimitReached, RouterError
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.server.http import Call


async def answer_error(call: Call, error: RouterError) -> None:
    """Whatever we refuse, repeating it unchanged cannot help: today's client is told so. But for a limit: then it is told
    when."""
    headers = [(b"x-should-retry", b"false"), (b"x-ccr-request-id", call.id.encode())]
    if isinstance(error, LimitReached):
        headers[0] = (b"retry-after", str(ceil(error.retry_after_s)).encode())
    body = CLIENT_SIDES[call.dialect].encode_error(error.error_type, str(error), call.id)
    await call.answer(error.status, body, headers)

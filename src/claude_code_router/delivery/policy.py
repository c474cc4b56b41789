"""The failure table: what each kind of failure means for the rest of the walk, and what the client is told.

One line a kind, so that it can be read, printed and tested. Backoff, cooldowns and budgets will be further columns.
"""

from __future__ import annotations

import msgspec

from claude_code_router.core.failure import Failure, FailureKind

K = FailureKind


class Line(msgspec.Struct, frozen=True, kw_only=True):
    again_here: int = 0
    """How often the same target is tried once more, at once."""
    next_target: bool = False
    """The next target of the Route may succeed where this one did not."""
    client_status: int = 502
    """Told to the client when the upstream gave no status of its own."""
    client_type: str = "api_error"
    client_retries: bool = True
    """False adds `x-should-retry: false`: today's Claude Code would otherwise repeat the request for three minutes."""


FAILURES: dict[FailureKind, Line] = {
    K.CONNECT: Line(next_target=True, client_status=503, client_retries=False),
    # A pooled connection that the upstream closed while we wrote: nothing was answered, a fresh one usually works.
    K.RESET: Line(again_here=1, next_target=True, client_status=503, client_retries=False),
    K.CONNECT_TIMEOUT: Line(next_target=True, client_status=503, client_retries=False),
    K.FIRST_BYTE_TIMEOUT: Line(next_target=True, client_status=504, client_type="timeout_error", client_retries=False),
    K.IDLE_TIMEOUT: Line(next_target=True, client_status=504, client_type="timeout_error"),
    K.TOTAL_TIMEOUT: Line(next_target=True, client_status=504, client_type="timeout_error", client_retries=False),
    K.BAD_REQUEST: Line(client_status=400, client_type="invalid_request_error"),
    K.CONTEXT_OVERFLOW: Line(client_status=400, client_type="invalid_request_error"),
    # The key is the router's, not the client's: repeating the request cannot mend it.
    K.AUTH: Line(next_target=True, client_status=401, client_type="authentication_error", client_retries=False),
    K.BILLING: Line(next_target=True, client_status=402, client_type="billing_error", client_retries=False),
    K.NOT_FOUND: Line(next_target=True, client_status=404, client_type="not_found_error"),
    K.TOO_LARGE: Line(client_status=413, client_type="request_too_large"),
    K.RATE_LIMIT: Line(next_target=True, client_status=429, client_type="rate_limit_error"),
    K.OVERLOADED: Line(next_target=True, client_status=529, client_type="overloaded_error"),
    K.SERVER: Line(next_target=True, client_status=502),
    K.MALFORMED: Line(next_target=True, client_status=502, client_retries=False),
    K.EMPTY: Line(next_target=True, client_status=502),
    K.CUT: Line(next_target=True, client_status=529, client_type="overloaded_error"),
    K.ERROR_EVENT: Line(next_target=True, client_status=529, client_type="overloaded_error"),
    K.UNSUPPORTED: Line(next_target=True, client_status=400, client_type="policy_blocked"),
}

_BY_STATUS: dict[int, FailureKind] = {
    401: K.AUTH, 402: K.BILLING, 403: K.AUTH, 404: K.NOT_FOUND, 408: K.SERVER, 409: K.SERVER,
    413: K.TOO_LARGE, 429: K.RATE_LIMIT, 529: K.OVERLOADED,
}  # fmt: skip

# Wordings by which upstreams say that the prompt does not fit. Anthropic's is what Claude Code compacts on.
_OVERFLOW_WORDS = ("prompt is too long", "maximum context length", "context_length_exceeded", "exceed context limit")


def kind_of_status(status: int, message: str) -> FailureKind:
    """Status first, for the status is what the upstream said; its words only tell 400s apart."""
    if status == 400 or status == 422:
        lowered = message.lower()
        return K.CONTEXT_OVERFLOW if any(words in lowered for words in _OVERFLOW_WORDS) else K.BAD_REQUEST
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return K.SERVER if status >= 500 else K.BAD_REQUEST


def kind_of_error_type(error_type: str) -> FailureKind:
    """For an error inside a 200: its type is all there is."""
    return {"overloaded_error": K.OVERLOADED, "rate_limit_error": K.RATE_LIMIT}.get(error_type, K.ERROR_EVENT)


def client_status(failure: Failure) -> int:
    """The HTTP status that the client sees: the upstream's own where it gave an error status."""
    if failure.status is not None and failure.status >= 400:
        return failure.status
    return FAILURES[failure.kind].client_status

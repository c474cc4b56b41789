"""The failure table: what each kind of failure means for the rest of the walk, for the target, and for the client.

One line a kind, so that it can be read, printed (docs/reliability.md is generated from it) and tested.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from claude_code_router.core.failure import Failure, FailureKind

K = FailureKind


class Line(msgspec.Struct, frozen=True, kw_only=True):
    when: str
    """What happened, for people."""
    again_here: int = 0
    """How often the same target is asked once more, at most; the request's budget may allow fewer."""
    again_first: bool = False
    """Asked once more even though the Route has a further target; else only when it is the last."""
    at_once: bool = False
    """The repetition needs no pause."""
    next_target: Literal["no", "yes", "larger"] = "no"
    """The next target of the Route may succeed where this one did not; `larger`: one with a larger context window may."""
    cools: Literal["", "key", "target", "provider"] = ""
    """What is better left alone for a while."""
    cool_s: float = 0.0
    """For how long, when the upstream has not said (`retry-after`)."""
    client_status: int = 502
    """Told to the client when the upstream gave no status of its own."""
    client_type: str = "api_error"
    client_retries: bool = True
    """False adds `x-should-retry: false`: today's Claude Code would otherwise repeat the request for three minutes."""
    answer: bool = False
    """It is a reply, however poor: with no further target to go to, the client gets it as it came."""


_TIMEOUT = "timeout_error"

FAILURES: dict[FailureKind, Line] = {
    # Nothing was sent. A server that is being restarted is back in a second; a firewall's silence is not worth another wait.
    K.CONNECT: Line(
        when="connection refused, host unreachable", again_here=2, next_target="yes", cools="provider", cool_s=10,
        client_status=503, client_retries=False,
    ),
    K.DNS: Line(
        when="the name cannot be resolved", again_here=2, next_target="yes", cools="provider", cool_s=30,
        client_status=503, client_retries=False,
    ),
    K.TLS: Line(
        when="no secure connection (certificate, protocol)", next_target="yes", cools="provider", cool_s=300,
        client_status=503, client_retries=False,
    ),
    K.CONNECT_TIMEOUT: Line(
        when="no connection in time", next_target="yes", cools="provider", cool_s=30,
        client_status=503, client_retries=False,
    ),
    # Mostly a pooled connection that the upstream closed while we wrote: nothing was answered, a fresh one works.
    K.RESET: Line(
        when="connection broken before the reply's headers", again_here=2, again_first=True, at_once=True,
        next_target="yes", cools="target", cool_s=5, client_status=503, client_retries=False,
    ),
    # The wait was long already; the same wait again would outlast the client's.
    K.FIRST_BYTE_TIMEOUT: Line(
        when="no reply in time (`first_byte_s`)", next_target="yes", cools="target", cool_s=30,
        client_status=504, client_type=_TIMEOUT, client_retries=False,
    ),
    K.IDLE_TIMEOUT: Line(
        when="the reply fell silent (`idle_s`)", next_target="yes", cools="target", cool_s=15,
        client_status=504, client_type=_TIMEOUT,
    ),
    K.TOTAL_TIMEOUT: Line(
        when="the reply took too long in all (`total_s`)", next_target="yes",
        client_status=504, client_type=_TIMEOUT, client_retries=False,
    ),
    # The client's own mistake is the same mistake everywhere, and Claude Code heals itself by the upstream's wording.
    K.BAD_REQUEST: Line(
        when="400, 422 and other 4xx: the request itself is wrong",
        client_status=400, client_type="invalid_request_error",
    ),
    K.CONTEXT_OVERFLOW: Line(
        when="400: the prompt does not fit the model's window", next_target="larger",
        client_status=400, client_type="invalid_request_error",
    ),
    K.TOO_LARGE: Line(
        when="413: the body is too large", client_status=413, client_type="request_too_large",
    ),
    # The key is the router's, not the client's: repeating the request cannot mend it.
    K.AUTH: Line(
        when="401, 403: the key is refused", next_target="yes", cools="key", cool_s=300,
        client_status=401, client_type="authentication_error", client_retries=False,
    ),
    K.BILLING: Line(
        when="402, or a 429 that speaks of quota or credit: nothing left to spend", next_target="yes", cools="key", cool_s=600,
        client_status=402, client_type="billing_error", client_retries=False,
    ),
    K.NOT_FOUND: Line(
        when="404: no such model (or a wrong URL)", next_target="yes", cools="target", cool_s=300,
        client_status=404, client_type="not_found_error",
    ),
    K.RATE_LIMIT: Line(
        when="429: too many requests or tokens", again_here=2, next_target="yes", cools="key", cool_s=15,
        client_status=429, client_type="rate_limit_error",
    ),
    K.OVERLOADED: Line(
        when="529, or `overloaded_error` in a 200", again_here=2, again_first=True, next_target="yes",
        cools="target", cool_s=10, client_status=529, client_type="overloaded_error",
    ),
    K.SERVER: Line(
        when="408, 409, 5xx", again_here=2, again_first=True, next_target="yes", cools="target", cool_s=10,
    ),
    # A page of a portal or proxy: it says the same again.
    K.MALFORMED: Line(
        when="HTML, garbage, no reply of the dialect", next_target="yes", cools="target", cool_s=60, client_retries=False,
    ),
    K.EMPTY: Line(
        when="200 without a body, or a reply without content", again_here=1, again_first=True, next_target="yes",
        cools="target", cool_s=5, answer=True,
    ),
    K.CUT: Line(
        when="the reply broke off before its end", again_here=2, again_first=True, next_target="yes",
        cools="target", cool_s=5, client_status=529, client_type="overloaded_error",
    ),
    K.ERROR_EVENT: Line(
        when="another error inside a 200", again_here=2, again_first=True, next_target="yes", cools="target", cool_s=5,
        client_status=529, client_type="overloaded_error",
    ),
    # Anthropic's own advice for its classifiers: another model may answer. A refusal with words in it has left already.
    K.REFUSAL: Line(
        when="`stop_reason: refusal` without content", next_target="yes", answer=True,
    ),
    # Nobody failed: it is a whole reply, and better than none. Its next target is that of its own plan (docs/escalation.md).
    K.FELL_SHORT: Line(
        when="a reply that was held for a check, and fell short (`Escalation`)", next_target="yes", answer=True,
    ),
    K.UNSUPPORTED: Line(
        when="this target cannot be spoken to, or cannot carry this request", next_target="yes",
        client_status=400, client_type="policy_blocked",
    ),
    # The last two are ours: the target was not asked at all.
    K.CAPPED: Line(
        when="an upward fallback beyond its cap (`upwardFallback`)", next_target="yes",
        client_status=503, client_retries=False,
    ),
    K.RESTING: Line(
        when="the target is left alone after failures, or its limit is reached", next_target="yes",
        client_status=503, client_type="overloaded_error",
    ),
}  # fmt: skip

NOT_ASKED = frozenset({K.CAPPED, K.RESTING, K.UNSUPPORTED})
"""Nothing was sent upstream: no attempt of the budget is spent."""

_BY_STATUS: dict[int, FailureKind] = {
    401: K.AUTH, 402: K.BILLING, 403: K.AUTH, 404: K.NOT_FOUND, 408: K.SERVER, 409: K.SERVER,
    413: K.TOO_LARGE, 429: K.RATE_LIMIT, 508: K.NOT_FOUND, 529: K.OVERLOADED,
}  # fmt: skip

# Wordings by which upstreams say that the prompt does not fit. Anthropic's is what Claude Code compacts on.
_OVERFLOW_WORDS = ("prompt is too long", "maximum context length", "context_length_exceeded", "exceed context limit")
# OpenAI's 429 for an account without money (`insufficient_quota`), and Anthropic's for a spent limit: waiting does not help.
_SPENT_WORDS = ("insufficient_quota", "exceeded your current quota", "credit balance", "spend limit", "spending limit")


def kind_of_status(status: int, message: str) -> FailureKind:
    """Status first, for the status is what the upstream said; its words tell 400s and 429s apart."""
    if status in (400, 422, 429):
        lowered = message.lower()
        if status == 429:
            return K.BILLING if any(words in lowered for words in _SPENT_WORDS) else K.RATE_LIMIT
        return K.CONTEXT_OVERFLOW if any(words in lowered for words in _OVERFLOW_WORDS) else K.BAD_REQUEST
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return K.SERVER if status >= 500 else K.BAD_REQUEST


_BY_ERROR_TYPE: dict[str, int] = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "overloaded_error": 529,
}  # fmt: skip


def kind_of_error_type(error_type: str, message: str = "") -> FailureKind:
    """For an error inside a 200: as if the status that goes with its type had come."""
    status = _BY_ERROR_TYPE.get(error_type)
    return K.ERROR_EVENT if status is None else kind_of_status(status, message)


def client_status(failure: Failure) -> int:
    """The HTTP status that the client sees: the upstream's own where it gave an error status."""
    if failure.status is not None and failure.status >= 400:
        return failure.status
    return FAILURES[failure.kind].client_status

"""What went wrong upstream, as a value that delivery chooses on."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from claude_code_router.core.errors import Fault


class FailureKind(StrEnum):
    """Every way an attempt can fail. Each has one line in delivery's failure table."""

    CONNECT = "connect"  # refused, unreachable: nothing was sent
    DNS = "dns"  # the name cannot be resolved
    TLS = "tls"
    RESET = "reset"  # the connection broke before the reply's headers
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    IDLE_TIMEOUT = "idle_timeout"  # the stream fell silent
    TOTAL_TIMEOUT = "total_timeout"
    BAD_REQUEST = "bad_request"  # the user's own 400/422 and the like: never replayed elsewhere
    CONTEXT_OVERFLOW = "context_overflow"
    AUTH = "auth"  # 401, 403
    BILLING = "billing"  # 402
    NOT_FOUND = "not_found"  # 404: model unknown or retired
    TOO_LARGE = "too_large"  # 413
    RATE_LIMIT = "rate_limit"  # 429
    OVERLOADED = "overloaded"  # 529
    SERVER = "server"  # 408, 409, other 5xx
    MALFORMED = "malformed"  # HTML, garbage, a body that is not its dialect
    EMPTY = "empty"  # a reply without content
    CUT = "cut"  # the stream ended before its dialect's end
    ERROR_EVENT = "error_event"  # an error inside a 200
    REFUSAL = "refusal"  # stop_reason refusal, without content
    UNSUPPORTED = "unsupported"  # this target cannot be spoken to, or cannot carry this request
    CAPPED = "capped"  # not asked: an upward fallback beyond its cap
    FELL_SHORT = "fell_short"  # a whole reply that was held, checked and found wanting: a stronger tier answers
    RESTING = "resting"  # not asked: left alone after failures, or its limit is reached


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's failure."""

    kind: FailureKind
    fault: Fault
    message: str
    """One plain sentence; no secret, no local path."""
    status: int | None = None
    """The upstream's HTTP status, when it gave one."""
    error_type: str = ""
    """The upstream's own error type, such as `overloaded_error`; empty when it gave none."""
    retry_after_s: float | None = None

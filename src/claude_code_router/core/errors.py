"""Every error that ends a walk. What delivery *chooses* on is a `Failure` value (see `core.failure`), not an exception.

RouterError            carries: whose fault, the status and error type for the client, what would be right
├─ BadRequest          the client's words are wrong            400
├─ Refused             the owner's rules or limits say no      400 policy_blocked: one request from Claude Code, not six
│  ├─ LimitReached     too much in a minute, or at once        429 with retry-after
│  └─ LoopDetected     an address leads back to this router    508
├─ BadReply            the upstream's words are wrong          502
├─ ConfigError         the owner's file is wrong               all problems at once, each with path, line, found, expected
├─ TransportFailed     the wire failed                         raised by the transport only
└─ Misuse              we are wrong                            500, never caught, never retried
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec

Fault = Literal["client", "owner", "upstream", "network", "router"]


class RouterError(Exception):
    """The base; raise one of its children.

    `message` says what was wrong and where; `hint` says what would be right. `status` and `error_type` are what an
    Anthropic client is answered with when the error reaches the door.
    """

    fault: ClassVar[Fault] = "router"
    status: int = 500
    error_type: str = "api_error"

    def __init__(
        self, message: str, *, hint: str = "", status: int | None = None, error_type: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if status is not None:
            self.status = status
        if error_type is not None:
            self.error_type = error_type

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class BadRequest(RouterError):
    """What the client sent cannot be understood or carried."""

    fault = "client"
    status = 400
    error_type = "invalid_request_error"


class Refused(RouterError):
    """The request is understood, and the owner's configuration has no place for it (no such provider, model, route).

    400 with type `policy_blocked` is the one shape that costs a user of Claude Code a single request and shows the
    sentence as it is (measured with 2.1.330).
    """

    fault = "owner"
    status = 400
    error_type = "policy_blocked"


class LimitReached(Refused):
    """The owner's limit on requests, tokens or concurrency is reached, and the request's turn did not come in time."""

    status = 429
    error_type = "rate_limit_error"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class LoopDetected(Refused):
    """The request has been here before: some provider's address leads back to this router."""

    status = 508


class BadReply(RouterError):
    """The upstream answered with something that its dialect does not allow."""

    fault = "upstream"
    status = 502
    error_type = "api_error"


class TransportFailed(RouterError):
    """The wire failed. `kind` is one of `core.failure.FailureKind`'s transport kinds, as its value."""

    fault = "network"
    status = 503
    error_type = "api_error"

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Misuse(RouterError):
    """A caller inside this house broke a promise."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong (or odd) in the owner's file."""

    path: str
    """Where, as a path into the file: `Providers[2].api_key`."""
    line: int
    """1-based line in the file; 0 when there is none."""
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: found {self.found}; expected {self.expected}"


class ConfigError(RouterError):
    """The owner's file is wrong: all problems at once."""

    fault = "owner"
    status = 500

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join([f"{file}: {len(self.problems)} problem(s)", *(f"  {p}" for p in self.problems)]))

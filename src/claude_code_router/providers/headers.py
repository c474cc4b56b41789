"""Which headers travel: the client's upstream, and the upstream's back. Open lists: what is unknown is passed on.

A gateway that allow-lists breaks with the client's next release: a beta header and its body field are a pair, and dropping
one half is a 400 (Claude Code's gateway contract).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from claude_code_router.core.inbound import ClientDialect
from claude_code_router.providers.provider import Provider

_HOP_BY_HOP = (
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
)  # fmt: skip
_NEVER_UPSTREAM = frozenset(
    (*_HOP_BY_HOP, b"host", b"content-length", b"accept-encoding", b"expect", b"authorization", b"x-api-key",
     b"x-goog-api-key", b"cookie",
     # A client's account: it goes with the client's key, which is for us.
     b"openai-organization", b"openai-project", b"chatgpt-account-id", b"x-goog-user-project")
)  # fmt: skip
_NEVER_BACK = frozenset(
    # alt-svc speaks of the upstream's host and port, not of ours.
    (*(name.decode() for name in _HOP_BY_HOP), "content-length", "content-encoding", "set-cookie", "alt-svc")
)
_OURS = b"x-ccr-"
_AUTH_NAMES = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})

_OAUTH_PREFIX = "sk-ant-oat"
_OAUTH_BETA = "oauth-2025-04-20"  # without it the API answers 401 to an OAuth token

_TO_OTHERS = frozenset((b"user-agent", b"traceparent", b"tracestate"))
_VERSION = "2023-06-01"  # the one that every server of the dialect knows; 2026-10-21 has no sampling parameters


def upstream_headers(
    provider: Provider, client_headers: Sequence[tuple[bytes, bytes]], client: ClientDialect = "anthropic"
) -> list[tuple[str, str]]:
    """`client_headers` with lower-case names, as ASGI gives them. A client's own headers mean something to a provider of
    the same dialect only. The result has exactly one header of authorisation, or none
    for a provider without a key; the client's own credentials are for us and never travel."""
    if provider.dialect == client:
        dropped = _listed_in_connection(client_headers)
        headers = [
            (travels, value.decode("latin-1"))
            for name, value in client_headers
            if (travels := _upstream_name(name)) is not None
            and name not in dropped
            and (provider.relay.betas or name != b"anthropic-beta")
        ]
        typed = any(name == b"content-type" for name, _ in client_headers)
    else:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in client_headers if name in _TO_OTHERS
        ]
        typed = False
    if not typed:
        headers.append(("content-type", "application/json"))
    if provider.dialect == "anthropic" and provider.dialect != client:
        headers.append(("anthropic-version", _VERSION))
    if provider.headers:
        headers = [header for header in headers if header[0] not in provider.headers]
        headers.extend(provider.headers.items())
    _authorise(provider, headers)
    return headers


@lru_cache(maxsize=512)
def _upstream_name(name: bytes) -> str | None:
    return None if name in _NEVER_UPSTREAM or name.startswith(_OURS) else name.decode("latin-1")


@lru_cache(maxsize=512)
def _reply_name(name: str) -> bytes | None:
    lower = name.lower()
    return None if lower in _NEVER_BACK else lower.encode("latin-1", "replace")


def _listed_in_connection(client_headers: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    for name, value in client_headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return frozenset(token.strip() for token in value.lower().split(b","))
    return frozenset()


def _authorise(provider: Provider, headers: list[tuple[str, str]]) -> None:
    if provider.headers and not _AUTH_NAMES.isdisjoint(provider.headers):
        return  # the owner's own header is the one
    if not provider.key or provider.auth == "none":
        return
    if provider.dialect == "anthropic" and provider.key.startswith(_OAUTH_PREFIX):
        headers.append(("authorization", f"Bearer {provider.key}"))
        _add_beta(headers, _OAUTH_BETA)
    elif provider.auth == "bearer":
        headers.append(("authorization", f"Bearer {provider.key}"))
    else:
        headers.append((provider.auth, provider.key))


def _add_beta(headers: list[tuple[str, str]], beta: str) -> None:
    for index, (name, value) in enumerate(headers):
        if name == "anthropic-beta":
            if beta not in value:
                headers[index] = (name, f"{value},{beta}")
            return
    headers.append(("anthropic-beta", beta))


def without_beta(headers: list[tuple[str, str]], beta: str) -> list[tuple[str, str]]:
    """The very same object when it is not there."""
    if not any(name == "anthropic-beta" and beta in value for name, value in headers):
        return headers
    kept: list[tuple[str, str]] = []
    for name, value in headers:
        if name == "anthropic-beta":
            value = ",".join(one for one in value.split(",") if one.strip() != beta)
        if value or name != "anthropic-beta":
            kept.append((name, value))
    return kept


def reply_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """The upstream's headers as the client gets them: `retry-after`, `request-id`, rate limits and all that is unknown."""
    return [
        (goes_back, value.encode("latin-1", "replace"))
        for name, value in headers
        if (goes_back := _reply_name(name)) is not None
    ]

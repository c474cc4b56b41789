"""Which headers travel, and which stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.providers.headers import reply_headers, upstream_headers
from claude_code_router.providers.provider import AuthStyle, Provider, ProviderDialect

CLIENT = (
    (b"host", b"127.0.0.1:3456"),
    (b"connection", b"keep-alive"),
    (b"content-length", b"12"),
    (b"accept-encoding", b"gzip, br"),
    (b"authorization", b"Bearer clients-own"),
    (b"x-api-key", b"clients-own"),
    (b"cookie", b"clients-own"),
    (b"x-ccr-namespace", b"team"),
    (b"anthropic-version", b"2023-06-01"),
    (b"anthropic-beta", b"a-2026-01-01,b-2026-02-02"),
    (b"x-claude-code-session-id", b"s"),
    (b"x-something-new", b"1"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"claude-cli/2.1.330"),
)


def provider(
    dialect: ProviderDialect = "anthropic", auth: AuthStyle = "x-api-key", key: str = "secret", **headers: str
) -> Provider:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Provider(name="p", url="https://h/v1/messages", key=key, dialect=dialect, auth=auth, headers=named)


def test_the_anthropic_dialect_gets_all_but_what_is_ours() -> None:
    """Unknown headers travel, in order; the connection's, ours and the client's credentials do not."""
    assert upstream_headers(provider(), CLIENT) == [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "a-2026-01-01,b-2026-02-02"),
        ("x-claude-code-session-id", "s"),
        ("x-something-new", "1"),
        ("content-type", "application/json"),
        ("user-agent", "claude-cli/2.1.330"),
        ("x-api-key", "secret"),
    ]


def test_chat_gets_next_to_nothing() -> None:
    """Headers of another vendor's protocol have no business there."""
    assert upstream_headers(provider("openai_chat", "bearer"), CLIENT) == [
        ("user-agent", "claude-cli/2.1.330"),
        ("content-type", "application/json"),
        ("authorization", "Bearer secret"),
    ]


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
def test_a_trace_travels_with_every_request(dialect: ProviderDialect) -> None:
    """It is no vendor's own; baggage may hold anything, and is only for who speaks the client's dialect."""
    trace = [(b"traceparent", b"00-aa-bb-01"), (b"tracestate", b"x=1")]
    sent = upstream_headers(provider(dialect), [*trace, (b"baggage", b"user=me")])
    assert {("traceparent", "00-aa-bb-01"), ("tracestate", "x=1")} <= set(sent)
    assert (("baggage", "user=me") in sent) == (dialect == "anthropic")


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
@pytest.mark.parametrize("auth", ["bearer", "x-api-key", "none"])
@pytest.mark.parametrize("key", ["secret", "", "sk-ant-oat01-x"])
@pytest.mark.parametrize("own", [{}, {"authorization": "Bearer owners"}])
def test_never_more_than_one_authorisation(
    dialect: ProviderDialect, auth: AuthStyle, key: str, own: dict[str, str]
) -> None:
    """At most one header of authorisation, and never the client's own."""
    sent = upstream_headers(provider(dialect, auth, key, **own), CLIENT)
    auths = [value for name, value in sent if name in ("authorization", "x-api-key")]
    assert len(auths) == (1 if own or (key and auth != "none") else 0)
    assert not any("clients-own" in value for _, value in sent)


@pytest.mark.parametrize(
    ("beta", "sent"),
    [
        (None, "oauth-2025-04-20"),
        (b"a", "a,oauth-2025-04-20"),
        (b"oauth-2025-04-20,a", "oauth-2025-04-20,a"),
    ],
)
def test_oauth_tokens(beta: bytes | None, sent: str) -> None:
    """They go as Bearer, with the beta flag without which they are refused."""
    client = () if beta is None else ((b"anthropic-beta", beta),)
    headers = dict(upstream_headers(provider(key="sk-ant-oat01-x"), client))
    assert headers["authorization"] == "Bearer sk-ant-oat01-x"
    assert headers["anthropic-beta"] == sent
    assert "x-api-key" not in headers


def test_the_owners_headers_win() -> None:
    """A header of the provider's entry takes the place of the client's of the same name."""
    sent = upstream_headers(provider(user_agent="mine"), CLIENT)
    assert [value for name, value in sent if name == "user-agent"] == ["mine"]


def test_headers_named_by_connection_stay() -> None:
    """What `Connection` lists belongs to the one connection."""
    client = ((b"connection", b"close, X-Hop"), (b"x-hop", b"1"), (b"x-end", b"1"))
    assert ("x-hop", "1") not in upstream_headers(provider(), client)
    assert ("x-end", "1") in upstream_headers(provider(), client)


def test_reply_headers() -> None:
    """What the client heals itself by comes back; what belongs to the upstream's connection does not."""
    back = reply_headers(
        [
            ("Content-Type", "text/event-stream"),
            ("Content-Length", "5"),
            ("Content-Encoding", "gzip"),
            ("Transfer-Encoding", "chunked"),
            ("Set-Cookie", "x"),
            ("Retry-After", "3"),
            ("request-id", "req_1"),
            ("anthropic-ratelimit-requests-remaining", "9"),
        ]
    )
    assert back == [
        (b"content-type", b"text/event-stream"),
        (b"retry-after", b"3"),
        (b"request-id", b"req_1"),
        (b"anthropic-ratelimit-requests-remaining", b"9"),
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20).map(bytes.lower), st.binary(max_size=20))))
def test_any_header_bytes_are_carried(headers: list[tuple[bytes, bytes]]) -> None:
    """No byte in a header's name or value stops a request."""
    sent = upstream_headers(provider(), headers)
    assert sent[-1] == ("x-api-key", "secret")
    assert len(sent) <= len(headers) + 2

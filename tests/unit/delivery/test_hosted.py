"""Claude on other clouds, from the client's bytes to the client's bytes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.unit.delivery.world import BODY, HEADERS, STREAM
from tests.unit.dialects.test_eventstream import message

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import Exchange, exchange_for
from claude_code_router.providers.build import ProviderEntry, build_provider

EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)


def exchange(url: str, use: str = "", key: str = "") -> Exchange:
    transformer = {"use": [use]} if use else None
    provider, _ = build_provider(ProviderEntry(name="p", api_base_url=url, api_key=key, transformer=transformer), "P")
    inbound = Inbound(
        id="req_1", path="/v1/messages", query="beta=true", headers=HEADERS, header={}, body=BODY, received_at=0.0
    )
    return exchange_for(inbound, STREAM, Target("p", "claude-opus-5-5"), provider)


def frames(*events: dict[str, Any]) -> bytes:
    return b"".join(
        message(
            {":event-type": "chunk", ":message-type": "event"},
            json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode(),
        )
        for event in events
    )


def test_bedrock_from_end_to_end() -> None:
    """The request is InvokeModel's and waits for its signature; the frames become the client's events, usage and end noted."""
    here = exchange("https://bedrock-runtime.eu-west-1.amazonaws.com")
    asked = here.request
    assert (
        asked.url == "https://bedrock-runtime.eu-west-1.amazonaws.com/model/claude-opus-5-5/invoke-with-response-stream"
    )
    assert asked.auth == "aws"
    assert {"model", "stream", "odd"}.isdisjoint(json.loads(asked.body))
    assert not {"authorization", "anthropic-version", "anthropic-beta"} & dict(asked.headers).keys()
    out = here.feed(frames(*EVENTS)) + here.finish()
    assert [line for line in out.split(b"\n") if line.startswith(b"event:")][-1] == b"event: message_stop"
    assert here.failure is None
    assert here.content_started
    assert here.stop_reason == "end_turn"
    assert here.usage is not None
    assert (here.usage.input_tokens, here.usage.output_tokens) == (3, 2)


def test_a_broken_bedrock_stream_is_no_success() -> None:
    """Cut, damaged, or stopped by an exception: the exchange has failed."""
    cut = exchange("https://bedrock-runtime.eu-west-1.amazonaws.com")
    cut.feed(frames(*EVENTS[:3])[:-5])
    cut.finish()
    assert cut.failure is not None
    assert cut.failure.kind == FailureKind.CUT
    throttled = exchange("https://bedrock-runtime.eu-west-1.amazonaws.com")
    throttled.feed(
        message({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"m"}')
    )
    assert throttled.failure is not None
    assert (throttled.failure.kind, throttled.failure.message) == (FailureKind.RATE_LIMIT, "m")
    assert b"overloaded_error" in cut.break_off(Failure(kind=FailureKind.CUT, fault="upstream", message="x"))


def test_vertex_from_end_to_end() -> None:
    """The URL waits for project and place, the request for its token; the stream is Anthropic's own."""
    here = exchange("https://aiplatform.googleapis.com", "vertex-claude")
    assert here.request.url.endswith("/{location}/publishers/anthropic/models/claude-opus-5-5:streamRawPredict")
    assert here.request.auth == "google"
    body = json.loads(here.request.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["stream"] is True
    assert "model" not in body
    stream = b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in EVENTS)
    assert here.feed(stream) == stream
    assert here.failure is None
    assert here.decode_error(429, b'[{"error":{"status":"RESOURCE_EXHAUSTED","message":"q"}}]') == (
        "rate_limit_error",
        "q",
    )


@pytest.mark.parametrize(
    ("url", "use", "auth"),
    [
        ("https://api.anthropic.com/v1/messages", "", ""),
        ("https://bedrock-mantle.eu-west-1.api.aws/anthropic/v1/messages", "", "aws"),
        ("https://aiplatform.googleapis.com", "vertex-gemini", "google"),
    ],
)
def test_others_are_what_they_were(url: str, use: str, auth: str) -> None:
    """A plain relay keeps its bytes, and only those in need are authorised on the way out."""
    here = exchange(url, use)
    assert here.request.auth == auth
    if not use:
        assert here.request.body == BODY.replace(b'"asked"', b'"claude-opus-5-5"')


def test_googles_pause_stands_in_the_body() -> None:
    """RetryInfo counts where there is no header; others have none."""
    body = b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.5s"}]}}'
    gemini = exchange("https://generativelanguage.googleapis.com/v1beta/models/", "gemini", "k")
    vertex = exchange("https://aiplatform.googleapis.com", "vertex-claude")
    assert gemini.retry_after_s(body) == vertex.retry_after_s(body) == 34.5
    assert exchange("https://api.anthropic.com/v1/messages").retry_after_s(body) is None
    assert exchange("https://h/v1/chat/completions").retry_after_s(body) is None

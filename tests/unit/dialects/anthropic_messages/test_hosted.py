"""Anthropic's dialect as Vertex AI and Bedrock want it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.unit.dialects.test_eventstream import message

from claude_code_router.dialects.anthropic_messages.hosted import (
    BedrockStream,
    bedrock_request,
    decode_bedrock_error,
    decode_vertex_error,
    vertex_request,
)

BODY: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 9,
    "stream": True,
    "messages": [{"role": "user", "content": "é"}],
    "context_management": {"edits": []},
    "service_tier": "auto",
}
HEADERS = [
    ("user-agent", "x"),
    ("anthropic-version", "2023-06-01"),
    ("anthropic-beta", "context-1m-2025-08-07,web-fetch-2025-09-10, advanced-tool-use-2025-11-20"),
]


def test_vertex() -> None:
    """The model moves into the URL, the version into the body; the betas that Vertex knows stay a header."""
    body = json.dumps(BODY).encode()
    url, headers, sent = vertex_request(
        "https://h/publishers/anthropic/models/", "claude-opus-4-5@20251101", HEADERS, body
    )
    assert url == "https://h/publishers/anthropic/models/claude-opus-4-5@20251101:streamRawPredict"
    wanted = {**BODY, "anthropic_version": "vertex-2023-10-16"}
    del wanted["model"]
    assert json.loads(sent) == wanted
    assert dict(headers) == {
        "user-agent": "x",
        "anthropic-beta": "context-1m-2025-08-07,advanced-tool-use-2025-11-20",
    }
    assert vertex_request("https://h/models", "m", [], b'{"stream":false}')[0] == "https://h/models/m:rawPredict"


def test_bedrock() -> None:
    """Only what InvokeModel knows is in the body, the betas too; the messages' bytes are untouched."""
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"name": "Read", "input_schema": {}}]
    body = json.dumps({**BODY, "tools": tools, "tool_choice": {"type": "auto"}}).encode()
    url, headers, sent = bedrock_request("https://h/model/?x=1", "us.anthropic.claude-opus-4-5-v1:0", HEADERS, body)
    assert url == "https://h/model/us.anthropic.claude-opus-4-5-v1:0/invoke-with-response-stream"
    assert json.loads(sent) == {
        "max_tokens": 9,
        "messages": BODY["messages"],
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["context-1m-2025-08-07", "tool-search-tool-2025-10-19"],
        "tools": tools[1:],
        "tool_choice": {"type": "auto"},
    }
    assert json.dumps(BODY["messages"]).encode() in sent
    assert dict(headers) == {"user-agent": "x"}
    arn = bedrock_request("https://h/model", "arn:aws:bedrock:eu:1:application-inference-profile/a", [], b"{}")[0]
    assert arn == "https://h/model/arn:aws:bedrock:eu:1:application-inference-profile%2Fa/invoke"
    only_web = bedrock_request(
        "https://h/model", "m", [], json.dumps({"tools": tools[:1], "tool_choice": {}}).encode()
    )[2]
    assert json.loads(only_web) == {"anthropic_version": "bedrock-2023-05-31"}


def chunk(event: dict[str, Any]) -> bytes:
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abc"}).encode()
    return message({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, payload)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_bedrocks_frames_become_events(step: int) -> None:
    """Whatever the split: one server-sent event a frame, with its name."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {}},
        {"type": "ping"},
        {"type": "message_stop"},
    ]
    stream = b"".join(chunk(event) for event in events) + message(
        {":event-type": "other", ":message-type": "event"}, b"x"
    )
    decoder = BedrockStream()
    out = b"".join(decoder.feed(stream[at : at + step]) for at in range(0, len(stream), step))
    assert out == b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode()) for event in events
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("validationException", "invalid_request_error"),
        ("somethingNew", "api_error"),
    ],
)
def test_bedrocks_exceptions_are_error_events(name: str, kind: str) -> None:
    """In Anthropic's words; nothing is read behind them."""
    failure = message({":message-type": "exception", ":exception-type": name}, b'{"message":"Slower."}')
    decoder = BedrockStream()
    out = decoder.feed(failure + chunk({"type": "message_stop"}))
    assert out.count(b"event:") == 1
    assert json.loads(out.partition(b"data: ")[2])["error"] == {"type": kind, "message": "Slower."}
    assert decoder.feed(chunk({"type": "ping"})) == b""


@pytest.mark.parametrize(
    "stream",
    [
        b"x" * 20,
        message({":event-type": "chunk", ":message-type": "event"}, b"not json"),
        message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"%%"}'),
        message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"eA=="}'),
    ],
)
def test_what_is_no_frame_is_an_error_event(stream: bytes) -> None:
    """Never an exception."""
    assert b"event: error" in BedrockStream().feed(stream)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b'{"message":"Too many tokens"}', ("rate_limit_error", "Too many tokens")),
        (400, b'{"message":"prompt is too long: 9 tokens"}', ("invalid_request_error", "prompt is too long: 9 tokens")),
        (403, b'{"Message":"no access"}', ("permission_error", "no access")),
        (503, b"<html>busy</html>", ("overloaded_error", "busy")),
    ],
)  # fmt: skip
def test_bedrocks_errors(status: int, body: bytes, expected: tuple[str, str]) -> None:
    """AWS has a message and no type: the status says what it is."""
    assert decode_bedrock_error(status, body) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}',
            ("invalid_request_error", "no"),
        ),
        (
            429,
            b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota"}}]',
            ("rate_limit_error", "quota"),
        ),
        (
            401,
            b'{"error":{"code":401,"status":"UNAUTHENTICATED","message":"token"}}',
            ("authentication_error", "token"),
        ),
        (502, b"", ("api_error", "The provider answered with status 502.")),
    ],
)
def test_vertexs_errors(status: int, body: bytes, expected: tuple[str, str]) -> None:
    """Anthropic's where they are Anthropic's, else Google's."""
    assert decode_vertex_error(status, body) == expected

"""Anthropic to Anthropic: bytes in, bytes out. Raw sockets on both sides, so that nothing is tidied up on the way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.bodies import HELLO, Odd, hello, odd_bodies
from tests.e2e.house import House, house
from tests.e2e.wire import Tap, http_reply, http_stream, post, tap

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MESSAGE = json.dumps(
    {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "hi"}]}
).encode()


class Line:
    """The router with the tap behind it."""

    def __init__(self, router: House, upstream: Tap) -> None:
        self.router = router
        self.upstream = upstream

    async def sent(self, body: object, headers: dict[str, str] | None = None, path: str = "/v1/messages") -> Any:
        """What arrives upstream for this request."""
        self.upstream.taken.clear()
        self.upstream.reply = http_reply(MESSAGE)
        answer = await post(self.router.url, body, headers, path)
        assert answer.status == 200, answer.body
        [taken] = self.upstream.taken
        return taken


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with tap() as upstream:
        provider = {
            "name": "up",
            "api_base_url": f"{upstream.url}/v1/messages",
            "api_key": "sk-upstream",
            "models": ["main-model"],
            "transformer": {"use": ["Anthropic"]},
        }
        content = {"LOG": False, "Providers": [provider], "Router": {"default": "up,main-model"}}
        async with house(tmp_path_factory.mktemp("relay"), content) as router:
            yield Line(router, upstream)


@MANY
@given(odd=odd_bodies())
async def test_request_bytes(line: Line, odd: Odd) -> None:
    """Upstream receives every byte of the body as it was sent, but for the value of the top-level model."""
    taken = await line.sent(odd.body)
    assert taken.body == odd.with_model("main-model")


CORPUS: dict[str, bytes] = {
    "duplicate keys": b'{"model":"a","max_tokens":1,"max_tokens":2,"messages":[{"role":"user","content":"x"}]}',
    "big numbers": b'{"model":"a","max_tokens":9,"seed":123456789012345678901234567890,"p":1e-400,"messages":[{"role":"user","content":"x"}]}',  # noqa: E501
    "floats as written": b'{"model":"a","max_tokens":9,"temperature":1.0,"x":0.10,"y":1E+2,"messages":[{"role":"user","content":"x"}]}',  # noqa: E501
    "escaped slashes": b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"a\\/b \\u002f \\u0041"}]}',
    "surrogates": b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"\\ud83d\\ude42"}]}',
    "half a surrogate pair": b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"cut \\ud83d"}]}',
    "model in strings": b'{"max_tokens":9,"messages":[{"role":"user","content":"{\\"model\\":\\"b\\"}"}],"model":"a"}',
    "model in keys": b'{"max_tokens":9,"metadata":{"model":"b"},"messages":[{"role":"user","content":"x"}],"model":"a"}',
    "pretty": b'{\n  "model" : "a" ,\n  "max_tokens" : 9 ,\n  "messages" : [ { "role" : "user" , "content" : "x" } ]\n}\n',
    "thinking of others": b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"EqQB/+=="},{"type":"redacted_thinking","data":"zz"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}',  # noqa: E501
    "billing line": b'{"model":"a","max_tokens":9,"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"},{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"x"}]}',  # noqa: E501
    "system in mid-conversation": b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"system","content":[{"type":"text","text":"env"}],"output_config":{"effort":"low"}}]}',  # noqa: E501
    "safeguards": b'{"model":"a","max_tokens":9,"safeguards":[{"type":"dangerous_tool_use","classifier_context":{}}],"context_management":{"edits":[]},"messages":[{"role":"user","content":"x"}]}',  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("name", CORPUS)
async def test_request_corpus(line: Line, name: str) -> None:
    """The same for bodies that a parse and print would change."""
    taken = await line.sent(CORPUS[name])
    assert taken.body == CORPUS[name].replace(b'"model":"a"', b'"model":"main-model"').replace(
        b'"model" : "a"', b'"model" : "main-model"'
    )


@MANY
@given(chunks=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=12))
async def test_stream_bytes(line: Line, chunks: list[bytes]) -> None:
    """A stream's bytes reach the client as they came, whatever they are and however they are cut up."""
    opening = b'event: message_start\r\ndata: {"type":"message_start","message":{"role":"assistant"}}\r\n\r\n'
    ending = b'\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
    line.upstream.reply = http_stream([opening, *chunks, ending])
    answer = await post(line.router.url, hello(stream=True))
    assert answer.status == 200
    assert answer.body.startswith(opening + b"".join(chunks))
    assert answer.body.removeprefix(opening + b"".join(chunks)) in (ending, answer.body[-len(ending) :])


STREAM = (
    b": a comment\n\n"
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}\n\n'  # noqa: E501
    b'event: ping\ndata: {"type":"ping"}\n\n'
    b'event: brand_new_event\ndata: {"type":"brand_new_event","x":[1,  2]}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n'  # noqa: E501
    b'event: content_block_delta\ndata:{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB\\/+=="}}\n\n'  # noqa: E501
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","safeguard_results":[{"x":1}]},"usage":{"output_tokens":5}}\n\n'  # noqa: E501
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_stream_with_unknown_things(line: Line, size: int) -> None:
    """Comments, unknown events and unknown fields pass; the usage is read off all the same."""
    line.upstream.reply = http_stream([STREAM[at : at + size] for at in range(0, len(STREAM), size)])
    answer = await post(line.router.url, hello(stream=True))
    assert answer.body == STREAM
    assert (await line.router.record(answer))["output_tokens"] == 5


async def test_whole_reply_bytes(line: Line) -> None:
    """A reply in one body passes as it is written."""
    body = b'{ "id":"msg_1",\n"type":"message","role":"assistant","content":[{"type":"text","text":"\\u00fc\\/"}],"new":{"a":1.0}}\n'  # noqa: E501
    line.upstream.reply = http_reply(body)
    assert (await post(line.router.url, HELLO)).body == body


@pytest.mark.parametrize("query", ["", "?beta=true", "?beta=true&x=a%2Fb&y=%C3%A4"])
async def test_query(line: Line, query: str) -> None:
    """The query goes upstream as it was sent."""
    taken = await line.sent(HELLO, path=f"/v1/messages{query}")
    assert taken.line == f"POST /v1/messages{query} HTTP/1.1"


FORWARDED = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,brand-new-2027-01-01",
    "anthropic-brand-new": "kept",
    "x-claude-code-session-id": "0b9a7c0e-0000-4000-8000-000000000000",
    "x-claude-code-agent-id": "a0123456789abcdef",
    "x-stainless-lang": "js",
    "x-app": "cli",
    "user-agent": "claude-cli/2.1.330 (external, cli)",
    "accept": "application/json",
}


async def test_forwarded_headers(line: Line) -> None:
    """The client's own headers reach upstream unchanged, each once."""
    taken = await line.sent(HELLO, FORWARDED)
    assert {name: taken.named(name) for name in FORWARDED} == {name: [value] for name, value in FORWARDED.items()}


@pytest.mark.parametrize(
    "mine",
    [
        {},
        {"authorization": "Bearer of-the-client"},
        {"x-api-key": "of-the-client"},
        {"authorization": "Bearer of-the-client", "x-api-key": "of-the-client"},
        {"proxy-authorization": "Basic of-the-client", "cookie": "session=of-the-client"},
    ],
)
async def test_one_credential(line: Line, mine: dict[str, str]) -> None:
    """Exactly one credential goes upstream, the provider's; the client's stays with us."""
    taken = await line.sent(HELLO, mine)
    credentials = taken.named("authorization") + taken.named("x-api-key")
    assert len(credentials) == 1
    assert credentials[0].removeprefix("Bearer ") == "sk-upstream"
    assert not any("of-the-client" in value for _, value in taken.headers)


async def test_hop_by_hop_headers(line: Line) -> None:
    """What concerns our own connection is not passed on; the body's length is that of the spliced body."""
    taken = await line.sent(HELLO, {"connection": "keep-alive, x-hop", "x-hop": "1", "te": "trailers"})
    assert not taken.named("x-hop") + taken.named("te") + taken.named("transfer-encoding")
    assert taken.named("content-length") == [str(len(taken.body))]
    [host] = taken.named("host")
    assert host == line.upstream.url.removeprefix("http://")


async def test_reply_headers(line: Line) -> None:
    """The upstream's request id and its own headers reach the client; nothing of its connection does."""
    passed = {"request-id": "req_up", "anthropic-ratelimit-requests-remaining": "7", "retry-after": "3"}
    line.upstream.reply = http_reply(MESSAGE, {**passed, "keep-alive": "timeout=5", "set-cookie": "a=b"})
    answer = await post(line.router.url, HELLO)
    assert {name: answer.header(name) for name in passed} == passed
    assert answer.header("keep-alive") is None
    assert answer.header("set-cookie") is None


ERRORS = [
    ("400 Bad Request", b'{"type":"error", "error":{"type":"invalid_request_error","message":"safeguards: Extra inputs"},"x":1.0}'),  # noqa: E501
    ("401 Unauthorized", b'{"type":"error","error":{"type":"authentication_error","message":"no"}}'),
    ("404 Not Found", b'{"type":"error","error":{"type":"not_found_error","message":"model: x"}}'),
    ("413 Too Large", b'{"type":"error","error":{"type":"request_too_large","message":"big"}}'),
    ("429 Too Many", b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}'),
    ("500 Oops", b'{"type":"error","error":{"type":"api_error","message":"Internal"},"request_id":"req_up"}'),
    ("529 Overloaded", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), ERRORS, ids=[status for status, _ in ERRORS])
@pytest.mark.parametrize("stream", [True, False])
async def test_errors(line: Line, status: str, body: bytes, *, stream: bool) -> None:
    """An upstream's error passes with its status, its bytes, its request id and a retry-after beyond our own patience."""
    line.upstream.reply = http_reply(body, {"request-id": "req_up", "retry-after": "37"}, status)
    answer = await post(line.router.url, hello(stream=stream))
    assert answer.status == int(status[:3])
    assert answer.body == body
    assert answer.header("request-id") == "req_up"
    assert answer.header("retry-after") == "37"
    row = await line.router.record(answer)
    assert (row["outcome"], row["status"]) == ("exhausted", int(status[:3]))


async def test_count_tokens(line: Line) -> None:
    """Token counts are asked of an upstream that has them, or estimated; either way they are whole numbers above nought."""
    line.upstream.reply = http_reply(b'{"input_tokens": 4321}')
    answer = await post(line.router.url, HELLO, path="/v1/messages/count_tokens?beta=true")
    assert answer.status == 200
    assert isinstance(answer.json["input_tokens"], int)
    assert answer.json["input_tokens"] > 0

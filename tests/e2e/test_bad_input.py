"""Bad input from either side: a clear error in the client's envelope, a row in the records, the server alive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from tests.e2e.bodies import HELLO, hello
from tests.e2e.house import House, house
from tests.e2e.stage import config, free_port
from tests.e2e.waiting import until
from tests.e2e.wire import Answer, exchange, post, request_bytes

from claude_code_router.scripted.script import Cut, End, Fault, Raw, Say, Script, Stall, Start
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK = Script((Say("ok"),))


class Bench:
    """A router with one provider a dialect, what they answer, and two that are not there or never answer."""

    def __init__(self, router: House, upstream: Upstream) -> None:
        self.router = router
        self.upstream = upstream
        self.script = OK

    async def alive(self) -> None:
        """The next good request is served as ever."""
        self.script = OK
        assert (await post(self.router.url, HELLO)).status == 200

    async def refused(self, answer: Answer, status: int) -> dict[str, Any]:
        """Said in the envelope, on record as refused, server alive."""
        assert answer.status == status, answer.body[:300]
        kind, message = answer.error
        assert kind
        assert message
        row = await self.router.record(answer)
        assert (row["outcome"], row["status"]) == ("refused", status)
        assert row["error"]
        await self.alive()
        return row


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path_factory.mktemp("bench")) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One that waits 300 ms for an answer; for providers that never give one."""
    async with bench_in(tmp_path_factory.mktemp("impatient"), API_TIMEOUT_MS=300) as it:
        yield it


@asynccontextmanager
async def bench_in(folder: Path, **settings: Any) -> AsyncIterator[Bench]:
    benches: list[Bench] = []
    async with Upstream(lambda _: benches[0].script) as up:
        content = config(up.url, "relay", {"default": "up,main-model"}, **settings)
        chat = {"name": "chat", "api_base_url": f"{up.url}/v1/chat/completions", "api_key": "k", "models": ["m"]}
        dead = {**chat, "name": "dead", "api_base_url": f"http://127.0.0.1:{free_port()}/v1/chat/completions"}
        nowhere = {**chat, "name": "nowhere", "api_base_url": "http://no-such-host.invalid/v1/messages"}
        content["Providers"] += [chat, dead, nowhere]
        async with house(folder, content) as router:
            benches.append(Bench(router, up))
            yield benches[0]


def deep(levels: int) -> bytes:
    return (
        b'{"model":"a","max_tokens":9,"messages":[{"role":"user","content":"x"}],"x":'
        + b"[" * levels
        + b"]" * levels
        + b"}"
    )


INVALID: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"hello",
    "half an object": b'{"model":"a","messages":[',
    "trailing comma": b'{"model":"a","max_tokens":9,"messages":[],}',
    "two objects": b"{}{}",
    "single quotes": b"{'model':'a'}",
    "not UTF-8": b'{"model":"a","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "NUL bytes": b"\0\0\0\0",
    "an array": b"[]",
    "a string": b'"model"',
    "null": b"null",
    "a number": b"1",
    "no model": b'{"messages":[{"role":"user","content":"x"}]}',
    "no messages": b'{"model":"a","max_tokens":9}',
    "model is a number": b'{"model":1,"messages":[{"role":"user","content":"x"}]}',
    "model is null": b'{"model":null,"messages":[{"role":"user","content":"x"}]}',
    "messages is an object": b'{"model":"a","messages":{}}',
    "messages is a string": b'{"model":"a","messages":"x"}',
    "a message is a string": b'{"model":"a","messages":["x"]}',
    "content is a number": b'{"model":"a","messages":[{"role":"user","content":1}]}',
    "role is a number": b'{"model":"a","messages":[{"role":1,"content":"x"}]}',
}


@pytest.mark.parametrize("name", INVALID)
async def test_invalid_body(bench: Bench, name: str) -> None:
    """What is no Messages request is refused with 400, and nothing goes upstream."""
    before = len(bench.upstream.seen)
    answer = await post(bench.router.url, INVALID[name])
    assert len(bench.upstream.seen) == before
    assert answer.error[0] == "invalid_request_error"
    await bench.refused(answer, 400)


UNTRANSLATABLE: dict[str, bytes] = {
    "tools is a string": b'{"model":"chat,m","messages":[{"role":"user","content":"x"}],"tools":"x"}',
    "system is a number": b'{"model":"chat,m","messages":[{"role":"user","content":"x"}],"system":1}',
    "a tool without a name": b'{"model":"chat,m","messages":[{"role":"user","content":"x"}],"tools":[{"input_schema":{}}]}',
    "a call without an id": b'{"model":"chat,m","messages":[{"role":"assistant","content":[{"type":"tool_use","name":"x"}]}]}',
    "an unknown role": b'{"model":"chat,m","messages":[{"role":"wizard","content":"x"}]}',
}


@pytest.mark.parametrize("name", UNTRANSLATABLE)
async def test_untranslatable_body(bench: Bench, name: str) -> None:
    """What a relay would leave to the upstream's judgement, but a translation cannot carry, is refused with 400."""
    answer = await post(bench.router.url, UNTRANSLATABLE[name])
    assert answer.error[0] == "invalid_request_error"
    await bench.refused(answer, 400)


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
@pytest.mark.parametrize("levels", [100, 2000, 100_000])
async def test_deep_nesting(bench: Bench, target: str, levels: int) -> None:
    """However deep a body nests, it is answered and the server lives."""
    bench.script = OK
    answer = await post(bench.router.url, deep(levels).replace(b'"a"', json.dumps(target).encode()))
    assert answer.status in (200, 400)
    await bench.router.record(answer)
    await bench.alive()


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
async def test_twenty_megabytes(bench: Bench, target: str) -> None:
    """A body of 20 MB arrives upstream whole."""
    bench.script = OK
    before = len(bench.upstream.seen)
    body = hello(model=target, messages=[{"role": "user", "content": "0123456789abcdef" * (20 << 16)}])
    answer = await post(bench.router.url, body)
    assert answer.status == 200
    assert len(bench.upstream.seen[before].body) > 20 << 20
    assert (await bench.router.record(answer))["body_bytes"] > 20 << 20
    await bench.alive()


async def test_too_large(bench: Bench) -> None:
    """Beyond the limit the answer is 413, not a dead connection."""
    answer = await post(bench.router.url, b" " * (51 << 20))
    assert answer.status == 413
    assert answer.error[0] == "request_too_large"
    await bench.alive()


@pytest.mark.parametrize("model", ["nobody,nothing", "nobody/nothing,x", ",", "up,", ",m"])
async def test_unknown_provider(bench: Bench, model: str) -> None:
    """A selector that names no provider is refused as the owner's mistake, in the form that costs the client one request."""
    answer = await post(bench.router.url, hello(model=model))
    if answer.status == 200:  # no selector after all: an ordinary model name, which the default route serves
        assert "," not in model or model in (",", "up,", ",m")
        return
    assert answer.error[0] == "policy_blocked"
    row = await bench.refused(answer, 400)
    assert row["asked_model"] == model


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("target", ["dead,m", "nowhere,m"])
async def test_unreachable(bench: Bench, target: str, *, stream: bool) -> None:
    """A provider that cannot be reached is named, and the client is not sent into three minutes of retries."""
    answer = await post(bench.router.url, hello(model=target, stream=stream))
    assert answer.status == 503
    assert answer.error[1]
    assert answer.header("x-should-retry") == "false"
    row = await bench.router.record(answer)
    assert (row["outcome"], row["provider"]) == ("exhausted", target.partition(",")[0])
    attempts = await bench.router.attempts(row["id"])
    assert {attempt["failure_kind"] for attempt in attempts} <= {"connect", "dns"}
    assert 1 <= len(attempts) <= 3
    await bench.alive()


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
@pytest.mark.parametrize("stream", [True, False])
async def test_hanging(impatient: Bench, target: str, *, stream: bool) -> None:
    """A provider that never answers ends in a time-out, and its connection is dropped."""
    impatient.script = Script((Stall(),))
    answer = await post(impatient.router.url, hello(model=target, stream=stream))
    assert answer.status == 504
    assert answer.error[0] == "timeout_error"
    row = await impatient.router.record(answer)
    assert row["outcome"] == "exhausted"
    await until(lambda: impatient.upstream.seen[-1].cancelled, "the upstream's request is cancelled")
    assert (await impatient.router.health())["status"] == "ok"


HTML = b"<!doctype html><html><head><title>502</title></head><body>nginx</body></html>"
PAGES: dict[str, Script] = {
    "page as success": Script(body=HTML, headers={"content-type": "text/html"}),
    "page as JSON": Script(body=HTML),
    "page as 502": Script(body=HTML, status=502, headers={"content-type": "text/html"}),
    "page as 403": Script(body=HTML, status=403, headers={"content-type": "text/html"}),
    "empty body": Script(body=b""),
    "empty 500": Script(body=b"", status=500),
    "other JSON": Script(body=b"{}"),
    "a list": Script(body=b"[1]"),
    "error in a 200": Script(body=b'{"error":{"message":"out of cheese","type":"server_error"}}'),
}


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("stream", [True, False])
async def test_no_reply_of_the_dialect(bench: Bench, target: str, name: str, *, stream: bool) -> None:
    """What is no reply becomes an error: never a success, never a page in the client's face."""
    bench.script = PAGES[name]
    answer = await post(bench.router.url, hello(model=target, stream=stream))
    assert answer.status >= 400
    kind, message = answer.error
    assert kind
    assert "<html" not in message.lower()
    row = await bench.router.record(answer)
    assert row["outcome"] == "exhausted"
    assert row["error"]
    await bench.alive()


def _broken(answer: Answer) -> tuple[str, str]:
    """The error event that closes a broken stream."""
    events = [line.removeprefix(b"data: ") for line in answer.body.splitlines() if line.startswith(b"data: ")]
    last = json.loads(events[-1])
    assert last["type"] == "error", events[-1]
    assert b"message_stop" not in answer.body
    return last["error"]["type"], last["error"]["message"]


BREAKS: dict[str, Script] = {
    "reset": Script((Say("half", 1), Cut())),
    "closed": Script((Say("half", 1), End(clean=False))),
    "ended": Script((Say("half", 1), End())),
    "error event": Script((Say("half", 1), Fault("overloaded_error", "Overloaded"))),
}


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
@pytest.mark.parametrize("name", BREAKS)
async def test_broken_stream(bench: Bench, target: str, name: str) -> None:
    """A stream that breaks ends with an error event for the client, and broken off on the record."""
    bench.script = BREAKS[name]
    answer = await post(bench.router.url, hello(model=target, stream=True))
    outcome = (await bench.router.record(answer))["outcome"]
    if answer.status == 200:
        assert b"half" in answer.body
        assert _broken(answer)[0] == "overloaded_error"
        assert outcome == "broken_off"
    else:  # the failure came in before anything had left: then nothing of the reply may show
        assert answer.error[0] == "overloaded_error"
        assert outcome == "exhausted"
    await bench.alive()


STILLBORN: dict[str, Script] = {
    "reset before headers": Script((Cut(),)),
    "reset behind headers": Script((Start(), Cut())),
    "ended behind headers": Script((Start(), End())),
    "error event first": Script((Fault("overloaded_error", "Overloaded"),)),
    "garbage": Script((Raw(b"data: {not json}\n\n"),)),
    "nothing at all": Script((Raw(b""),)),
}


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
@pytest.mark.parametrize("name", STILLBORN)
async def test_stillborn_stream(bench: Bench, target: str, name: str) -> None:
    """A stream that fails before it says anything is an error status or an error event, never a finished answer."""
    bench.script = STILLBORN[name]
    answer = await post(bench.router.url, hello(model=target, stream=True))
    if answer.status == 200:
        assert _broken(answer)
    else:
        assert answer.error[1]
    assert (await bench.router.record(answer))["outcome"] in ("exhausted", "broken_off")
    await bench.alive()


@pytest.mark.parametrize("target", ["up,main-model", "chat,m"])
async def test_half_a_body(bench: Bench, target: str) -> None:
    """A whole reply that breaks off in the middle is an error."""
    bench.script = Script((Say("a long enough text"), Cut()))
    answer = await post(bench.router.url, hello(model=target))
    assert answer.status >= 500
    assert answer.error[1]
    await bench.alive()


@pytest.mark.parametrize(
    "raw", [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"POST /v1/messages HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
async def test_no_http(bench: Bench, raw: bytes) -> None:
    """What is no HTTP does not hurt."""
    await exchange(bench.router.url, raw)
    await bench.alive()


async def test_client_that_leaves_in_mid_body(bench: Bench) -> None:
    """A client that sends half a body and leaves costs nothing."""
    before = len(bench.upstream.seen)
    whole = request_bytes(bench.router.url, "/v1/messages", json.dumps(HELLO).encode())
    await _send_and_leave(bench.router.url, whole[:-10])
    await bench.alive()
    assert len(bench.upstream.seen) == before + 1


async def _send_and_leave(url: str, data: bytes) -> None:
    place = urlsplit(url)
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

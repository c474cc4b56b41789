"""The whole router with a provider that is spoken to in HTTP/2: the clients do not notice."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from h2.errors import ErrorCodes
from tests.e2e.house import house
from tests.e2e.waiting import until
from tests.e2e.wire import post, request_bytes
from tests.unit.delivery.h2_server import PEM, Asked, h2_server


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
         "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
BEGUN = [
    event("message_start", message=START),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hi ä"}),
]
ENDED = [
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
    event("message_stop"),
]
MESSAGE = json.dumps({**START, "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}).encode()


DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 15_000})


async def answer(asked: Asked) -> None:
    await asked.whole.wait()
    body = json.loads(asked.body)
    word = body["messages"][-1]["content"]
    if word == "lost" and asked.connection.is_first:
        return asked.connection.transport.abort() if asked.id == 19 else None
    if not body.get("stream"):
        asked.begin(529 if word == "busy" else 200, (("content-type", "application/json"),))
        return await asked.say(
            MESSAGE if word != "busy" else b'{"type":"error","error":{"type":"overloaded_error"}}', end=True
        )
    asked.begin(200, (("content-type", "text/event-stream"), ("request-id", "req_own")))
    for piece in BEGUN:
        await asked.say(piece)
    while word == "endless" and asked.reset is None:
        await asked.say(DELTA)
    if word == "cut":
        return asked.break_off()
    if word == "stall":
        await asyncio.Event().wait()
    for piece in ENDED:
        await asked.say(piece)
    return await asked.say(b"", end=True)


def config(url: str) -> dict[str, object]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": "k",
        "models": ["m"],
        "dialect": "anthropic",
        "http2": True,
        "ca_file": str(PEM),
    }
    return {"Providers": [provider], "Router": {"default": "p,m"}}


def asking(word: str, *, stream: bool) -> dict[str, object]:
    return {"model": "m", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": word}]}


async def test_replies_through_the_router(tmp_path: Path) -> None:
    """Streams byte for byte, whole replies, errors; all over one connection."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        streamed = await post(router.url, asking("go", stream=True))
        assert (streamed.status, streamed.body) == (200, b"".join(BEGUN + ENDED))
        assert streamed.header("request-id") == "req_own"
        whole = await post(router.url, asking("go", stream=False))
        assert (whole.status, whole.body) == (200, MESSAGE)
        many = await asyncio.gather(*(post(router.url, asking("go", stream=True)) for _ in range(40)))
        assert {one.body for one in many} == {streamed.body}
        assert (await router.record(streamed))["outcome"] == "delivered"
        assert len(server.connections) == 1


async def test_a_broken_stream_is_told(tmp_path: Path) -> None:
    """RST_STREAM after content: an error event, never an end."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        broken = await post(router.url, asking("cut", stream=True))
        assert b"event: error" in broken.body
        assert b"message_stop" not in broken.body
        [attempt] = await router.attempts((await router.record(broken))["id"])
        assert attempt["failure_kind"] == "cut"


async def test_an_overloaded_server_is_told(tmp_path: Path) -> None:
    """Statuses are the upstream's own."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        assert (await post(router.url, asking("busy", stream=False))).status == 529


async def test_a_client_that_leaves(tmp_path: Path) -> None:
    """The upstream gets RST_STREAM within 100 ms."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        place = urlsplit(router.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request_bytes(router.url, "/v1/messages", json.dumps(asking("stall", stream=True)).encode()))
        await reader.readuntil(b"hi")
        left_at_s = asyncio.get_running_loop().time()
        writer.close()
        await until(lambda: server.asked[0].reset is not None, "the upstream is told")
        assert server.asked[0].reset == ErrorCodes.CANCEL
        assert server.asked[0].reset_at_s - left_at_s < 0.1


async def test_a_connection_lost_under_ten_requests(tmp_path: Path) -> None:
    """Each is asked again on its own account, over one new connection, and its client gets the whole answer."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        many = await asyncio.gather(*(post(router.url, asking("lost", stream=True)) for _ in range(10)))
        assert {one.body for one in many} == {b"".join(BEGUN + ENDED)}
        for one in many:
            attempts = await router.attempts((await router.record(one))["id"])
            assert [attempt["failure_kind"] for attempt in attempts] == ["reset", None]
        assert len(server.connections) == 2


async def test_a_client_that_does_not_read(tmp_path: Path) -> None:
    """The upstream is slowed down to nothing, whatever it has to say; and goes on when the client does."""
    async with h2_server(answer) as server, house(tmp_path, config(server.url)) as router:
        place = urlsplit(router.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 16)
        writer.write(request_bytes(router.url, "/v1/messages", json.dumps(asking("endless", stream=True)).encode()))
        await reader.readuntil(b"hi")
        said = -1
        while said < server.asked[0].said_bytes:
            said = server.asked[0].said_bytes
            await asyncio.sleep(0.3)
        assert said < 16 << 20  # of it most is in the kernel's buffers for two sockets
        while server.asked[0].said_bytes < said + (1 << 20):
            await reader.read(1 << 16)
        writer.close()

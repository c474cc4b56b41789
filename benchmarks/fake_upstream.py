"""The upstream that all proxies under measurement share: as cheap as Python can make it, so that it never sets the pace.

The model's name says how to answer: `bench-burst-300` sends 300 text events at once, `bench-paced-100-50` one of 100 events
every 50 ms, each carrying the time at which it left (CLOCK_MONOTONIC, ns; the same clock in every process of a machine).
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from functools import cache
from typing import cast

import httptools
import uvloop

_MODEL = re.compile(rb'"model"\s*:\s*"bench-(burst|paced)-(\d+)(?:-(\d+))?"')
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nrequest-id: req_bench\r\n\r\n"
)
_WORD = "lorem ipsum "


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Anthropic:
    opening = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_bench","type":"message","role":"assistant",'
        b'"model":"bench","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25000,'
        b'"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}\n\n',
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
        b'{"type":"text","text":""}}\n\n',
    )
    closing = (
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"output_tokens":300}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )

    @staticmethod
    def delta(text: bytes) -> bytes:
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
            b'{"type":"text_delta","text":"%b"}}\n\n' % text
        )


class OpenAIChat:
    _before = (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"bench",'
        b'"system_fingerprint":"fp_bench","choices":'
    )
    opening = (_before + b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',)
    closing = (
        _before + b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        _before + b'[],"usage":{"prompt_tokens":25000,"completion_tokens":300,"total_tokens":25300}}\n\n',
        b"data: [DONE]\n\n",
    )

    @classmethod
    def delta(cls, text: bytes) -> bytes:
        return cls._before + b'[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % text


Dialect = type[Anthropic] | type[OpenAIChat]


@cache
def burst(chat: bool, events: int) -> bytes:
    dialect: Dialect = OpenAIChat if chat else Anthropic
    parts = [*dialect.opening, *(dialect.delta(_WORD.encode()) for _ in range(events)), *dialect.closing]
    return _HEAD + b"".join(_chunk(part) for part in parts) + b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not an isinstance: uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        found = _MODEL.search(b"".join(self._body))
        self._body.clear()
        if found is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        dialect: Dialect = OpenAIChat if b"/chat/completions" in self._url else Anthropic
        if found[1] == b"burst":
            self._transport.write(burst(dialect is OpenAIChat, int(found[2])))
            return
        self._transport.write(_HEAD + b"".join(_chunk(part) for part in dialect.opening))
        interval_s = int(found[3]) / 1000
        start = self._loop.time() + interval_s
        self._timer = self._loop.call_at(start, self._tick, dialect, 1, int(found[2]), start, interval_s)

    def _tick(self, dialect: Dialect, number: int, events: int, start: float, interval_s: float) -> None:
        text = b"t=%d " % time.monotonic_ns()
        self._transport.write(_chunk(dialect.delta(text)))
        if number == events:
            self._transport.write(b"".join(_chunk(part) for part in dialect.closing) + b"0\r\n\r\n")
            return
        due = start + number * interval_s
        self._timer = self._loop.call_at(due, self._tick, dialect, number + 1, events, start, interval_s)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(loop), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

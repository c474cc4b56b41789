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
_IN_URL = re.compile(rb"/bench-(burst|paced)-(\d+)(?:-(\d+))?:")
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


class OpenAIResponses:
    _item = b'{"id":"msg_bench","type":"message","status":"%b","role":"assistant","content":[%b]}'
    _part = b'{"type":"output_text","text":"%b","annotations":[]}'
    _where = b'"item_id":"msg_bench","output_index":0,"content_index":0'
    _usage = b'"usage":{"input_tokens":25000,"output_tokens":300,"total_tokens":25300}'
    opening = (
        b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_bench","object":'
        b'"response","model":"bench","status":"in_progress","output":[]}}\n\n',
        b'event: response.output_item.added\ndata: {"type":"response.output_item.added","sequence_number":1,"output_index":0,'
        b'"item":%b}\n\n' % (_item % (b"in_progress", b"")),
        b'event: response.content_part.added\ndata: {"type":"response.content_part.added","sequence_number":2,%b,"part":%b}\n\n'
        % (_where, _part % b""),
    )
    closing = (
        b'event: response.output_text.done\ndata: {"type":"response.output_text.done","sequence_number":9,%b,"text":"x"}\n\n'
        % _where,
        b'event: response.output_item.done\ndata: {"type":"response.output_item.done","sequence_number":10,"output_index":0,'
        b'"item":%b}\n\n' % (_item % (b"completed", _part % b"x")),
        b'event: response.completed\ndata: {"type":"response.completed","sequence_number":11,"response":{"id":"resp_bench",'
        b'"object":"response","model":"bench","status":"completed","output":[%b],%b}}\n\n'
        % (_item % (b"completed", _part % b"x"), _usage),
    )

    @classmethod
    def delta(cls, text: bytes) -> bytes:
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":3,%b,'
            b'"delta":"%b","logprobs":[]}\n\n' % (cls._where, text)
        )


class Gemini:
    _usage = b'"usageMetadata":{"promptTokenCount":25000,"candidatesTokenCount":300,"totalTokenCount":25300}'
    _after = b'%b,"modelVersion":"bench","responseId":"bench"}\r\n\r\n' % _usage
    opening = ()
    closing = (
        b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],%b'
        % _after,
    )

    @classmethod
    def delta(cls, text: bytes) -> bytes:
        return b'data: {"candidates":[{"content":{"parts":[{"text":"%b"}],"role":"model"},"index":0}],%b' % (
            text,
            cls._after,
        )


class Ollama:
    _before = (
        b'{"model":"bench","created_at":"2026-11-27T00:00:00Z","message":{"role":"assistant","content":"%b"},"done":'
    )
    opening = ()
    closing = (_before % b"" + b'true,"done_reason":"stop","prompt_eval_count":25000,"eval_count":300}\n',)

    @classmethod
    def delta(cls, text: bytes) -> bytes:
        return cls._before % text + b"false}\n"


Dialect = type[Anthropic] | type[OpenAIChat] | type[OpenAIResponses] | type[Gemini] | type[Ollama]
_BY_PATH: tuple[tuple[bytes, Dialect], ...] = (
    (b"/chat/completions", OpenAIChat),
    (b"/responses", OpenAIResponses),
    (b"/v1beta/models/", Gemini),
    (b"/api/chat", Ollama),
    (b"", Anthropic),
)


@cache
def burst(number: int, events: int) -> bytes:
    """Of the dialect of this number in `_BY_PATH`."""
    dialect = _BY_PATH[number][1]
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
        found = _IN_URL.search(self._url) or _MODEL.search(b"".join(self._body))
        self._body.clear()
        if found is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        place = next(place for place, (part, _) in enumerate(_BY_PATH) if part in self._url)
        dialect = _BY_PATH[place][1]
        if found[1] == b"burst":
            self._transport.write(burst(place, int(found[2])))
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

"""The scripted upstream's replies over HTTP/2: what HTTP/1.1 does to a connection is done to a stream, or as `over` says."""

from __future__ import annotations

import asyncio
from typing import Literal

import httptools
from h2.errors import ErrorCodes
from tests.unit.delivery.h2_server import Answer, Asked

from claude_code_router.scripted.play import Act, reply
from claude_code_router.scripted.script import Cut, End, Pause, Wait
from claude_code_router.scripted.upstream import Upstream, seen_as

Over = Literal["", "refused", "goaway", "lost", "gentle"]
"""Else a `Cut` is RST_STREAM. Here: REFUSED_STREAM, GOAWAY with an error, the connection's loss. `gentle`: GOAWAY without
an error as the reply begins."""


def playing(upstream: Upstream, over: Over = "") -> Answer:
    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        await _Play(asked, over).play(upstream)

    return answer


class _Play:
    """Reads HTTP/1.1 as the scripted upstream writes it. httptools calls the `on_` methods."""

    def __init__(self, asked: Asked, over: Over) -> None:
        self._asked = asked
        self._over = over
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body = b""
        self._begins = False
        self._ends = False

    async def play(self, upstream: Upstream) -> None:
        asked = self._asked
        headers = {name.decode(): value.decode() for name, value in asked.headers}
        at = asyncio.get_running_loop().time()
        seen = seen_as(headers[":method"], headers[":path"], headers, asked.body, at)
        for output in reply(*upstream.reply_to(seen), stream=seen.stream):
            if not isinstance(output, bytes):
                goes_on = await self._act(output)
                if not goes_on:
                    return
                continue
            self._parser.feed_data(output)
            await self._pass_on()

    async def _pass_on(self) -> None:
        asked = self._asked
        if self._begins and asked.reset is None:
            asked.begin(self._parser.get_status_code(), tuple(self._headers))
            if self._over == "gentle":
                asked.connection.goaway(asked.id)
        body, ends = self._body, self._ends
        self._begins, self._ends, self._body = False, False, b""
        await asked.say(body, end=ends)
        await asyncio.sleep(0)

    async def _act(self, act: Act) -> bool:
        """False when the reply is over."""
        match act:
            case Pause():
                await asyncio.sleep(act.seconds)
                return True
            case Wait():
                await act.gate.wait()
                return True
            case Cut() | End():
                self._break_off(ErrorCodes.INTERNAL_ERROR if isinstance(act, Cut) else ErrorCodes.NO_ERROR)
            case _:
                await asyncio.Event().wait()
        return False

    def _break_off(self, code: ErrorCodes) -> None:
        asked = self._asked
        if asked.reset is not None:
            return
        match self._over:
            case "lost":
                asked.connection.transport.abort()
            case "goaway":
                asked.connection.goaway(asked.id, ErrorCodes.INTERNAL_ERROR)
            case "refused":
                asked.break_off(ErrorCodes.REFUSED_STREAM)
            case _:
                asked.break_off(code)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name != b"transfer-encoding":
            self._headers.append((name.decode(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._begins = True

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._ends = True

"""A simulated provider on a real socket: tests, the demo and anyone's own experiments talk to it over HTTP.

Its HTTP is its own, on asyncio's transports, because it must do what a well-behaved server will not: reset a connection
in mid-event, fall silent, end a body without an end.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

import httptools
import msgspec

from claude_code_router.scripted.play import Act, Renderer, reply
from claude_code_router.scripted.render_anthropic import AnthropicRenderer
from claude_code_router.scripted.render_gemini import GeminiRenderer
from claude_code_router.scripted.render_ollama import OllamaRenderer
from claude_code_router.scripted.render_openai_chat import OpenAIChatRenderer
from claude_code_router.scripted.render_openai_responses import OpenAIResponsesRenderer
from claude_code_router.scripted.script import Cut, End, Fault, Pause, Script, Stall, Wait

Dialect = Literal["anthropic", "openai_chat", "openai_responses", "gemini", "ollama_chat"]
_GEMINI_PATH = re.compile(r"/models/([^/]+):(generateContent|streamGenerateContent)$")
_BEFORE_RESET_S = 0.02  # what was written should reach the peer before the reset overtakes it


class Seen(msgspec.Struct):
    """One request as it arrived. The last three are filled in as it is answered."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    json: dict[str, Any]
    """Empty when the body is not a JSON object."""
    dialect: Dialect
    stream: bool
    at: float
    """The event loop's clock, seconds."""
    cancelled: bool = False
    """The client hung up before the end."""
    cancelled_at: float | None = None
    answered: bool = False
    """The whole reply was written."""


Answer = Callable[[Seen], Script]


def in_turn(*scripts: Script) -> Answer:
    """The first request gets the first Script and so on; the last one repeats."""
    left = list(scripts)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Upstream:
    """`async with Upstream(answer) as up:` serves on `up.url` until the block ends; `up.seen` keeps every request.

    Paths: POST `…/messages` (Anthropic), `…/chat/completions`, `…/responses` (OpenAI) and `…/models/<model>:generateContent` or
    `:streamGenerateContent` (Gemini) are answered by `answer`, a Script or a
    function of the request; POST `…/count_tokens` with `count_tokens`; GET `…/models` with `models`; all else is 404.
    A failing `answer` is a 500 for the client and is raised again when the block ends.
    """

    def __init__(
        self,
        answer: Answer | Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        count_tokens: int = 100,
        models: Sequence[str] = ("scripted",),
    ) -> None:
        self._answer: Answer = (lambda _: answer) if isinstance(answer, Script) else answer
        self._host = host
        self._port = port
        self._count_tokens = count_tokens
        self._models = tuple(models)
        self._token = secrets.token_hex(3)
        self._server: asyncio.Server | None = None
        self.connections: set[_Connection] = set()
        self.seen: list[Seen] = []
        self.errors: list[Exception] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, loop), self._host, self._port)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            await connection.stop()
        if self.errors and error is None:
            raise self.errors[0]

    def reply_to(self, seen: Seen) -> tuple[Script, Renderer]:
        """What is said to this request, and in which words."""
        self.seen.append(seen)
        script = self._script(seen)
        model = str(seen.json.get("model", ""))
        tag = f"{self._token}{len(self.seen):04d}"
        if seen.dialect == "anthropic":
            return script, AnthropicRenderer(script, model=model, tag=tag)
        if seen.dialect == "gemini":
            return script, GeminiRenderer(script, model=_gemini_model(seen.path), tag=tag)
        if seen.dialect == "ollama_chat":
            return script, OllamaRenderer(script, model=model, tag=tag)
        if seen.dialect == "openai_responses":
            encrypted = "reasoning.encrypted_content" in (seen.json.get("include") or ())
            return script, OpenAIResponsesRenderer(script, model=model, tag=tag, encrypted=encrypted)
        options = seen.json.get("stream_options")
        usage_wanted = isinstance(options, dict) and options.get("include_usage") is True
        return script, OpenAIChatRenderer(script, model=model, tag=tag, usage_wanted=usage_wanted)

    def _script(self, seen: Seen) -> Script:
        path = seen.path.rstrip("/")
        if path.endswith("/count_tokens"):
            return _json({"input_tokens": self._count_tokens})
        if path.endswith("/models"):
            return _json({"object": "list", "has_more": False, "data": [_model(name) for name in self._models]})
        if seen.dialect == "anthropic" and not path.endswith("/messages"):
            return Script(status=404)
        try:
            return self._answer(seen)
        except Exception as error:  # noqa: BLE001  a test's own failure must reach the test, not die in a callback
            self.errors.append(error)
            return Script((Fault("api_error", f"the script failed: {error!r}"),), status=500)


class _Connection(asyncio.Protocol):
    """One client connection: requests in, one after the other; the task that plays a reply dies with the connection."""

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self._upstream = upstream
        self._loop = loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: list[Seen] = []
        self._current: Seen | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._reset_request()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not an isinstance: uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._upstream.connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._upstream.connections.discard(self)
        if self._current is not None:
            self._current.cancelled = True
            self._current.cancelled_at = self._loop.time()
        if self._task is not None:
            self._task.cancel()

    # httptools' callbacks

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        method, url = self._parser.get_method().decode(), self._url.decode("latin-1")
        self._waiting.append(seen_as(method, url, self._headers, b"".join(self._body), self._loop.time()))
        self._reset_request()
        self._next()

    # the reply

    async def stop(self) -> None:
        task = self._task
        self._current = None
        self._transport.abort()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _reset_request(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def _next(self) -> None:
        if self._task is None and self._waiting and not self._transport.is_closing():
            # The connection is the task's parent: it is cancelled in connection_lost and awaited in stop.
            self._task = self._loop.create_task(self._play(self._waiting.pop(0)))
            self._task.add_done_callback(self._played)

    def _played(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None and isinstance(error, Exception):
            self._upstream.errors.append(error)
            self._transport.abort()
        self._next()

    async def _play(self, seen: Seen) -> None:
        self._current = seen
        script, renderer = self._upstream.reply_to(seen)
        for output in reply(script, renderer, stream=seen.stream, head_only=seen.method == "HEAD"):
            if isinstance(output, bytes):
                await self._write(output)
            elif not await self._act(output):
                return
        seen.answered = True
        self._current = None

    async def _act(self, act: Act) -> bool:
        """False when the reply is over."""
        match act:
            case Pause():
                await asyncio.sleep(act.seconds)
                return True
            case Wait():
                await act.gate.wait()
                return True
            case Stall():
                await asyncio.Event().wait()
            case Cut():
                await asyncio.sleep(_BEFORE_RESET_S)
                self._current = None
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._transport.abort()
            case End():
                self._current = None
                self._transport.close()
        return False

    async def _write(self, data: bytes) -> None:
        self._transport.write(data)
        await self._writable.wait()
        # Gives the loop a turn, so that a client's hanging up is noticed between two events.
        await asyncio.sleep(0)


def seen_as(method: str, url: str, headers: dict[str, str], body: bytes, at: float) -> Seen:
    path, _, query = url.partition("?")
    json = _object(body)
    return Seen(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        json=json,
        dialect=_dialect(path),
        stream=json.get("stream") is True or path.endswith(":streamGenerateContent"),
        at=at,
    )


def _dialect(path: str) -> Dialect:
    if _GEMINI_PATH.search(path):
        return "gemini"
    path = path.rstrip("/")
    if path.endswith("/responses"):
        return "openai_responses"
    if path.endswith("/api/chat"):
        return "ollama_chat"
    return "openai_chat" if path.endswith("/chat/completions") else "anthropic"


def _gemini_model(path: str) -> str:
    found = _GEMINI_PATH.search(path)
    return found[1] if found else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _json(value: object) -> Script:
    return Script(body=msgspec.json.encode(value))


def _model(name: str) -> dict[str, Any]:
    """A row that both dialects' clients can read."""
    return {
        "id": name,
        "type": "model",
        "object": "model",
        "display_name": name,
        "created": 1_790_000_000,
        "created_at": "2026-09-21T00:00:00Z",
        "owned_by": "scripted",
    }

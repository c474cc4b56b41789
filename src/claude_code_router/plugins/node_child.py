"""One Node process that runs one custom router: several requests in flight, and an end that is always noticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from claude_code_router.plugins.frames import BadFrame, Frame, FrameDecoder, encode
from claude_code_router.plugins.question import Answer, Question, ScriptFailed
from claude_code_router.plugins.script_log import ScriptLog

READY_S = 10.0
_PONG_S = 0.25
_WAITING_LIMIT_BYTES = 64 << 20
"""Bodies on their way to a child that does not read: beyond this it is not asked."""
_LEVELS = {"fatal": logging.ERROR, "error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO}


class NodeChild(asyncio.SubprocessProtocol):
    """A `Script`. Made by `start_node`."""

    def __init__(self, path: str, log: ScriptLog) -> None:
        self.path = path
        self.alive = True
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[str] = loop.create_future()
        """What is wrong with the script; empty: nothing."""
        self._loop = loop
        self._ended: asyncio.Future[None] = loop.create_future()
        self._log = log
        self._decoder = FrameDecoder()
        self._waiting: dict[int, asyncio.Future[Frame | None]] = {}
        self._sequence = 0
        self._config: bytes | None = None
        self._why = "its process ended"
        self._pid = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._retiring: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._log.printed(data)
            return
        try:
            for frame in self._decoder.feed(data):
                self._take(frame)
        except BadFrame as bad:
            self.kill(str(bad))

    def process_exited(self) -> None:
        self.alive = False
        for timer in (self._retiring, self._deadline):
            if timer:
                timer.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)  # what it started itself
        if self._transport:
            self._transport.close()
        if not self.ready.done():
            self.ready.set_result(self._why)
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)
        if not self._ended.done():
            self._ended.set_result(None)

    # our side

    async def ask(self, question: Question) -> Answer:
        """Cancelled by its time limit: then the child shows that it still lives, or is ended."""
        self._sequence += 1
        seq = self._sequence
        future = self._waiting[seq] = self._loop.create_future()
        try:
            self._send_question(seq, question)
            frame = await future
        except asyncio.CancelledError:
            self._must_show_life()
            raise
        finally:
            del self._waiting[seq]
        if frame is None:
            raise ScriptFailed(self._why)
        if error := frame.header.get("error"):
            raise ScriptFailed(str(error))
        return Answer(target=str(frame.header.get("target", "")), body=frame.body or None)

    def kill(self, why: str) -> None:
        self.alive, self._why = False, why
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)

    def retire(self, after_s: float) -> None:
        if self.alive:
            self._retiring = self._loop.call_later(after_s, self.kill, "a newer script took its place")

    async def close(self) -> None:
        if not self._ended.done():
            self.kill("the router stopped")
        await self._ended

    def _send_question(self, seq: int, question: Question) -> None:
        if question.config != self._config:
            self._config = question.config
            self._send({"op": "config"}, question.config)
        url = f"{question.path}?{question.query}" if question.query else question.path
        header = {
            "op": "ask",
            "seq": seq,
            "id": question.id,
            "url": url,
            "headers": dict(question.headers),
            "tokens": question.tokens,
            "session": question.session,
        }
        self._send(header, question.body)

    def _send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0)) if self._transport else None
        if not self.alive or pipe is None or pipe.is_closing():
            raise ScriptFailed(self._why)
        if pipe.get_write_buffer_size() > _WAITING_LIMIT_BYTES:
            raise ScriptFailed("it does not read its requests")
        pipe.writelines(encode(header, body))

    def _take(self, frame: Frame) -> None:
        match frame.header.get("op"):
            case "answer":
                future = self._waiting.get(frame.header.get("id", 0))
                if future is not None and not future.done():
                    future.set_result(frame)
            case "log":
                level = _LEVELS.get(str(frame.header.get("level")), logging.DEBUG)
                self._log.said(level, str(frame.header.get("text", "")))
            case "pong" if self._deadline:
                self._deadline.cancel()
                self._deadline = None
            case "ready" if not self.ready.done():
                self.ready.set_result("")
            case "broken" if not self.ready.done():
                self.ready.set_result(str(frame.header.get("error", "it does not load")))

    def _must_show_life(self) -> None:
        """A promise that never resolves costs its own request only; a loop would cost everybody's."""
        if self._deadline is None and self.alive:
            with contextlib.suppress(ScriptFailed):
                self._send({"op": "ping"})
            self._deadline = self._loop.call_later(_PONG_S, self.kill, "it was stuck, and was ended")


async def start_node(path: str, log: ScriptLog, env: Mapping[str, str]) -> NodeChild:
    """Raises ScriptFailed when Node is missing or the script does not load."""
    node = shutil.which("node", path=env.get("PATH"))
    if node is None:
        raise ScriptFailed("Node.js, which runs JavaScript routers, is not installed (no `node` in PATH)")
    host = str(files("claude_code_router.plugins") / "host.cjs")
    try:
        _, child = await asyncio.get_running_loop().subprocess_exec(
            lambda: NodeChild(path, log),
            *(node, host, path),
            cwd=str(Path(path).parent),
            env=dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise ScriptFailed(f"Node.js could not be started: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(READY_S):
            problem = await asyncio.shield(child.ready)
    except TimeoutError:
        problem = f"it did not load within {READY_S:.0f} s"
    except asyncio.CancelledError:
        await child.close()
        raise
    if problem:
        await child.close()
        raise ScriptFailed(problem)
    return child

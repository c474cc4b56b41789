"""A custom router in Python: one file with `def` or `async def route(request, config)`.

It runs in daemon threads, never on the server's loop: code that blocks or loops must cost its own request only, be it sync
or async. A thread that is stuck is given up, and told to end where Python can tell it (at its next byte code).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import inspect
import sys
import threading
import types
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.plugins.question import Answer, Question, ScriptFailed, target_of
from claude_code_router.plugins.script_log import log

LOAD_S = 10.0
STUCK_LIMIT = 8
"""Given-up threads that have not ended; beyond this the script is not asked."""
_MODULE = "ccr_custom_router"
_BEAT_S = 0.25
_TOLD_CHARACTERS = 500


class Request:
    """What `route` gets."""

    __slots__ = ("body", "headers", "id", "log", "path", "query", "session_id", "token_count")

    def __init__(self, question: Question, body: object) -> None:
        self.id = question.id
        self.path = question.path
        self.query = question.query
        self.headers: Mapping[str, str] = dict(question.headers)
        self.body = body
        self.token_count = question.tokens
        self.session_id = question.session
        self.log = log


class _GivenUp(BaseException):
    """Raised inside a stuck thread. A BaseException: the script's own `except Exception` must not eat it."""


class PythonScript:
    """A `Script`. Made by `start_python`."""

    def __init__(self, path: str) -> None:
        self.alive = True
        self._path = path
        self._route: Callable[[Request, dict[str, Any]], Any] = lambda _request, _config: None
        self._loop_thread: _LoopThread | None = None
        """There when `route` is async."""
        self._stuck: list[threading.Thread] = []
        self._config: tuple[bytes, dict[str, Any]] = b"", {}

    async def load(self) -> None:
        """Raises ScriptFailed."""
        try:
            async with asyncio.timeout(LOAD_S):
                await self._in_thread(self._load)
        except TimeoutError:
            raise ScriptFailed(f"it did not load within {LOAD_S:.0f} s") from None
        if inspect.iscoroutinefunction(self._route):
            self._loop_thread = _LoopThread()

    async def ask(self, question: Question) -> Answer:
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if len(self._stuck) >= STUCK_LIMIT:
            raise ScriptFailed(f"{STUCK_LIMIT} of its calls have not come back")
        if self._loop_thread is None:
            answer: Answer = await self._in_thread(lambda: self._answer(question))
            return answer
        worker = self._loop_thread
        try:
            return await self._in_loop(worker, question)
        except ScriptFailed:
            if worker is self._loop_thread:
                raise
        return await self._in_loop(self._loop_thread, question)

    def retire(self, after_s: float) -> None:
        asyncio.get_running_loop().call_later(after_s, self._end)

    async def close(self) -> None:
        self._end()

    def _end(self) -> None:
        self.alive = False
        if self._loop_thread:
            self._loop_thread.stop()

    def _load(self) -> None:
        module = types.ModuleType(_MODULE)
        module.__file__ = self._path
        code = compile(Path(self._path).read_bytes(), self._path, "exec")
        sys.modules[_MODULE] = module  # dataclasses and pickle look their module up
        # Not importlib: its byte-code cache takes two edits within one second for the same file.
        exec(code, module.__dict__)  # noqa: S102 (the owner named this file to be run)
        route = getattr(module, "route", None)
        if not callable(route):
            raise ScriptFailed("it has no function `route(request, config)`")
        self._route = route

    def _answer(self, question: Question) -> Answer:
        request = Request(question, msgspec.json.decode(question.body))
        return _answer(self._route(request, self._config_of(question)), request, question)

    async def _answer_async(self, question: Question) -> Answer:
        try:
            request = Request(question, msgspec.json.decode(question.body))
            return _answer(await self._route(request, self._config_of(question)), request, question)
        except (asyncio.CancelledError, ScriptFailed):
            raise
        except BaseException as raised:  # noqa: BLE001 (sys.exit would end the loop for all)
            raise ScriptFailed(_told(raised)) from None

    def _config_of(self, question: Question) -> dict[str, Any]:
        """Decoded once for each state of the config."""
        text, config = self._config
        if text is not question.config:
            config = msgspec.json.decode(question.config)
            self._config = question.config, config
        return config

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        """A thread for each call: one that is stuck holds up nobody, and a pool's threads are waited for at the end."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[Any, str]] = loop.create_future()

        def settle(result: object, error: str) -> None:
            if not done.done():
                done.set_result((result, error))

        def run() -> None:
            result, error = None, ""
            try:
                result = work()
            except ScriptFailed as failed:
                error = str(failed)
            except BaseException as raised:  # noqa: BLE001 (sys.exit and the like are the script's, and end nothing)
                error = _told(raised)
            with contextlib.suppress(RuntimeError):  # the server's loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        thread = threading.Thread(target=run, name="ccr-custom-router", daemon=True)
        thread.start()
        try:
            result, error = await done
        except asyncio.CancelledError:
            self._give_up(thread)
            raise
        if error:
            raise ScriptFailed(error)
        return result

    async def _in_loop(self, worker: _LoopThread, question: Question) -> Answer:
        try:
            return await asyncio.wrap_future(worker.submit(self._answer_async(question)))
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if ours is None or not ours.cancelling():  # the worker was given up under another call
                raise ScriptFailed("another call of it blocked its event loop") from None
            asyncio.get_running_loop().call_later(_BEAT_S, self._look_after, worker, worker.beat())
            raise

    def _look_after(self, worker: _LoopThread, beat: threading.Event) -> None:
        """A call that waits for ever costs itself only; one that blocks would cost all that come after it."""
        if beat.is_set() or worker is not self._loop_thread:
            return
        self._give_up(worker.thread)
        worker.stop()
        self._loop_thread = _LoopThread()

    def _give_up(self, thread: threading.Thread) -> None:
        self._stuck.append(thread)
        if thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_GivenUp))


class _LoopThread:
    """An event loop of the script's own, the same for all its calls: a client session that it keeps stays usable."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="ccr-custom-router", daemon=True)
        self.thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, Answer]) -> concurrent.futures.Future[Answer]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def beat(self) -> threading.Event:
        """Set as soon as the loop turns."""
        event = threading.Event()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(event.set)
        return event

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self) -> None:
        loop = self._loop
        with contextlib.suppress(_GivenUp):
            loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0))  # what was submitted last becomes a task, and can be cancelled
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1))
        loop.close()


async def start_python(path: str) -> PythonScript:
    """Raises ScriptFailed when the script does not load."""
    script = PythonScript(path)
    await script.load()
    return script


def _answer(said: object, request: Request, question: Question) -> Answer:
    return Answer(target=target_of(said), body=edited(request.body, question.body))


def edited(body: object, original: bytes) -> bytes | None:
    """The body's new bytes when its meaning has changed; white space and escapes alone are no change."""
    try:
        after = msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptFailed(f"it left a body that is no JSON: {error}") from None
    if after == original or after == msgspec.json.encode(msgspec.json.decode(original)):
        return None
    if not isinstance(body, dict):
        raise ScriptFailed("it left a body that is no dict")
    return after


def _told(raised: BaseException) -> str:
    try:
        said = str(raised)
    except Exception:  # noqa: BLE001 (a __str__ of the script's own)
        said = ""
    where = f" (line {raised.lineno})" if isinstance(raised, SyntaxError) and raised.lineno else ""
    return f"{type(raised).__name__}: {said}{where}"[:_TOLD_CHARACTERS].removesuffix(": ")

"""The one door of uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn

DRAIN_S = 30
"""How long SIGTERM waits for replies under way."""
_LAST_WORDS_S = 1.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise the signal again after serving, which skips our own shutdown; `serve` handles them."""
        yield


async def serve(app: Callable[..., object], sock: socket.socket, on_stop: Callable[[Callable[[], None]], None]) -> None:
    """Serve until SIGTERM, SIGINT or the function handed to `on_stop` is called; then drain for at most DRAIN_S."""
    server = _Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=90,  # longer than a person's pause between two turns costs a reconnect, no more
            timeout_graceful_shutdown=DRAIN_S,
        )
    )

    def stop() -> None:
        if server.should_exit:
            server.force_exit = True
        server.should_exit = True

    on_stop(stop)
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
    await server.serve(sockets=[sock])
    await _cut_short(server.server_state.tasks)


async def _cut_short(requests: set[asyncio.Task[None]]) -> None:
    """What is still under way ends now; each request says so to its client and to the records, which end after it."""
    for request in tuple(requests):
        request.cancel()
    if requests:
        await asyncio.wait(tuple(requests), timeout=_LAST_WORDS_S)


def run(main: Callable[[], object]) -> None:
    """Run a coroutine function on the fastest loop there is, as this process's main work."""
    # What is loaded by now stays; and a request makes few cycles, so that looking for them every 700 objects is mostly waste
    # (a twenty-fifth of a relayed request's CPU).
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    if sys.platform == "win32":
        asyncio.run(main())  # type: ignore[arg-type]
    else:
        import uvloop

        uvloop.run(main())  # type: ignore[arg-type]

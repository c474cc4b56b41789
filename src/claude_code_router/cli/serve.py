"""The service process: `python -P -m claude_code_router.cli.serve <ServeOptions as JSON>`, or plain `ccr start`.

Its own entry, because neither Typer nor Rich should live in the memory of a process that runs for days.
The order is what makes a start certain: bind, then announce, then serve, and withdraw the announcement whatever happens.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from claude_code_router import __version__
from claude_code_router.cli import service, starter
from claude_code_router.cli.service import Answer, Health, ServiceFailed, ServiceState, Situation
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.config.settings import Settings
from claude_code_router.core.errors import RouterError
from claude_code_router.server import leases

SETTLE_S = 10.0  # how long two starts at once, or a start during a stop, may take to sort themselves out
CLOSING_S = 2.0
FREE_THE_PORT = "Stop it, or set PORT in config.json (or the environment variable SERVICE_PORT) to a free port."


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    port: int | None = None
    started_by: service.StartedBy = "start"
    daemon: bool = False
    log: str = ""


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _exit)
    try:
        options = msgspec.json.decode(arguments[0], type=ServeOptions) if arguments else ServeOptions()
        serve(Home(), options)
    except RouterError as error:
        complain(str(error))
        return 1
    except PermissionError as error:
        complain(f"no permission for {error.filename or 'that'}: {error.strerror}. Is it owned by another user?")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _exit(*_: object) -> NoReturn:
    """SIGTERM before the server listens to it itself: end, but through every `finally`."""
    sys.exit(0)


def serve(home: Home, options: ServeOptions) -> None:
    """Serves until it is told to stop. Returns at once, with a word, if a service runs already."""
    if already_running(home, options):
        return
    leases.release(home.leases / leases.KEEP)  # the wish to stay was meant for an earlier service
    from claude_code_router.config.load import load  # takes a while; "already running" should be quick

    starter.offer(home.config)
    config = load(home.config, os.environ)
    _log_to_stderr(config.settings)
    for warning in config.warnings:
        complain(f"{home.config.name}: {warning}")
    host, port = config.settings.host, config.settings.port if options.port is None else options.port
    sock = bind(home, options, host, port)
    if sock is None:
        return
    with sock:
        _announce_and_run(home, options, host, sock)


def _log_to_stderr(settings: Settings) -> None:
    """The terminal's in the foreground, the log file's in the background. LOG_LEVEL has the npm tool's names."""
    level = {"fatal": "CRITICAL", "warn": "WARNING", "trace": "DEBUG"}.get(
        settings.log_level, settings.log_level.upper()
    )
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("ccr").setLevel(level if settings.log else logging.CRITICAL)


def already_running(home: Home, options: ServeOptions) -> bool:
    found = service.find(home)
    if found.situation is Situation.HUNG:  # perhaps starting or ending at this very moment
        service.wait_until(lambda: service.find(home).situation is not Situation.HUNG, SETTLE_S)
        found = service.find(home)
    if found.state is None:
        return False
    if found.running:
        say(f"Claude Code Router is already running at {found.state.url} (pid {found.state.pid}).")
        if options.started_by == "start" and found.state.started_by == "code":
            leases.keep(home.leases)
            say("It was started by `ccr code`; it now stays until `ccr stop`.")
        return True
    if found.situation is Situation.HUNG:
        raise ServiceFailed(
            f"a router process (pid {found.state.pid}) lives but does not answer on {found.state.url}.",
            hint="`ccr restart` replaces it.",
        )
    complain(f"the last router (pid {found.state.pid}) ended without cleaning up; starting a new one.")
    service.remove_state(home.service, found.state.instance)
    return False


def bind(home: Home, options: ServeOptions, host: str, port: int) -> socket.socket | None:
    """The listening socket, or None when a service of ours has come first."""
    from claude_code_router.assemble import bound_socket

    began = time.monotonic()
    while True:
        try:
            return bound_socket(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ServiceFailed(_cannot_listen(host, port, error)) from error
        answer = service.probe(host, port)
        found = service.find(home)
        if found.running:
            already_running(home, options)
            return None
        waited_s = time.monotonic() - began
        if waited_s > _patience_s(answer, found):
            raise ServiceFailed(_port_taken(answer, port), hint=FREE_THE_PORT)
        time.sleep(service.LOOK_EVERY_S)


def _patience_s(answer: Health | Answer, found: service.Service) -> float:
    """How long this picture may be that of a router on its way up or down."""
    if found.situation is Situation.HUNG:
        return SETTLE_S
    return CLOSING_S if isinstance(answer, Health) or answer is Answer.REFUSED else 0.0


def _port_taken(answer: Health | Answer, port: int) -> str:
    if isinstance(answer, Health):
        return f"port {port} is in use by a Claude Code Router that does not belong to this home (pid {answer.pid})."
    return f"port {port} is in use by {service.port_owner(port) or 'another program'}."


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that this user does not have. Set PORT in config.json to one above 1023."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return (
            f"HOST {host} is no address of this machine. Set HOST in config.json to 127.0.0.1 or one of its addresses."
        )
    return f"cannot listen on {host}:{port}: {error.strerror}."


def _announce_and_run(home: Home, options: ServeOptions, host: str, sock: socket.socket) -> None:
    state = ServiceState(
        pid=os.getpid(),
        start=leases.process_start(os.getpid()),
        host=host,
        port=sock.getsockname()[1],
        instance=secrets.token_hex(16),
        version=__version__,
        started_by=options.started_by,
        started_at=time.time(),
        daemon=options.daemon,
        port_option=options.port,
        log=options.log,
    )
    service.write_state(home.service, state)
    complain(f"listening on {state.url} (pid {state.pid})")
    try:
        from claude_code_router.server.serve import run

        run(lambda: _run(home, state, sock))
    finally:
        service.remove_state(home.service, state.instance)


async def _run(home: Home, state: ServiceState, sock: socket.socket) -> None:
    from claude_code_router.assemble import run_router

    if state.started_by == "start":
        await run_router(home, sock, state.instance, env=os.environ)
        return
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(
                leases.watch_leases(
                    home.leases,
                    withdraw=lambda: service.remove_state(home.service, state.instance),
                    publish=lambda: service.write_state(home.service, state),
                    stop=lambda: os.kill(os.getpid(), signal.SIGTERM),
                )
            )
            await run_router(home, sock, state.instance, env=os.environ)
            watcher.cancel()
    except ExceptionGroup as group_error:
        if len(group_error.exceptions) == 1:
            raise group_error.exceptions[0] from None  # `main` knows it by its own name
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

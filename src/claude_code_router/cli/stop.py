"""`ccr stop`."""

from __future__ import annotations

import os
import signal
import sys

from claude_code_router.cli import service
from claude_code_router.cli.service import Health, Service, ServiceFailed, ServiceState, Situation
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.server.leases import process_start

QUICKLY_S = 2.0
DRAIN_S = 32.0  # server.serve waits 30 s for replies under way
FORCED_S = 3.0


def command() -> None:
    """Stop the router and wait until it is gone.

    Replies under way may end first, for half a minute at most. Only a process that is proven to be our service is signalled.
    """
    home = Home()
    found = service.find(home)
    if found.situation in (Situation.RUNNING, Situation.HUNG) and found.state is not None:
        end(home, found)
        say(f"Claude Code Router (pid {found.state.pid}) has stopped.")
        return
    if found.state is not None:
        service.remove_state(home.service, found.state.instance)
        complain(f"the last router (pid {found.state.pid}) had ended without cleaning up; done now.")
    say("Claude Code Router is not running.")


def end(home: Home, found: Service) -> None:
    """Ends a verified service: asks, waits, insists. Returns when its process is gone and its port is closed."""
    state = found.state
    if state is None:
        return
    if process_start(state.pid) != state.start:
        raise ServiceFailed(
            f"the router at {state.url} answers, but its process {state.pid} cannot be seen from here.",
            hint="Does it run in a container or on another machine with the same home? Stop it there.",
        )
    _signal(state, signal.SIGTERM)
    if not _gone(state, QUICKLY_S):
        if found.running:
            complain(f"waiting for replies under way (pid {state.pid}, {DRAIN_S:.0f} s at most) …")
        if not found.running or not _gone(state, DRAIN_S):
            _insist(state)
    service.remove_state(home.service, state.instance)


def _insist(state: ServiceState) -> None:
    _signal(state, signal.SIGTERM)  # the second one cuts what is still open
    if not _gone(state, FORCED_S):
        _signal(state, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    if not _gone(state, FORCED_S):
        raise ServiceFailed(f"process {state.pid} does not end, not even by force.")


def _signal(state: ServiceState, number: signal.Signals) -> None:
    if process_start(state.pid) != state.start:
        return  # it went in between
    try:
        os.kill(state.pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ServiceFailed(f"process {state.pid} belongs to another user: only they can stop it.") from error


def _gone(state: ServiceState, timeout_s: float) -> bool:
    return service.wait_until(lambda: process_start(state.pid) != state.start and not _answers(state), timeout_s)


def _answers(state: ServiceState) -> bool:
    answer = service.probe(state.host, state.port, timeout_s=0.5)
    return isinstance(answer, Health) and answer.instance == state.instance

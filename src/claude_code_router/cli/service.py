"""Which router is running? One state file, believed only when the port answers with the same token.

`ServiceState` is written after the port is bound and removed by its owner. A reader never trusts it alone: a crash leaves
it behind, pids are reused, and ports are taken by other programs. `situation` is the whole judgement, as a pure function.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from claude_code_router.config.home import Home
from claude_code_router.core.errors import RouterError
from claude_code_router.core.readiness import Readiness
from claude_code_router.server.leases import process_start

StartedBy = Literal["start", "code"]

PROBE_TIMEOUT_S = 1.0
LOOK_EVERY_S = 0.02


class ServiceFailed(RouterError):
    """The service cannot be started, stopped or reached; the message is for the person at the terminal."""

    fault = "owner"


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """What the running service says of itself in `service.json` (0600)."""

    pid: int
    start: str
    """`process_start(pid)`: tells a reused pid from ours."""
    host: str
    port: int
    instance: str
    """Random; /health repeats it."""
    version: str
    started_by: StartedBy = "start"
    started_at: float = 0.0
    """Unix seconds."""
    daemon: bool = False
    port_option: int | None = None
    """`--port` as given, so that a restart keeps it."""
    log: str = ""
    """The daemon's log file; empty in the foreground."""

    @property
    def url(self) -> str:
        return base_url(self.host, self.port)


class HealthConfig(msgspec.Struct, frozen=True):
    hash: str = ""
    error: str | None = None
    warnings: tuple[str, ...] = ()
    gate: str = ""


class HealthRecords(msgspec.Struct, frozen=True):
    dropped: int = 0


class HealthScores(msgspec.Struct, frozen=True):
    waiting: int = 0
    scored: int = 0
    paired: int = 0
    dropped: int = 0
    unjudged: int = 0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The body of GET /health."""

    instance: str
    pid: int = 0
    version: str = ""
    config: HealthConfig = HealthConfig()
    records: HealthRecords = HealthRecords()
    scores: HealthScores = HealthScores()


class Answer(StrEnum):
    """What GET /health on a port came back with, when it was no `Health`."""

    REFUSED = "refused"  # nobody listens
    SILENT = "silent"  # connected, and no answer in time
    OTHER = "other"  # somebody who is no router of ours


class Situation(StrEnum):
    STOPPED = "stopped"  # no state file
    RUNNING = "running"
    HUNG = "hung"  # its process lives, and its port does not answer: starting, draining, or stuck
    STALE = "stale"  # it died without removing the file (or its pid is another program's now)
    FOREIGN = "foreign"  # the same, and another program has the port


class Service(msgspec.Struct, frozen=True):
    situation: Situation
    state: ServiceState | None = None
    health: Health | None = None

    @property
    def running(self) -> bool:
        return self.situation is Situation.RUNNING


def situation(state: ServiceState | None, start_now: str, answer: Health | Answer) -> Situation:
    """The judgement. `start_now` is `process_start(state.pid)`: empty when no such process lives."""
    if state is None:
        return Situation.STOPPED
    if isinstance(answer, Health) and answer.instance == state.instance:
        return Situation.RUNNING  # even if its process cannot be seen from here: a container with the same home
    if start_now and start_now == state.start:
        return Situation.HUNG
    return Situation.STALE if answer is Answer.REFUSED else Situation.FOREIGN


def find(home: Home, api_key: str = "", *, timeout_s: float = PROBE_TIMEOUT_S) -> Service:
    """`api_key`: the router's own; without it /health does not say what is wrong with the config."""
    state = read_state(home.service)
    if state is None:
        return Service(Situation.STOPPED)
    answer = probe(state.host, state.port, api_key, timeout_s=timeout_s)
    found = situation(state, process_start(state.pid), answer)
    return Service(found, state, answer if isinstance(answer, Health) else None)


def read_state(path: Path) -> ServiceState | None:
    """None when there is no file, or one that no version of ours has written: then nobody can be identified by it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServiceState)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_state(path: Path, state: ServiceState) -> None:
    write_private(path, msgspec.json.format(msgspec.json.encode(state)))


def remove_state(path: Path, instance: str) -> None:
    """Removes the file if it is still that instance's."""
    state = read_state(path)
    if state is not None and state.instance == instance:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Atomic; readable by its owner only, and its directory too when it is created here."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def probe(host: str, port: int, api_key: str = "", *, timeout_s: float = PROBE_TIMEOUT_S) -> Health | Answer:
    """Asks the port who it is. Never through a proxy."""
    connection = http.client.HTTPConnection(local_host(host), port, timeout=timeout_s)
    try:
        connection.request("GET", "/health", headers=_authorisation(api_key))
        return msgspec.json.decode(connection.getresponse().read(65_536), type=Health)
    except TimeoutError:
        return Answer.SILENT
    except ConnectionRefusedError:
        return Answer.REFUSED
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeError):
        return Answer.OTHER
    finally:
        connection.close()


def readiness(state: ServiceState, api_key: str, *, timeout_s: float = PROBE_TIMEOUT_S) -> Readiness | None:
    """What the service says of its targets; None when it does not say."""
    connection = http.client.HTTPConnection(local_host(state.host), state.port, timeout=timeout_s)
    try:
        connection.request("GET", "/health/ready", headers=_authorisation(api_key))
        return msgspec.json.decode(connection.getresponse().read(1 << 20), type=Readiness)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeError):
        return None  # a router of before, perhaps
    finally:
        connection.close()


def _authorisation(api_key: str) -> dict[str, str]:
    """Nothing for a key that no header can carry: the answer is then as for a stranger."""
    return {"Authorization": f"Bearer {api_key}"} if api_key and api_key.isascii() and api_key.isprintable() else {}


def local_host(host: str) -> str:
    """Where a client on this machine reaches a service that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def base_url(host: str, port: int) -> str:
    near = local_host(host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def port_owner(port: int) -> str:
    """`node (pid 4711)`, or "" when this user may not know. Who listens comes first; else the end of a connection has it."""
    import psutil

    try:
        ends = [end for end in psutil.net_connections(kind="tcp") if end.pid and end.laddr and end.laddr.port == port]
        owner = min(ends, key=lambda end: end.status != psutil.CONN_LISTEN, default=None)
        return f"{psutil.Process(owner.pid).name()} (pid {owner.pid})" if owner else ""
    except (psutil.Error, OSError):
        return ""

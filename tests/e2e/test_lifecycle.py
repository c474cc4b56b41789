"""The service from outside: real processes, a fresh home each, and everything that may be in the way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.cli.service import ServiceState, read_state, write_state
from claude_code_router.config.home import Home
from claude_code_router.server.leases import in_use, process_start, release, take

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and scripts")

CCR = [sys.executable, "-P", "-m", "claude_code_router.cli"]
PATIENCE_S = 30

CONFIG = {
    "APIKEY": "client-secret",
    "API_TIMEOUT_MS": 300_000,
    "Providers": [
        {
            "name": "local",
            "api_base_url": "http://127.0.0.1:9/v1/chat/completions",
            "api_key": "sk-upstream",
            "models": ["small", "large"],
        }
    ],
    "Router": {"default": "local,large", "background": "local,small"},
}

FAKE_CLAUDE = """#!{python} -SE
import json, os, sys, time
seen = {{"arguments": sys.argv[1:], "env": dict(os.environ), "pid": os.getpid()}}
if os.environ.get("READ_STDIN"):
    seen["stdin"] = sys.stdin.read()
fresh = os.environ["SEEN"] + ".new"
with open(fresh, "w") as file:
    json.dump(seen, file)
os.rename(fresh, os.environ["SEEN"])
while os.environ.get("STAY") and os.path.exists(os.environ["STAY"]):
    time.sleep(0.02)
sys.exit(int(os.environ.get("EXIT", "0")))
"""


class World:
    """A user's home, a port and a fake claude."""

    def __init__(self, root: Path) -> None:
        self.user = root / "user"
        self.user.mkdir()
        self.bin = root / "bin"
        self.bin.mkdir()
        self.root = root
        self.home = Home(self.user / ".claude-code-router")
        self.port = free_port()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE"))},
            "HOME": str(self.user),
            "SERVICE_PORT": str(self.port),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
        }
        self.configure(CONFIG)

    def configure(self, config: object) -> None:
        self.home.root.mkdir(exist_ok=True)
        self.home.config.write_text(config if isinstance(config, str) else json.dumps(config))

    def fake_claude(self) -> None:
        path = self.bin / "claude"
        path.write_text(FAKE_CLAUDE.format(python=sys.executable))
        path.chmod(0o755)

    def ccr(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CCR, *arguments],
            env={**self.env, **env},
            cwd=self.user,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def spawn(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*CCR, *arguments],
            env={**self.env, **env},
            cwd=self.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def code(self, *arguments: str, **env: str) -> tuple[int, dict[str, Any]]:
        seen = self.root / f"seen-{time.monotonic_ns()}.json"
        done = self.ccr("code", *arguments, SEEN=str(seen), **env)
        return done.returncode, json.loads(seen.read_text()) if seen.exists() else {"stderr": done.stderr}

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.ccr("status", "--json").stdout)
        return answer

    def state(self) -> ServiceState:
        state = read_state(self.home.service)
        assert state is not None
        return state


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    here = World(tmp_path)
    yield here
    here.ccr("stop")


def free_port() -> int:
    """Below the range that outgoing connections take their ports from: such a one would be in our way later."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_daemon_starts_answers_and_stops(world: World) -> None:
    """`start -d` returns when the service answers, `stop` when its process, port and state file are gone."""
    started = world.ccr("start", "-d")
    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{world.port}" in started.stdout
    status = world.status()
    assert (status["running"], status["port"], status["pid"]) == (True, world.port, world.state().pid)
    assert status["routes"]["default"] == "local,large"
    assert world.home.service.stat().st_mode & 0o777 == 0o600
    stopped = world.ccr("stop")
    assert stopped.returncode == 0 and "has stopped" in stopped.stdout
    assert not world.home.service.exists() and not is_open(world.port)
    assert process_start(status["pid"]) == ""
    assert world.status()["running"] is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_foreground_service_ends_clean(world: World, number: signal.Signals) -> None:
    """A signal ends `ccr start` with code 0 and without a state file or a traceback."""
    process = world.spawn("start")
    eventually(lambda: world.home.service.exists() and is_open(world.port))
    eventually(lambda: world.status()["running"])
    assert world.state().pid == process.pid
    process.send_signal(number)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert not world.home.service.exists()


def test_a_second_start_says_that_it_runs(world: World) -> None:
    """Starting what runs is no error and changes nothing."""
    world.ccr("start", "-d")
    pid = world.state().pid
    for arguments in (["start"], ["start", "-d"], ["start", "--port", "1"]):
        again = world.ccr(*arguments)
        assert again.returncode == 0
        assert "already running" in again.stdout and str(pid) in again.stdout
    assert world.state().pid == pid


def test_starts_at_the_same_time_make_one_service(world: World) -> None:
    """Whoever binds first is the service, and all the others say that it runs."""
    several = [world.spawn("start", "-d") for _ in range(3)]
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in several]
    assert [process.returncode for process in several] == [0, 0, 0], outputs
    assert all(f"(pid {world.state().pid}" in output for output in outputs)
    assert world.status()["running"]


def test_a_crashed_service_is_replaced(world: World) -> None:
    """After kill -9 the state file is seen through, and a start works and says what it found."""
    world.ccr("start", "-d")
    crashed = world.state().pid
    os.kill(crashed, signal.SIGKILL)
    eventually(lambda: not is_open(world.port))
    assert world.status()["situation"] == "stale"
    started = world.ccr("start", "-d")
    assert started.returncode == 0 and "ended without cleaning up" in started.stderr
    assert world.state().pid != crashed


def test_a_recycled_pid_is_left_alone(world: World) -> None:
    """A state file that names a living process of somebody else: it is not signalled, and does not block a start."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        write_state(world.home.service, foreign_state(world, bystander.pid))
        assert world.status()["situation"] == "stale"
        assert "is not running" in world.ccr("stop").stdout
        assert bystander.poll() is None and not world.home.service.exists()
        write_state(world.home.service, foreign_state(world, bystander.pid))
        assert world.ccr("start", "-d").returncode == 0
        assert world.status()["running"] and bystander.poll() is None
        bystander.kill()


def foreign_state(world: World, pid: int) -> ServiceState:
    return ServiceState(pid=pid, start="earlier", host="127.0.0.1", port=world.port, instance="gone", version="0")


def test_nonsense_in_the_state_file_does_not_block(world: World) -> None:
    """A torn or foreign state file identifies nobody."""
    world.home.service.write_text("{")
    assert world.status()["situation"] == "stopped"
    assert world.ccr("start", "-d").returncode == 0


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"220 mail\r\n", None])
def test_a_port_of_another_program_is_named(world: World, answer: bytes | None) -> None:
    """Whatever the other program says, or if it says nothing: its name, its pid and what to change."""
    with socket.create_server(("127.0.0.1", world.port)) as listener:
        threading.Thread(target=serve_bytes, args=(listener, answer), daemon=True).start()
        for arguments in (["start"], ["start", "-d"]):
            failed = world.ccr(*arguments)
            assert failed.returncode == 1
            assert f"port {world.port} is in use by" in failed.stderr and f"pid {os.getpid()}" in failed.stderr
            assert "set PORT" in failed.stderr and "Traceback" not in failed.stderr
        assert not world.home.service.exists()


def serve_bytes(listener: socket.socket, answer: bytes | None) -> None:
    held = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        held.append(connection)
        if answer is not None:
            connection.recv(65_536)
            connection.sendall(answer)
            connection.close()


def test_a_port_of_another_home_is_named(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A router of another home on the port is told from ours."""
    other = World(tmp_path_factory.mktemp("other"))
    other.env["SERVICE_PORT"] = str(world.port)
    other.ccr("start", "-d")
    try:
        failed = world.ccr("start", "-d")
        assert failed.returncode == 1
        assert "does not belong to this home" in failed.stderr and str(other.state().pid) in failed.stderr
    finally:
        other.ccr("stop")


BROKEN = """{
  "PORT": "many",
  "Providers": [{"name": "x"}],
}"""


@pytest.mark.parametrize("arguments", [["start"], ["start", "-d"], ["restart"], ["code", "-p", "hi"], ["activate"]])
def test_a_broken_config_is_told_with_all_problems(world: World, arguments: list[str]) -> None:
    """Every problem with its line, once, from each command that needs the config."""
    world.fake_claude()
    world.configure(BROKEN)
    failed = world.ccr(*arguments, SEEN=str(world.root / "seen.json"))
    assert failed.returncode == 1
    assert "line 2: PORT" in failed.stderr and "line 3: Providers[0]" in failed.stderr
    assert failed.stderr.count("line 2: PORT") == 1
    assert "Traceback" not in failed.stderr and "timeout" not in failed.stderr.lower()
    assert not (world.root / "seen.json").exists() and not world.home.service.exists()


def test_the_error_of_a_daemon_is_shown(world: World) -> None:
    """What only the child can find out reaches the terminal."""
    world.configure({**CONFIG, "HOST": "203.0.113.7"})
    failed = world.ccr("start", "-d")
    assert failed.returncode == 1
    assert "203.0.113.7 is no address of this machine" in failed.stderr


def test_a_missing_config_gets_a_starter_and_advice(world: World) -> None:
    """Without a config the service starts, and the terminal says which file to fill."""
    world.home.config.unlink()
    started = world.ccr("start", "-d")
    assert started.returncode == 0
    assert str(world.home.config) in started.stderr and "Providers" in started.stderr
    assert world.home.config.stat().st_mode & 0o777 == 0o600
    assert world.status()["running"]


def test_restart_replaces_the_process_and_keeps_the_port(world: World) -> None:
    """Another pid on the same `--port`; in the background, as before."""
    port = free_port()
    world.ccr("start", "-d", "--port", str(port))
    before = world.state()
    restarted = world.ccr("restart")
    assert restarted.returncode == 0, restarted.stderr
    after = world.state()
    assert after.pid != before.pid and after.port == before.port == port and after.daemon
    assert process_start(before.pid) == ""


def test_restart_with_a_broken_config_keeps_the_old_service(world: World) -> None:
    """The old service is not ended for a new one that could not start."""
    world.ccr("start", "-d")
    before = world.state().pid
    world.configure(BROKEN)
    assert world.ccr("restart").returncode == 1
    assert world.state().pid == before and process_start(before)


def test_a_hung_service_is_told_and_ended(world: World) -> None:
    """A process that lives and does not answer is no running service; `stop` ends it by force."""
    world.ccr("start", "-d")
    pid = world.state().pid
    os.kill(pid, signal.SIGSTOP)
    assert world.status()["situation"] == "hung"
    assert "has stopped" in world.ccr("stop").stdout
    assert process_start(pid) == "" and not world.home.service.exists()


def test_the_project_cannot_shadow_our_modules(world: World) -> None:
    """The directory that a command runs in is not searched for Python modules."""
    for name in ("json.py", "typing.py", "msgspec.py"):
        (world.user / name).write_text("raise SystemExit('shadowed')")
    started = world.ccr("start", "-d")
    assert started.returncode == 0, started.stderr


ARGUMENTS = [
    ["-p", "a 'quoted' \"text\""],
    ["$HOME", "`id`", "$(id)", "a;b|c&d", "*"],
    ["--no-color", "--flag=", "--", "-p", "x"],
    ["", " ", "line\nbreak", "ünï ✓"],
    ["--help"],
    ["--version"],
    ["--allowedTools", "Bash", "Read", "-d", "--port", "1"],
    [],
]


def test_arguments_reach_claude_verbatim(world: World) -> None:
    """No shell and no parser of ours touches them."""
    world.fake_claude()
    world.ccr("start", "-d")
    for arguments in ARGUMENTS:
        code, seen = world.code(*arguments)
        assert (code, seen["arguments"]) == (0, arguments)


def test_claude_gets_a_clean_environment(world: World) -> None:
    """Our address and token, none of the user's real keys, and the rest as it was."""
    world.fake_claude()
    code, seen = world.code(
        ANTHROPIC_API_KEY="sk-real",
        ANTHROPIC_BASE_URL="http://elsewhere",
        CLAUDE_CODE_USE_BEDROCK="1",
        NO_PROXY="intranet",
        MINE="kept",
        EXIT="7",
    )
    env = seen["env"]
    assert code == 7
    assert env["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{world.port}"
    assert env["ANTHROPIC_AUTH_TOKEN"] == "client-secret"
    assert env["API_TIMEOUT_MS"] == "300000"
    assert env["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert env["MINE"] == "kept"
    assert not {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "DISABLE_TELEMETRY"} & env.keys()


def test_non_interactive_mode_closes_the_input(world: World) -> None:
    """NON_INTERACTIVE_MODE: an input that ends at once, and the npm tool's variables."""
    world.fake_claude()
    world.configure({**CONFIG, "NON_INTERACTIVE_MODE": True})
    _, seen = world.code("-p", "x", READ_STDIN="1")
    assert seen["stdin"] == ""
    assert (seen["env"]["CI"], seen["env"]["TERM"]) == ("true", "dumb")


def test_a_missing_claude_is_one_sentence(world: World) -> None:
    """What is missing, how to get it, and where else it may be."""
    failed = world.ccr("code", "-p", "x", PATH="/usr/bin:/bin")
    assert failed.returncode == 1
    assert "cannot find Claude Code" in failed.stderr and "CLAUDE_PATH" in failed.stderr
    assert not list(world.home.leases.glob("*"))


def test_a_signal_goes_to_claude(world: World) -> None:
    """The process that was `ccr code` is claude itself."""
    world.fake_claude()
    seen, stay = world.root / "seen.json", world.root / "stay"
    stay.touch()
    process = world.spawn("code", SEEN=str(seen), STAY=str(stay))
    eventually(seen.exists)
    assert json.loads(seen.read_text())["pid"] == process.pid
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGTERM


def test_the_service_ends_with_its_last_user(world: World) -> None:
    """Two users, one of them killed with -9: the service stays for the other, and ends after it."""
    world.fake_claude()
    users = []
    for number in range(2):
        seen, stay = world.root / f"seen{number}.json", world.root / f"stay{number}"
        stay.touch()
        users.append((world.spawn("code", SEEN=str(seen), STAY=str(stay)), stay))
        eventually(seen.exists)
    service = world.state()
    assert service.started_by == "code" and len(list(world.home.leases.glob("*.json"))) == 2
    (killed, _), (last, stay) = users
    killed.kill()
    killed.communicate()
    eventually(lambda: len(list(world.home.leases.glob("*.json"))) == 1)
    assert world.state().pid == service.pid
    stay.unlink()
    last.communicate(timeout=PATIENCE_S)
    eventually(lambda: process_start(service.pid) == "")
    assert not world.home.service.exists() and not is_open(world.port)


def test_users_who_come_at_the_same_time_share_a_service(world: World) -> None:
    """Each starts what is not there yet; one service comes of it, and nobody sees an error."""
    world.fake_claude()
    seen = [world.root / f"seen{number}.json" for number in range(3)]
    users = [world.spawn("code", SEEN=str(path)) for path in seen]
    outputs = [user.communicate(timeout=PATIENCE_S)[0] for user in users]
    assert [user.returncode for user in users] == [0, 0, 0], outputs
    assert len({json.loads(path.read_text())["env"]["ANTHROPIC_BASE_URL"] for path in seen}) == 1
    assert world.status()["started_by"] == "code"


def test_a_start_makes_the_service_of_code_stay(world: World) -> None:
    """Who asks for a service by name keeps it, whoever started it; a stop takes the wish back."""
    world.fake_claude()
    ours = take(world.home.leases, os.getpid())  # on a busy machine the next command may come after the grace
    world.code()
    pid = world.state().pid
    started = world.ccr("start", "-d")
    release(ours)
    assert "stays until `ccr stop`" in started.stdout
    assert world.state().pid == pid and in_use(world.home.leases)
    world.ccr("stop")
    assert world.code()[0] == 0
    eventually(lambda: not in_use(world.home.leases))

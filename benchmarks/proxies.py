"""The processes under measurement: how each is configured, started, asked for its CPU and memory, and stopped."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

HERE = Path(__file__).resolve().parent
NPM_TOOL = Path(
    os.environ.get("CCR_E2E_CACHE", Path.home() / ".cache" / "ccr-e2e"),
    "npm-router-2.0.0/node_modules/@musistudio/claude-code-router",
)
MODELS = ("bench-burst-300", "bench-burst-10", "bench-paced-300-4", "bench-paced-100-50", "bench-paced-20-50")

OTHER_DIALECTS = (
    ("resp", "/v1/responses", "openai_responses"),
    ("gem", "/v1beta/models/", "gemini"),
    ("oll", "/api/chat", "ollama_chat"),
)
"""Name, path, dialect of the providers that only we are asked for."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def config(port: int, upstream: str) -> dict[str, object]:
    """One config.json that we and the npm tool both read."""
    shared = {"api_key": "bench", "models": MODELS}
    return {
        "HOST": "127.0.0.1",
        "PORT": port,
        "LOG": False,
        "Providers": [
            {
                "name": "anth",
                "api_base_url": f"{upstream}/v1/messages",
                "transformer": {"use": ["Anthropic"]},
                **shared,
            },
            {"name": "oai", "api_base_url": f"{upstream}/v1/chat/completions", **shared},
        ],
        "Router": {"default": f"anth,{MODELS[0]}"},
    }


@dataclass
class Proxy:
    """One measured program. `command` is run with `home` as its HOME, which holds its config."""

    name: str
    command: Sequence[str]
    port: int
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds until the port answers HTTP."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **self.environment}
        with (self.home / f"{self.name}.log").open("ab") as log:
            begun = time.perf_counter()
            self.process = subprocess.Popen(
                self.command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home
            )
        while time.perf_counter() - begun < 30:
            if answers(self.port):
                return time.perf_counter() - begun
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f"{self.name} did not start: {(self.home / f'{self.name}.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def last_words(self) -> str:
        """What a program that ended too early left behind; empty while it runs."""
        if self.process is None or self.process.poll() is None:
            return ""
        return (
            f"{self.name} ended with {self.process.returncode}: {(self.home / f'{self.name}.log').read_text()[-2000:]}"
        )

    def pids(self) -> list[int]:
        assert self.process is not None
        return list(_tree(self.process.pid))

    def cpu_s(self) -> float:
        """User and system time of the whole tree, to the microsecond where /proc/<pid>/stat has ticks of 10 ms."""
        return sum(_cpu_s(pid) for pid in self.pids())

    def memory_mb(self) -> float:
        """Resident memory of the whole tree."""
        return sum(_resident_kb(pid) for pid in self.pids()) / 1024


def floor(home: Path, upstream: str) -> Proxy:
    port = free_port()
    return Proxy("floor", [sys.executable, str(HERE / "floor.py"), str(port), upstream], port, home)


def ours(home: Path, upstream: str, bytecode: Path) -> Proxy:
    """The real thing, records on, with a provider of each dialect."""
    port = free_port()
    content = config(port, upstream)
    more = [
        {"name": name, "api_base_url": upstream + path, "api_key": "bench", "models": MODELS, "dialect": dialect}
        for name, path, dialect in OTHER_DIALECTS
    ]
    content["Providers"] = [*cast("list[object]", content["Providers"]), *more]
    _write(home / ".claude-code-router" / "config.json", content)
    command = [sys.executable, "-m", "claude_code_router.cli", "start"]
    return Proxy("ours", command, port, home, {"PYTHONPYCACHEPREFIX": str(bytecode)})


def npm_tool(home: Path, upstream: str) -> Proxy | None:
    """None when it is not installed."""
    script = NPM_TOOL / "dist" / "cli.js"
    node = shutil.which("node")
    if node is None or not script.exists():
        return None
    port = free_port()
    _write(home / ".claude-code-router" / "config.json", config(port, upstream))
    return Proxy("npm 2.0.0", [node, str(script), "start"], port, home)


def fake_upstream(home: Path) -> Proxy:
    port = free_port()
    return Proxy("upstream", [sys.executable, str(HERE / "fake_upstream.py"), str(port)], port, home)


def answers(port: int) -> bool:
    """Whether anything speaks HTTP there. What it says does not matter."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health")
        connection.getresponse().read()
        return True
    return False


def records(proxy: Proxy) -> tuple[int, int]:
    """Our records: rows in the database, and how many the service says it dropped."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    connection.request("GET", "/health")
    dropped = int(json.loads(connection.getresponse().read())["records"]["dropped"])
    with contextlib.closing(sqlite3.connect(proxy.home / ".claude-code-router" / "records.sqlite")) as database:
        (rows,) = database.execute("SELECT count(*) FROM requests").fetchone()
    return int(rows), dropped


def evict(*folders: Path) -> None:
    """Forgets what the page cache holds of these folders, so that the next start reads the disk. Others' files stay."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix not in (".py", ".pyc", ".so") or not path.is_file():
                continue
            file = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def version_s(bytecode: Path) -> float:
    """Wall time of one `ccr version`."""
    command = [str(Path(sys.executable).parent / "ccr"), "version"]
    begun = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={"PATH": "", "PYTHONPYCACHEPREFIX": str(bytecode)}
    )
    return time.perf_counter() - begun


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _cpu_s(pid: int) -> float:
    # The process's CPU clock (clock_getcpuclockid): what utime + stime are rounded from.
    with contextlib.suppress(OSError):
        return time.clock_gettime(((~pid) << 3) | 2)
    return 0.0


def _resident_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0

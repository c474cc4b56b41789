"""Starting a service in the background, with its errors brought to the person who waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from claude_code_router.cli import service, starter
from claude_code_router.cli.serve import ServeOptions
from claude_code_router.cli.service import Service, ServiceFailed
from claude_code_router.config.home import Home
from claude_code_router.server.leases import process_start

READY_WITHIN_S = 30.0  # a cold start takes about one; a child that ends is noticed at once, so this is for a stuck one
LOGS_KEPT = 9  # as the npm tool
TAIL_LINES = 20


def serve_command(options: ServeOptions) -> list[str]:
    """`-P`: the project that `ccr code` runs in may hold a `json.py`, which is none of our modules."""
    return [sys.executable, "-P", "-m", "claude_code_router.cli.serve", msgspec.json.encode(options).decode()]


def ensure_service(home: Home, started_by: service.StartedBy) -> Service:
    """The running service, started if there is none."""
    found = service.find(home)
    return found if found.running else start_daemon(home, ServeOptions(started_by=started_by))


def start_daemon(home: Home, options: ServeOptions) -> Service:
    """Returns when /health answers with the token of the child, or of one that came first.

    Raises ServiceFailed with what the child said when it ends instead.
    """
    starter.offer(home.config)  # here, and not only in the child, whose words go to the log
    log = new_log(home.logs)
    options = msgspec.structs.replace(options, daemon=True, log=str(log))
    pid = _spawn(serve_command(options), os.environ, log, home.root)
    mark = process_start(pid)
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        alive = (
            mark and process_start(pid) == mark
        )  # looked at before the service: it may end right after its last word
        found = service.find(home)
        if found.running:
            return found
        if not alive:
            raise ServiceFailed(f"the router did not start. It said:\n{tail(log)}", hint=f"\nIts log: {log}")
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"the router (pid {pid}) has not answered for {READY_WITHIN_S:.0f} s. Its last words:\n{tail(log)}",
                hint=f"\nIts log: {log}",
            )
        time.sleep(service.LOOK_EVERY_S)


def _spawn(command: list[str], env: Mapping[str, str], log: Path, directory: Path) -> int:
    """The pid of a process that outlives this one, belongs to no terminal, and is nobody's child.

    Not our child, because `ccr code` becomes claude: claude should not have to bury a process that it does not know.
    """
    with log.open("ab") as output:
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=directory,
                creationflags=flags,
            ).pid
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                grandchild = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=directory
                )
                os.write(writer, str(grandchild.pid).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            pid = answer.read()
        os.waitpid(child, 0)
    if not pid:
        raise ServiceFailed(f"cannot run {command[0]}.")
    return int(pid)


def new_log(directory: Path) -> Path:
    """A fresh log file (0600), named like the npm tool's; the oldest ones beyond the newest nine go."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(directory.glob("ccr-*.log"))[: -(LOGS_KEPT - 1)]:
        old.unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%d%H%M%S")
    number = 0
    while True:
        path = directory / (f"ccr-{stamp}_{number}.log" if number else f"ccr-{stamp}.log")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            number += 1
        else:
            return path


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"

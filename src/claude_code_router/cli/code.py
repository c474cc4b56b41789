"""`ccr code`. No Typer here: the arguments are claude's, and starting it should cost as little as can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from claude_code_router import __version__
from claude_code_router.cli.daemon import ensure_service
from claude_code_router.cli.environment import client_changes
from claude_code_router.cli.service import ServiceFailed
from claude_code_router.cli.terminal import complain
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.server import leases


def command(arguments: list[str]) -> int:
    """Run Claude Code through the router; all arguments go to claude as they are.

    Usage: ccr code [arguments of claude ...]

    The router is started when it is not running; one that was started this way ends a few seconds after the last
    `ccr code` has left. The exit code is claude's own. The executable is CLAUDE_PATH (environment or config.json), else
    `claude` from PATH.
    """
    home = Home()
    lease = leases.take(home.leases, os.getpid())  # before looking for the service: see leases.watch_leases
    try:
        found = ensure_service(home, started_by="code")
        if found.state is None:
            raise ServiceFailed("the router is gone again.")
        if found.state.version != __version__:
            complain(
                f"the running router is version {found.state.version}, this is {__version__}: `ccr restart` updates it."
            )
        config = load(home.config, os.environ)  # after the start: there is a file now
        if not config.providers:
            complain(f"no providers in {home.config} yet: requests are answered with advice until there is one.")
        env = client_changes(config, found.state.url, os.environ).applied_to(os.environ)
        executable = find_claude(config.settings.claude_path, env)
        return become(executable, arguments, env, closed_input=config.settings.non_interactive)
    finally:
        leases.release(lease)


def find_claude(name: str, env: Mapping[str, str]) -> str:
    wanted = str(Path(name).expanduser())
    found = shutil.which(wanted, path=env.get("PATH"))
    if found:
        return found
    if Path(wanted).is_file():
        raise ServiceFailed(f"{wanted} is not executable.", hint="`chmod +x` it, or set CLAUDE_PATH to the right file.")
    raise ServiceFailed(
        f"cannot find Claude Code ({name!r}).",
        hint="Install it (`npm install -g @anthropic-ai/claude-code`), or set CLAUDE_PATH to where it is.",
    )


def become(executable: str, arguments: list[str], env: Mapping[str, str], *, closed_input: bool) -> int:
    """This process becomes claude: same pid (the lease holds on), same terminal, its signals, its exit code.

    Windows has no such exec; there we wait for it, and pass the code on.
    """
    if sys.platform == "win32":
        closed = subprocess.DEVNULL if closed_input else None
        return subprocess.run([executable, *arguments], env=dict(env), stdin=closed, check=False).returncode
    if closed_input:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.flush()
    sys.stderr.flush()
    return _exec(executable, arguments, env)


def _exec(executable: str, arguments: list[str], env: Mapping[str, str]) -> NoReturn:
    try:
        os.execve(executable, [executable, *arguments], dict(env))
    except OSError as error:
        raise ServiceFailed(f"cannot run {executable}: {error.strerror}.", hint="Is CLAUDE_PATH right?") from error

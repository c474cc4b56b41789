"""`ccr start`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from claude_code_router.cli import serve
from claude_code_router.cli.daemon import serve_command, start_daemon
from claude_code_router.cli.serve import ServeOptions
from claude_code_router.cli.service import Service
from claude_code_router.cli.terminal import say
from claude_code_router.config.home import Home


def command(
    daemon: Annotated[
        bool, typer.Option("--daemon", "-d", help="Run in the background; the log goes to a file.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Listen here instead of PORT.", min=0, max=65535)] = None,
) -> None:
    """Start the router, in this terminal or with --daemon in the background.

    If it runs already, says so and changes nothing. A service started by `ccr code` then stays until `ccr stop`.
    """
    home, options = Home(), ServeOptions(port=port)
    if daemon:
        if not serve.already_running(home, options):
            describe(start_daemon(home, options))
        return
    run_here(options)


def run_here(options: ServeOptions) -> None:
    """This process becomes the service: a fresh interpreter, without the memory that parsing the command line took."""
    if sys.platform == "win32":
        serve.serve(Home(), options)
        return
    sys.stdout.flush()
    arguments = serve_command(options)
    os.execv(arguments[0], arguments)


def describe(found: Service) -> None:
    if found.state is not None:
        log = f", log {found.state.log}" if found.state.log else ""
        say(f"Claude Code Router is running at {found.state.url} (pid {found.state.pid}{log}).")

"""`ccr restart`."""

from __future__ import annotations

import os

from claude_code_router.cli import service
from claude_code_router.cli.daemon import start_daemon
from claude_code_router.cli.serve import ServeOptions
from claude_code_router.cli.service import Situation
from claude_code_router.cli.start import describe, run_here
from claude_code_router.cli.stop import end
from claude_code_router.cli.terminal import say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.server import leases


def command() -> None:
    """Stop the router and start it again as it was.

    In the background if it ran there or did not run; in this terminal if it ran in one. A `--port` is kept. With a broken
    config the old service is left alone.
    """
    home = Home()
    load(home.config, os.environ)
    found = service.find(home)
    options, daemon = ServeOptions(), True
    if found.situation in (Situation.RUNNING, Situation.HUNG) and found.state is not None:
        stays = (home.leases / leases.KEEP).exists()
        options = ServeOptions(port=found.state.port_option, started_by="start" if stays else found.state.started_by)
        daemon = found.state.daemon
        end(home, found)
        say(f"Claude Code Router (pid {found.state.pid}) has stopped.")
    if daemon:
        describe(start_daemon(home, options))
    else:
        run_here(options)

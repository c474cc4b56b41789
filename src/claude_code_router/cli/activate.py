"""`ccr activate` (`ccr env`)."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from claude_code_router.cli import service
from claude_code_router.cli.environment import Changes, client_changes
from claude_code_router.cli.service import base_url
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load


class Shell(StrEnum):
    SH = "sh"
    FISH = "fish"
    POWERSHELL = "powershell"


def command(
    shell: Annotated[Shell, typer.Option(help="Whose syntax to print; sh suits bash and zsh too.")] = (
        Shell.POWERSHELL if sys.platform == "win32" else Shell.SH
    ),
) -> None:
    """Print shell lines that point Claude Code and SDKs at the router.

    For `eval "$(ccr activate)"`. The lines are the environment that `ccr code` gives to claude; the router need not run yet.
    """
    home = Home()
    config = load(home.config, os.environ)
    found = service.find(home)
    if found.running and found.state is not None:
        url = found.state.url
    else:
        url = base_url(config.settings.host, config.settings.port)
        complain("the router is not running; `ccr start --daemon` starts it.")
    say(script(client_changes(config, url, os.environ), shell))


def script(changes: Changes, shell: Shell) -> str:
    lines = [_unset(name, shell) for name in changes.cleared]
    lines += [_set(name, value, shell) for name, value in changes.variables.items()]
    return "\n".join(lines)


def _set(name: str, value: str, shell: Shell) -> str:
    if shell is Shell.POWERSHELL:
        return "$env:{} = '{}'".format(name, value.replace("'", "''"))
    special = '\\"$' if shell is Shell.FISH else '\\"$`'
    quoted = "".join(f"\\{letter}" if letter in special else letter for letter in value)
    return f'set -gx {name} "{quoted}"' if shell is Shell.FISH else f'export {name}="{quoted}"'


def _unset(name: str, shell: Shell) -> str:
    if shell is Shell.POWERSHELL:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    return f"set -e {name}" if shell is Shell.FISH else f"unset {name}"

"""Finds the command that was asked for and imports that one only.

A command is a module `cli/<name>.py` with a function `command`, whose annotations Typer reads and whose docstring's first
line stands in the table below (a test compares them), so that `ccr help` imports none of them.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from claude_code_router.cli.terminal import complain, say
from claude_code_router.core.errors import RouterError


class Command(NamedTuple):
    module: str
    summary: str
    verbatim: bool = False
    """Everything after the name belongs to somebody else: no parser of ours looks at it."""
    bare: str = ""
    """A module whose `main` does the same without any arguments, and without the time and memory that a parser takes."""


COMMANDS: dict[str, Command] = {
    "code": Command(
        "code", "Run Claude Code through the router; all arguments go to claude as they are.", verbatim=True
    ),
    "demo": Command("demo", "Send typical requests through simulated models and show what routing saves."),
    "version": Command("version", "Print the version."),
    "start": Command("start", "Start the router, in this terminal or with --daemon in the background.", bare="serve"),
    "stop": Command("stop", "Stop the router and wait until it is gone."),
    "restart": Command("restart", "Stop the router and start it again as it was."),
    "status": Command("status", "Show whether the router runs, where, and with which config."),
    "activate": Command("activate", "Print shell lines that point Claude Code and SDKs at the router."),
    "logs": Command("logs", "Show the recorded requests, newest last."),
    "stats": Command("stats", "Sum up the recorded requests by day, model, scenario or namespace."),
    "report": Command(
        "report", "Report how well routing goes: misses, cost, speed, quality and trouble, against the period before."
    ),
    "explain": Command("explain", "Tell which rule chose a request's model, and why the others passed."),
    "models": Command("models", "Show what the configured models can do and cost, and which are unknown or retired."),
    "route": Command("route", "Try the routing rules on typical requests; nothing is sent anywhere."),
    "replay": Command(
        "replay", "Decide the recorded requests again by another config: what would change, and what it costs."
    ),
    "advise": Command("advise", "Propose changes of the config that the records show to be worth making."),
    "review": Command("review", "Judge recorded replies yourself, so that a judge model can be measured by you."),
    "learn": Command("learn", "Learn from outcomes which prompts need the stronger model, and check it."),
    "score": Command("score", "Score prompts by how much they need the stronger model."),
    "upgrade-check": Command(
        "upgrade_check", "Try a new model on the requests that an old one gets, before it takes its place."
    ),
}
GROUPS = {
    "start": "The router as a service",
    "logs": "What happened",
    "models": "Who answers what",
    "replay": "What to change",
}
"""The heading above the command with which the group begins."""
ALIASES = {"env": "activate"}
HELP_WORDS = frozenset({"help", "-h", "--help"})

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def run(arguments: Sequence[str]) -> int:
    """Runs `ccr <arguments>`; the result is the exit code."""
    if not arguments:
        say(overview())
        return EXIT_FAILED  # as the npm tool: a script that forgot the command should notice
    name, rest = arguments[0], arguments[1:]
    if name in HELP_WORDS:
        return _help(rest)
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        complain(unknown(name))
        say(overview())
        return EXIT_FAILED
    return _guarded(lambda: _dispatch(name, rest))


def overview() -> str:
    width = max(map(len, COMMANDS))
    lines = ["Usage: ccr <command> [options]", ""]
    for name, command in COMMANDS.items():
        lines += ["", GROUPS[name]] if name in GROUPS else []
        lines.append(f"  {name:<{width}}  {command.summary}")
    return "\n".join([*lines, "", "`ccr help <command>` tells more. `env` is another name for `activate`."])


def unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*COMMANDS, *ALIASES])
    hint = f" Did you mean {' or '.join(f'`ccr {one}`' for one in near)}?" if near else ""
    return f"there is no command {name!r}.{hint}"


def _help(rest: Sequence[str]) -> int:
    name = ALIASES.get(rest[0], rest[0]) if rest else ""
    if name in COMMANDS and COMMANDS[name].verbatim:
        say(import_module(f"claude_code_router.cli.{COMMANDS[name].module}").command.__doc__)
        return 0
    if name in COMMANDS:
        return _guarded(lambda: _dispatch(name, ["--help"]))
    say(overview())
    return 0 if not rest else EXIT_FAILED


def _dispatch(name: str, rest: Sequence[str]) -> int:
    entry = COMMANDS[name]
    if entry.bare and not rest:
        return int(import_module(f"claude_code_router.cli.{entry.bare}").main([]))
    command = import_module(f"claude_code_router.cli.{entry.module}").command
    if entry.verbatim:
        return int(command(list(rest)))
    import typer

    from claude_code_router.cli.arguments import Command

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})(command)
    app(args=list(rest), prog_name=f"ccr {name}", standalone_mode=True)
    return 0


def _guarded(work: Callable[[], int]) -> int:
    """The outermost ring: what is the owner's to mend is said in words, without a traceback."""
    try:
        return work()
    except RouterError as error:
        complain(str(error))
        return EXIT_FAILED
    except PermissionError as error:
        complain(f"no permission for {error.filename or 'that'}: {error.strerror}. Is it owned by another user?")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has enough. Without a target the interpreter would complain again while it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED

"""`ccr version`; the fast path in `cli.main` answers first, this is what `ccr help version` reads."""

from __future__ import annotations

from claude_code_router import __version__
from claude_code_router.cli.terminal import say


def command() -> None:
    """Print the version."""
    say(f"claude-code-router version: {__version__}")

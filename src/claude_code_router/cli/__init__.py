"""The handle: one file a command. `main` is what the `ccr` script runs."""

from __future__ import annotations

import sys

VERSION_WORDS = frozenset({"version", "-v", "--version"})


def main() -> int:
    """Answers `version` without importing anything of ours: status lines and scripts ask for it often."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in VERSION_WORDS:
        from claude_code_router import __version__

        sys.stdout.write(f"claude-code-router version: {__version__}\n")
        return 0
    from claude_code_router.cli.main import run

    return run(arguments)

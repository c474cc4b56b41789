"""What a command says to the person: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"ccr: {text}\n")
    sys.stderr.flush()

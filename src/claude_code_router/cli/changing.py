"""Showing what a command would change in the owner's file, asking, and writing it with a backup and every comment kept."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.edit import edit, edited
from claude_code_router.config.load import load_text
from claude_code_router.config.secrets import secrets_of

_AROUND = 2


def diff(path: Path, changes: Mapping[str, Any]) -> str:
    """Without secrets. Raises ConfigError or Misuse when the changes cannot be made."""
    old = path.read_text(encoding="utf-8")
    new = edited(old, changes, str(path))
    secrets = secrets_of(load_text(new, str(path), os.environ))
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), path.name, f"{path.name} (new)", "", "", _AROUND, ""
    )
    return secrets.struck_text("\n".join(lines))


def apply(path: Path, changes: Mapping[str, Any], *, yes: bool) -> bool:
    """Shows, asks unless `yes`, writes. Whether it was written."""
    say(diff(path, changes))
    if not yes and not typer.confirm(f"Write this to {path}?", default=False, err=True):
        complain("nothing was written.")
        return False
    backup = edit(path, changes)
    say(f"Written. What was there before is in {backup}; a running router picks the change up by itself.")
    return True

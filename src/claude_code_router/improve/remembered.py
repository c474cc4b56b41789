"""Which words and facts each state of the config asked for, kept beside the records: a replay must know of a word that is not
on a record whether nobody said it or nobody listened.

One small file in the cache directory, written when a config comes into force, readable for its owner only. Without it,
replays know the config in use and its backups, and count the rest as untold.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.improve.again import known_of
from claude_code_router.improve.told import Asked

_KEPT = 500
"""States of configs, the newest."""

_FILE = "asked.json"


def remember(cache: Path, config: Config) -> None:
    """Blocks. What cannot be written is not worth a word: replays tell less then."""
    known = recalled(cache)
    fresh = known_of([config])
    if all(known.get(digest) == asked for digest, asked in fresh.items()):
        return
    merged = {digest: asked for digest, asked in known.items() if digest not in fresh} | fresh
    kept = dict(list(merged.items())[-_KEPT:])
    beside = cache / f"{_FILE}.{os.getpid()}.tmp"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as made:
            made.write(msgspec.json.encode(kept))
        beside.replace(cache / _FILE)
    except OSError:
        return


def recalled(cache: Path) -> dict[str, Asked]:
    """By config hash; empty when there is nothing that can be read."""
    try:
        return msgspec.json.decode((cache / _FILE).read_bytes(), type=dict[str, Asked])
    except (OSError, msgspec.MsgspecError):
        return {}

"""`CUSTOM_ROUTER_PATH`: which script, and what it gets to see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.config import schema
from claude_code_router.config.check import problem
from claude_code_router.core.errors import Problem
from claude_code_router.plugins.settings import SUFFIXES, CustomRouterSettings

_KEY = ("CUSTOM_ROUTER_PATH",)


def custom_router(file: schema.File, data: Mapping[str, Any]) -> tuple[CustomRouterSettings | None, list[Problem]]:
    """Never an error: an old config whose script has gone must go on routing, as with the npm tool. `data` is the whole
    file, interpolated: the script is the owner's own code, and the npm tool gives it everything."""
    said = file.CUSTOM_ROUTER_PATH.strip()
    if not said:
        return None, []
    path = _expanded(said)
    if path is None or not path.is_absolute():
        # Relative to what? Never to where the router happens to be started: that may be a stranger's repository.
        return None, [problem(_KEY, f'"{said}"', "an absolute path, or one that begins with ~/; no script is run")]
    if path.suffix not in SUFFIXES:
        return None, [problem(_KEY, f'"{said}"', f"a file that ends in {', '.join(SUFFIXES)}; no script is run")]
    missing = (
        []
        if path.is_file()
        else [problem(_KEY, f'"{said}", which is not there', "the file; it is used as soon as it is")]
    )
    providers = data.get("Providers") or []
    whole = {**data, "Providers": providers, "providers": providers}
    limit_s = file.CUSTOM_ROUTER_TIMEOUT_MS / 1000
    return CustomRouterSettings(path=str(path), limit_s=limit_s, config=msgspec.json.encode(whole)), missing


def _expanded(said: str) -> Path | None:
    try:
        return Path(said).expanduser()
    except RuntimeError:  # ~somebody who does not exist
        return None

"""What other Python packages bring along by entry point. The only place that looks for it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

log = logging.getLogger("ccr.plugins")

Group = Literal["claude_code_router.rules", "claude_code_router.transforms", "claude_code_router.providers"]


class Found(NamedTuple):
    name: str
    distribution: str
    value: Any


def load_installed(group: Group, path: Sequence[str] | None = None) -> tuple[Found, ...]:
    """In order of distribution and name. What does not load is a warning that names its distribution, never an error."""
    where = [folder for folder in (sys.path if path is None else path) if folder]  # "": wherever we were started
    if not _anybody(group, where):
        return ()
    from importlib.metadata import distributions

    found = []
    for distribution in distributions(path=list(where)):
        for entry in distribution.entry_points.select(group=group):
            name = distribution.metadata["Name"]
            try:
                found.append(Found(entry.name, name, entry.load()))
            except Exception as error:  # noqa: BLE001 (a stranger's module, whatever it raises)
                log.warning("%s: its %s %r does not load: %s: %s", name, group, entry.name, type(error).__name__, error)
    return tuple(sorted(found, key=lambda one: (one.distribution.lower(), one.name)))


def _anybody(group: Group, path: Sequence[str]) -> bool:
    """`importlib.metadata` takes 35 ms and some megabytes; hardly anybody has a plug-in, and the files tell in two."""
    heading = f"[{group}]".encode()
    entries = (entry for folder in path for entry in Path(folder).glob("*.dist-info/entry_points.txt"))
    return any(heading in _read(entry) for entry in entries)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""

"""The file in which `ccr learn` leaves what it has learnt."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.routing.learned import BUCKETS, VERSION, LearnedModel


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold before what was learnt may decide."""

    name: str
    passed: bool
    said: str
    """What was found, with its figures."""
    wanted: str
    figure: float


class FittedOn(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    rows: Mapping[str, int]
    """By tier."""
    models: Mapping[str, tuple[str, ...]]
    """By tier: who gave the answers."""


class LearnedFile(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    made_at: str
    """ISO 8601."""
    epoch: str
    """Digest of whose answers and whose judgements it was fitted on: a file of another epoch says nothing about them."""
    switched_on: bool
    """The learned regression passed its checks; else `model` is what stands in for it."""
    instead: str
    fitted_on: FittedOn
    checks: tuple[Check, ...]
    model: LearnedModel


def read(path: Path) -> LearnedFile:
    """Raises BadRequest when there is none, or none that this version understands."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=LearnedFile)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.", hint="`ccr learn` writes it.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"{path} is not what `ccr learn` writes: {error}.", hint="Write it again with `ccr learn`."
        ) from None
    if found.version != VERSION:
        raise BadRequest(
            f"{path} is of version {found.version}, this is version {VERSION}.", hint="Write it again with `ccr learn`."
        )
    words = found.model.words
    if words is not None and {len(words.light.weights), len(words.heavy.weights)} != {4 * BUCKETS}:
        raise BadRequest(f"{path} has not {BUCKETS} weights a tier.", hint="Write it again with `ccr learn`.")
    return found


def write(path: Path, file: LearnedFile) -> None:
    """Whole or not at all, for its owner only. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file)))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

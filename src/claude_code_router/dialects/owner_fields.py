"""What the owner adds to a translated body: fields that fill gaps, fields that win, and upper bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fill(body: dict[str, Any], extra: Mapping[str, object]) -> None:
    """Objects are merged, existing scalars and arrays stay."""
    for name, value in extra.items():
        if isinstance(value, Mapping) and isinstance(body.get(name), dict):
            fill(body[name], value)
        elif name not in body:
            body[name] = value


def force(body: dict[str, Any], wins: Mapping[str, object]) -> None:
    """Objects are merged, everything else is replaced."""
    for name, value in wins.items():
        if isinstance(value, Mapping) and isinstance(body.get(name), dict):
            force(body[name], value)
        else:
            body[name] = value


_OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""One limit under three names: the owner's `max_tokens` is meant for whichever is sent."""


def cap(body: dict[str, Any], caps: Mapping[str, float]) -> None:
    for name, most in caps.items():
        for field in _OUTPUT_LIMITS if name.startswith("max_") else (name,):
            value = body.get(field)
            if isinstance(value, int | float) and value > most:
                body[field] = most

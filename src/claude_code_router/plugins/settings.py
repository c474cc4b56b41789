"""What the config says about the custom router, as one frozen value."""

from __future__ import annotations

import msgspec


class CustomRouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    """Absolute; its suffix says the language."""
    limit_s: float = 1.0
    """What one request may wait for it."""
    config: bytes = b"{}"
    """The owner's whole file as JSON, interpolated: the script's second argument."""


PYTHON = (".py",)
JAVASCRIPT = (".js", ".cjs", ".mjs")
SUFFIXES = (*JAVASCRIPT, *PYTHON)

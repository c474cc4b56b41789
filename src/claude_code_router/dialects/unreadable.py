"""What msgspec raises on bytes that cannot be read as what was asked for."""

from __future__ import annotations

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Not only its own error: text that is not UTF-8 and bottomless nesting come out as Python's (msgspec 0.22)."""

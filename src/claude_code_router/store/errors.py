"""What the store raises."""

from __future__ import annotations

from typing import ClassVar

from claude_code_router.core.errors import Fault, RouterError


class StoreFailed(RouterError):
    """The database cannot be read or written now: locked, full, broken, unreachable. Later may be better.

    Never ends a walk: the writer tries again, and a command prints the sentence.
    """

    fault: ClassVar[Fault] = "owner"


class RowRejected(StoreFailed):
    """The database works and does not take this row; trying again is of no use."""
